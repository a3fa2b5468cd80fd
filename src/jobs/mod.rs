//! What runs beside the calls, for as long as the server does.

pub mod health;
pub mod retention;
