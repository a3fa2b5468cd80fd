//! contact-lists: a gRPC service that keeps an organization's contact lists.
//!
//! A call passes through these modules from top to bottom, and each imports only from those below it:
//!
//! - [`cli`]: the commands; beside it `fuzzing`, which the fuzz targets call, and which is built only for them and for
//!   tests;
//! - [`server`]: the server, bound to its address, and the layers that each call passes through; beside it [`client`], the
//!   commands that call a server;
//! - [`jobs`]: background jobs;
//! - [`settings`]: the flags and their environment variables;
//! - [`rpc`]: requests and responses on the wire;
//! - [`app`]: what a call means; [`auth`]: who makes it;
//! - [`repository`]: where everything is stored;
//! - [`spool`], [`telemetry`], the budget of memory and the keyed semaphore: small shared parts;
//! - long work: it leaves room for other calls;
//! - [`error`]: what can go wrong with a call;
//! - [`domain`]: checked values, without I/O.
//!
//! Only `client`, `server`, `rpc`, `error` and the job that reports health use tonic. Only `repository` uses SeaORM and sqlx.
//!
//! What is generated from `proto/` is not in the list: [`proto`], which only `client`, `server`, `rpc`, `error` and `fuzzing` import,
//! and [`FILE_DESCRIPTOR_SET`], which reflection and the codec read. One type of the contract is used everywhere: the
//! reasons of violations, as [`domain::violation::Reason`].

// In addition to the workspace's lints.
#![warn(missing_docs)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used))]

pub mod app;
pub mod auth;
pub mod cli;
pub mod client;
pub mod domain;
pub mod error;
#[cfg(any(fuzzing, test))]
pub mod fuzzing;
pub mod jobs;
mod keyed_semaphore;
mod long_work;
mod memory_budget;
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
