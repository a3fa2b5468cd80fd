//! Custom objects: creating them, changing them, adding properties, deleting them, and choosing the one that a call is about.
//!
//! Every change locks the organization's row, of which updates hold a shared lock: what their contacts are checked against
//! does not change while they run.

use uuid::Uuid;

use crate::{
    domain::{
        OrganizationId,
        custom_object::{
            CustomObject, CustomProperty, Key, MAX_CUSTOM_OBJECTS, MAX_PROPERTIES,
            MAX_RECORD_BYTES, ObjectReference, record_too_large,
        },
        name::Name,
        now,
        organization::Organization,
        property_value::{Properties, json_bytes},
        violation::{Reason, Violation},
    },
    error::{Error, Result},
    repository::{
        Connection, Repository, Transaction, TransactionOutcome, bulk, custom_objects,
        custom_objects::BareObject, organizations,
    },
};

/// The field of AddCustomProperty with the value that existing records get.
const DEFAULT_VALUE: &str = "property.default_value";

/// Creates a custom object with its properties. Returns it, and whether it is the organization's default one. Fails if another
/// object has the key, if the organization has [`MAX_CUSTOM_OBJECTS`] already, or if a record with all the defaults would be
/// too large.
pub async fn create(
    repository: &Repository,
    organization: OrganizationId,
    key: Key,
    label: Name,
    properties: Vec<CustomProperty>,
) -> Result<(CustomObject, bool)> {
    let input = (organization, key, label, properties);
    repository
        .write(
            input,
            |(organization, key, label, properties), transaction| {
                Box::pin(async move {
                    let object = create_in(transaction, *organization, key, label, properties);
                    Ok(TransactionOutcome::Commit(object.await?))
                })
            },
        )
        .await
}

/// Creates a custom object in a transaction, as [`create`] does.
pub async fn create_in(
    transaction: &Transaction,
    organization: OrganizationId,
    key: &Key,
    label: &Name,
    properties: &[CustomProperty],
) -> Result<(CustomObject, bool)> {
    let organization = organizations::lock(transaction, organization).await?;
    let keys = custom_objects::keys(transaction.db(), organization.id).await?;
    if keys.iter().any(|taken| taken == key.as_str()) {
        return Err(Error::AlreadyExists {
            resource_type: "custom_object",
            field: "key",
        });
    }
    if keys.len() >= MAX_CUSTOM_OBJECTS {
        return Err(Error::ResourceLimitReached {
            resource_type: "custom_object",
            limit: MAX_CUSTOM_OBJECTS,
        });
    }
    let object = CustomObject {
        id: Uuid::now_v7(),
        key: key.as_str().to_owned(),
        label: label.as_str().to_owned(),
        properties: properties.to_vec(),
        create_time: now(),
    };
    refuse_large_defaults(&object, "properties")?;
    custom_objects::insert(transaction, organization.id, &object).await?;
    with_default(transaction, &organization, object).await
}

/// Returns `object`, and whether it is the organization's default one.
async fn with_default(
    transaction: &Transaction,
    organization: &Organization,
    object: CustomObject,
) -> Result<(CustomObject, bool)> {
    let default = custom_objects::default_id(transaction.db(), organization).await?;
    let is_default = default == Some(object.id);
    Ok((object, is_default))
}

/// The changes to a custom object. `None` leaves a field as it is.
pub struct ObjectChange {
    /// The object's organization.
    pub organization: OrganizationId,
    /// The object's id.
    pub id: Uuid,
    /// The new label.
    pub label: Option<Name>,
    /// Whether it becomes the organization's default one.
    pub is_default: Option<bool>,
}

impl ObjectChange {
    /// Changes the object. Returns it, and whether it is the organization's default one. Fails if the default object is not to
    /// be it any more: another one can only take its place.
    pub async fn apply(self, repository: &Repository) -> Result<(CustomObject, bool)> {
        repository
            .write(self, |change, transaction| {
                Box::pin(change.apply_in(transaction))
            })
            .await
    }

    async fn apply_in(
        &self,
        transaction: &Transaction,
    ) -> Result<TransactionOutcome<(CustomObject, bool)>> {
        let organization = organizations::lock(transaction, self.organization).await?;
        let mut object = custom_objects::get(transaction.db(), self.organization, self.id).await?;
        if let Some(label) = &self.label {
            custom_objects::set_label(transaction, self.organization, self.id, label).await?;
            object.label = label.as_str().to_owned();
        }
        if self.is_default == Some(true) {
            organizations::set_default_custom_object(transaction, self.organization, self.id)
                .await?;
            return Ok(TransactionOutcome::Commit((object, true)));
        }
        let changed = with_default(transaction, &organization, object).await?;
        if self.is_default == Some(false) && changed.1 {
            return Err(Error::field(Violation::new(
                Reason::FieldInvalid,
                "custom_object.is_default",
                "cannot end: make another object the default one",
            )));
        }
        Ok(TransactionOutcome::Commit(changed))
    }
}

