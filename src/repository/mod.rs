//! Where everything is kept: SQLite or PostgreSQL, through SeaORM. Every query is held to the organization that its
//! function is given, right after the connection.

pub mod api_keys;
pub mod bulk;
pub mod channels;
mod connect;
pub mod contact_lists;
pub mod contacts;
pub mod custom_objects;
mod db_error;
pub mod entity;
mod migrate;
pub mod migration;
pub mod opted_out_numbers;
pub mod organizations;
mod postgres_plans;
pub mod preferences;
mod prefix;
mod retry;
pub mod sql;
mod sqlite_checkpoints;
mod timeout;
mod transaction;
pub mod updates;
mod write_queue;

pub use self::{
    connect::{DatabaseOptions, Repository},
    transaction::{Transaction, TransactionOutcome},
};
