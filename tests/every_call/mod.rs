//! What holds for every call.

mod errors;
mod health;
mod keys;
mod pages;
mod tenancy;
mod texts;
mod transport;