/// Adds a property. Returns the resulting object, and whether it is the organization's default one. If the property is
/// required, existing records get its default. Fails if it is required and has no default, if another property has the key, if the object has [`MAX_PROPERTIES`] already, or
/// if a record would become too large.
pub async fn add_property(
    repository: &Repository,
    organization: OrganizationId,
    id: Uuid,
    property: CustomProperty,
) -> Result<(CustomObject, bool)> {
    if property.required && property.default_value.is_none() {
        return Err(Error::field(Violation::new(
            Reason::FieldRequired,
            DEFAULT_VALUE,
            "is required, as the records that exist get it",
        )));
    }
    let input = (organization, id, property);
    repository
        .write(input, |(organization, id, property), transaction| {
            Box::pin(add_property_in(transaction, *organization, *id, property))
        })
        .await
}

async fn add_property_in(
    transaction: &Transaction,
    organization: OrganizationId,
    id: Uuid,
    property: &CustomProperty,
) -> Result<TransactionOutcome<(CustomObject, bool)>> {
    let locked = organizations::lock(transaction, organization).await?;
    let mut object = custom_objects::get(transaction.db(), organization, id).await?;
    if object.properties.iter().any(|it| it.key == property.key) {
        return Err(Error::AlreadyExists {
            resource_type: "custom_property",
            field: "key",
        });
    }
    let position = object.properties.len();
    if position >= MAX_PROPERTIES {
        return Err(Error::ResourceLimitReached {
            resource_type: "custom_property",
            limit: MAX_PROPERTIES,
        });
    }
    object.properties.push(property.clone());
    refuse_large_defaults(&object, DEFAULT_VALUE)?;
    custom_objects::insert_property(transaction, organization, id, position, property).await?;
    if let Some(value) = &property.default_value
        && property.required
    {
        let key = property.key.as_str().to_owned();
        let added = Properties::from([(key, value.clone())]);
        add_to_records(transaction, organization, id, &added).await?;
    }
    let changed = with_default(transaction, &locked, object).await?;
    Ok(TransactionOutcome::Commit(changed))
}

fn refuse_large_defaults(object: &CustomObject, field: &str) -> Result<()> {
    if json_bytes(&object.defaults()) > MAX_RECORD_BYTES {
        return Err(Error::field(record_too_large().at(field)));
    }
    Ok(())
}

/// Adds values to every record of an object. Fails if one would become too large.
async fn add_to_records(
    transaction: &Transaction,
    organization: OrganizationId,
    object: Uuid,
    added: &Properties,
) -> Result<()> {
    // Merging replaces two braces with one comma.
    let limit = (MAX_RECORD_BYTES + 1).saturating_sub(json_bytes(added));
    let too_large = bulk::record_above(transaction, organization, object, limit).await?;
    if let Some(contact) = too_large {
        return Err(Error::field(Violation::new(
            Reason::RecordTooLarge,
            DEFAULT_VALUE,
            format!(
                "the record of contact {contact} would have more than {MAX_RECORD_BYTES} bytes as JSON"
            ),
        )));
    }
    bulk::add_to_records(transaction, organization, object, added).await
}

/// Deletes a custom object. Fails while contacts have records of it.
pub async fn delete(repository: &Repository, organization: OrganizationId, id: Uuid) -> Result<()> {
    repository
        .write((organization, id), |(organization, id), transaction| {
            Box::pin(delete_in(transaction, *organization, *id))
        })
        .await
}

async fn delete_in(
    transaction: &Transaction,
    organization: OrganizationId,
    id: Uuid,
) -> Result<TransactionOutcome<()>> {
    organizations::lock(transaction, organization).await?;
    custom_objects::get(transaction.db(), organization, id).await?;
    if custom_objects::has_records(transaction.db(), organization, id).await? {
        return Err(Error::ResourceInUse {
            resource_type: "custom_object",
            resource_name: id.to_string(),
            used_by: "records of contacts",
        });
    }
    custom_objects::delete(transaction, organization, id).await?;
    Ok(TransactionOutcome::Commit(()))
}

/// Returns the custom object that a call is about: the one that it names, or else the organization's default one. Fails if the
/// one that it names does not exist.
pub async fn choose(
    db: &impl Connection,
    organization: &Organization,
    named: Option<&ObjectReference>,
) -> Result<Option<CustomObject>> {
    match choose_bare(db, organization, named).await? {
        Some(object) => Ok(Some(object.with_properties(db, organization.id).await?)),
        None => Ok(None),
    }
}

/// Returns the id of the custom object that [`choose`] chooses, if there is one. Fails alike.
pub async fn choose_id(
    db: &impl Connection,
    organization: &Organization,
    named: Option<&ObjectReference>,
) -> Result<Option<Uuid>> {
    let object = choose_bare(db, organization, named).await?;
    Ok(object.map(|object| object.id()))
}

async fn choose_bare(
    db: &impl Connection,
    organization: &Organization,
    named: Option<&ObjectReference>,
) -> Result<Option<BareObject>> {
    let (found, name) = match named {
        None => return custom_objects::find_bare_default(db, organization).await,
        Some(ObjectReference::Id(id)) => (
            custom_objects::find_bare(db, organization.id, *id).await?,
            id.to_string(),
        ),
        Some(ObjectReference::Key(key)) => (
            custom_objects::find_bare_by_key(db, organization.id, key).await?,
            key.as_str().to_owned(),
        ),
    };
    match found {
        Some(object) => Ok(Some(object)),
        None => Err(Error::not_found("custom_object", name)),
    }
}
