//! SeaORM's entities, a file per table. The columns are explained in the migrations.
#![allow(missing_docs)]

pub mod api_key;
pub mod channel;
pub mod communication_preference;
pub mod contact;
pub mod contact_list;
pub mod contact_list_contact;
pub mod contact_list_update;
pub mod custom_object;
pub mod custom_object_record;
pub mod custom_property;
pub mod erasure;
pub mod opted_out_number;
pub mod organization;
pub mod purge_time;
pub mod recorded_opt_out;

use std::str::FromStr;

use crate::error::{Error, Result};

/// Parses a stored name, such as that of a type or a state. Fails if nothing has the name.
pub fn parse_name<T: FromStr>(name: &str) -> Result<T> {
    name.parse()
        .map_err(|_| Error::internal(anyhow::anyhow!("the stored name {name:?} is unknown")))
}
