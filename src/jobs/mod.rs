//! Background jobs, which run for as long as the server does.

pub mod health;
pub mod key_uses;
pub mod retention;
