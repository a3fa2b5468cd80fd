//! contact-lists: a gRPC service that keeps an organization's contact lists.
//!
//! A call is asked in [`rpc`], means something in [`domain`], [`update`], [`contacts`] and [`preferences`], and is kept in
//! [`repository`]. Only `rpc`, [`server`] and [`error`] know tonic; only `repository` knows SeaORM; `domain` knows neither.

#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used))]

pub mod app;
pub mod auth;
pub mod cli;
pub mod domain;
pub mod error;
pub mod repository;
pub mod rpc;
pub mod server;
pub mod settings;
pub mod spool;
pub mod telemetry;

pub use generated::contactlists::v1 as proto;

/// The generated code of `proto/`.
#[allow(missing_docs, clippy::all)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/proto.rs"));
}

/// The descriptor set of `proto/`, with its comments and options.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptor.bin"));
