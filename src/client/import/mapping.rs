//! What is read of the rows of a table, and which column it is in as `--map` tells.

use std::str::FromStr;

use anyhow::{anyhow, bail};
use strum::VariantArray;

use crate::client::contact_columns::{Column, Field};

/// What `--map FIELD=COLUMN` says; without a column, the field is not imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// The field.
    pub column: Column,
    /// The header of its column; empty if it is not imported.
    pub header: String,
}

impl FromStr for Mapping {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let Some((name, header)) = text.split_once('=') else {
            bail!("write FIELD=COLUMN, such as phone=Telefon");
        };
        let names = || {
            Field::VARIANTS
                .iter()
                .map(|field| field.name())
                .collect::<Vec<_>>()
        };
        let column = Column::parse(name.trim());
        let column = column.ok_or_else(|| {
            anyhow!(
                "{name} is not a field: write {} or properties.KEY",
                names().join(", ")
            )
        })?;
        Ok(Self {
            column,
            header: header.trim().to_owned(),
        })
    }
}

/// What is read of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// A contact, which has a phone.
    Contact,
    /// Whom it names, by phone, external_id or id, and that person's consent.
    Reference,
}

/// The fields that name a contact, the first that a row has before the others.
pub const REFERENCE_FIELDS: [Field; 3] = [Field::Phone, Field::ExternalId, Field::Id];

impl Content {
    /// Whether the column is read.
    pub fn has(self, column: &Column) -> bool {
        match (self, column) {
            (Self::Contact, column) => *column != Column::Field(Field::Id),
            (Self::Reference, Column::Field(field)) => {
                REFERENCE_FIELDS.contains(field) || field.is_of_consent()
            }
            (Self::Reference, Column::Property(_)) => false,
        }
    }
}
