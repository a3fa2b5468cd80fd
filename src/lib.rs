//! contact-lists: a gRPC service that keeps an organization's contact lists.
//!
//! A call goes down this list, and each module imports only from those below it:
//!
//! - [`cli`]: the commands; beside it `fuzzing`, what the fuzz targets call, which is built for these and for tests only;
//! - [`server`]: a server that is bound to its address, and the layers that each call passes through;
//! - [`jobs`]: what runs beside the calls;
//! - [`settings`]: the flags and their environment variables;
//! - [`rpc`]: how a call is asked and answered on the wire;
//! - [`app`]: what a call means; [`auth`]: who makes it;
//! - [`repository`]: where everything is stored;
//! - [`spool`], [`telemetry`] and the keyed semaphore: small parts that others share;
//! - [`error`]: what can go wrong with a call;
//! - [`domain`]: checked values, without I/O.
//!
//! Only `server`, `rpc` and `error` know tonic, and of `jobs` only the one that reports health. Only `repository` knows SeaORM
//! and sqlx.
//!
//! Outside of the list stands what is generated of `proto/`: [`proto`], which only `server`, `rpc`, `error` and `fuzzing`
//! import, and [`FILE_DESCRIPTOR_SET`], which reflection and the codec read. One type of the contract is known everywhere: the
//! reasons of violations, as [`domain::violation::Reason`].

// Beside the lints of the workspace.
#![warn(missing_docs)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used))]

pub mod app;
pub mod auth;
pub mod cli;
pub mod domain;
pub mod error;
#[cfg(any(fuzzing, test))]
pub mod fuzzing;
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
