//! The foundation of the tests: databases, the service under test, its callers, and builders for what they send.

mod by_hand;
mod callers;
mod client;
mod collector;
mod consent;
mod contacts;
mod counts;
mod database;
mod errors;
mod golden;
mod http;
mod json;
pub mod model;
mod objects;
mod on_both;
mod open_stream;
mod opt_outs;
mod postgres;
mod program;
mod raw;
mod relay;
mod seed;
mod service;
mod small_disk;
mod state;
mod steps;
mod stored_text;
mod tenants;
mod update;
mod waiting;
mod watched;

pub use by_hand::{ByHand, Frame, framed, kind};
pub use callers::Organization;
pub use client::Client;
pub use collector::Collector;
pub use consent::{day, said_on};
pub use contacts::{ContactExt, contact, contacts, number, numbers};
pub use counts::{Memberships, OptIns, Outcomes, memberships, opt_ins, outcomes, zeros_like};
pub use database::Database;
pub use errors::{
    assert_invalid, assert_refused, metadata, reason, reason_name, rejected, rejections, violations,
};
pub use golden::{assert_golden, redact_ids};
pub use http::{HttpResponse, http_get, http_send, metric};
pub use json::{json_of, struct_of, value_of};
pub use objects::{CustomPropertyExt, property};
pub use on_both::{Fixture, notice, run};
pub use open_stream::OpenStream;
pub use opt_outs::{OptOutHeaderExt, opt_out_header, opt_out_messages, opted_out, opted_out_by};
pub use postgres::PostgresServer;
pub use program::{Program, first_key};
pub use raw::{PREFACE, frame};
pub use relay::{Fault, Relay, Trigger, Way};
pub use seed::{Random, Seed, setting};
pub use service::Service;
pub use small_disk::SmallDisk;
pub use state::{Stored, until};
pub use steps::phones;
pub use stored_text::{lists_with_a_wrong_count, orphans, rows_containing, tables_containing};
pub use update::{HeaderExt, header, messages};
pub use watched::Watched;

pub use contact_lists::domain::scope::Scope;
pub use serde_json::json;
pub use tonic::Code;
