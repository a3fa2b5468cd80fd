//! `ContactService`: a file for each call.

mod delete;
mod get;
mod list;
mod update;
