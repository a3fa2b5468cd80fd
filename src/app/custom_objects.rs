//! Custom objects: creating them, adding properties, deleting them, and choosing the one that a call is about.
//!
//! Every change locks the organization's row, of which updates hold a shared lock: what their contacts are checked against
//! does not change while they run.

use uuid::Uuid;

use crate::{
    domain::{
        OrganizationId,
        custom_object::{
            CustomObject, CustomProperty, Key, MAX_CUSTOM_OBJECTS, MAX_PROPERTIES,
            MAX_RECORD_BYTES, ObjectChoice, record_too_large,
        },
        name::Name,
        now,
        property_value::{Properties, json_bytes},
        violation::{Reason, Violation},
    },
    error::{Error, Result},
    repository::{
        Connection, Repository, Transaction, TransactionOutcome, bulk, custom_objects,
        organizations,
    },
};

/// The field of AddCustomProperty with the value that existing records get.
const DEFAULT_VALUE: &str = "property.default_value";

/// Creates a custom object with its properties. Fails if another object has the key, if the organization has
/// [`MAX_CUSTOM_OBJECTS`] already, or if a record with all the defaults would be too large.
pub async fn create(
    repository: &Repository,
    organization: OrganizationId,
    key: Key,
    label: Name,
    properties: Vec<CustomProperty>,
) -> Result<CustomObject> {
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
) -> Result<CustomObject> {
    organizations::lock(transaction, organization).await?;
    let keys = custom_objects::keys(transaction.db(), organization).await?;
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
    custom_objects::insert(transaction, organization, &object).await?;
    Ok(object)
}

/// Adds a property, and returns the resulting object. If the property is required, existing records get its default. Fails
/// if it is required and has no default, if another property has the key, if the object has [`MAX_PROPERTIES`] already, or
/// if a record would become too large.
pub async fn add_property(
    repository: &Repository,
    organization: OrganizationId,
    id: Uuid,
    property: CustomProperty,
) -> Result<CustomObject> {
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
) -> Result<TransactionOutcome<CustomObject>> {
    organizations::lock(transaction, organization).await?;
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
    Ok(TransactionOutcome::Commit(object))
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

/// Returns the custom object that a call is about: the one with the given id, or without an id the organization's only one.
/// Fails if no object has the id.
pub async fn choose(
    db: &impl Connection,
    organization: OrganizationId,
    id: Option<Uuid>,
) -> Result<ObjectChoice> {
    if let Some(id) = id {
        let object = custom_objects::get(db, organization, id).await?;
        return Ok(ObjectChoice::Chosen(object));
    }
    let first_two = custom_objects::bare_page(db, organization, Uuid::nil(), 2).await?;
    let object_count = match <[_; 1]>::try_from(first_two) {
        Ok([only]) => {
            let object = only.with_properties(db, organization).await?;
            return Ok(ObjectChoice::Chosen(object));
        }
        Err(none) if none.is_empty() => 0,
        Err(_) => custom_objects::count(db, organization).await?,
    };
    Ok(ObjectChoice::NotNamed { object_count })
}

/// Returns the id of the custom object that [`choose`] chooses, if there is one. Fails alike.
pub async fn choose_id(
    db: &impl Connection,
    organization: OrganizationId,
    id: Option<Uuid>,
) -> Result<Option<Uuid>> {
    if let Some(id) = id {
        let object = custom_objects::find_bare(db, organization, id).await?;
        let object = object.ok_or_else(|| Error::not_found("custom_object", id))?;
        return Ok(Some(object.id()));
    }
    let first_two = custom_objects::bare_page(db, organization, Uuid::nil(), 2).await?;
    Ok(match &first_two[..] {
        [only] => Some(only.id()),
        _ => None,
    })
}
