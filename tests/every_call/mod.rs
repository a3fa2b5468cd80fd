//! What holds for every call.

mod bodies;
mod connections;
mod contract;
mod deadlines;
mod error_details;
mod errors;
mod field_masks;
mod health;
mod keys;
mod metadata;
mod newer_schema;
mod pages;
mod tenancy;
mod texts;
mod trailers;
mod transport;
