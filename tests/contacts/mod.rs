//! `ContactService`: a file for each call, and what holds for several.

mod delete;
mod get;
mod list;
mod stored_numbers;
mod update;
