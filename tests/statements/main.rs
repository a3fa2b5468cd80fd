//! What the calls send to the database: how many statements, how they are planned, and what they read. A binary of its own, as
//! the log that it reads is the whole process's.

mod counts;
mod lists;
mod log;
mod plans;
