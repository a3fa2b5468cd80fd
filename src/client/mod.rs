//! The program as a client of the API: what `import`, `export`, `lists`, `list`, `updates`, `revert` and `health` do. Nothing here opens the
//! database.

pub mod connect;
mod consent;
mod contact_columns;
mod error;
pub mod export;
pub mod health;
pub mod import;
mod json;
pub mod lists;
pub mod output;
pub mod revert;
pub mod updates;
