//! What the calls send to the database: how many statements, how they are planned, and what they read. It is a binary of its
//! own, since the log that it reads is that of the whole process.

mod counts;
mod distributed;
mod lists;
mod log;
mod plans;
mod sessions;
