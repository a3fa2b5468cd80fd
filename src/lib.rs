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
pub mod jobs;
mod keyed_semaphore;
pub mod repository;
pub mod rpc;
pub mod server;
pub mod settings;
pub mod spool;
pub mod telemetry;

/// The contract's messages, clients, and the traits that the server implements.
pub mod proto {
    pub use crate::generated::contactlists::v1::*;
    pub use crate::generated_servers::*;
}

/// The generated code of `proto/`: messages and clients.
#[allow(missing_docs, clippy::all)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/proto.rs"));
}

/// The generated code of `proto/`: servers.
#[allow(missing_docs, clippy::all)]
mod generated_servers {
    include!(concat!(env!("OUT_DIR"), "/servers/contactlists.v1.rs"));
}

/// The descriptor set of `proto/`, with its comments and options.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptor.bin"));
