//! Custom objects and their properties.

use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use super::{
    Transaction, bulk,
    entity::{custom_object, custom_object_record, custom_property},
    organizations,
};
use crate::{
    domain::{
        OrganizationId,
        custom_object::{CustomObject, CustomProperty, Key, MAX_PROPERTIES},
        name::Name,
        now,
        property_value::Properties,
    },
    error::{Error, Result},
};

/// The most custom objects that an organization may have.
pub const MAX_CUSTOM_OBJECTS: usize = 100;

/// Creates a custom object with its properties.
pub async fn create(
    transaction: &Transaction,
    organization: OrganizationId,
    key: &Key,
    label: &Name,
    properties: &[CustomProperty],
) -> Result<CustomObject> {
    // Updates share this row: what their contacts are checked against does not change under them.
    organizations::lock(transaction, organization).await?;
    let objects = custom_object::Entity::find()
        .filter(custom_object::Column::OrganizationId.eq(organization.0))
        .all(transaction.db())
        .await?;
    if objects
        .iter()
        .any(|object| object.object_key == key.as_str())
    {
        return Err(Error::AlreadyExists {
            resource_type: "custom_object",
            field: "key",
        });
    }
    if objects.len() >= MAX_CUSTOM_OBJECTS {
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
    let model = custom_object::ActiveModel {
        organization_id: Set(organization.0),
        id: Set(object.id),
        object_key: Set(object.key.clone()),
        label: Set(object.label.clone()),
        create_time: Set(object.create_time),
    };
    model.insert(transaction.db()).await?;
    for (position, property) in (0..).zip(properties) {
        insert_property(transaction, organization, object.id, position, property).await?;
    }
    Ok(object)
}

async fn insert_property(
    transaction: &Transaction,
    organization: OrganizationId,
    object: Uuid,
    position: i32,
    property: &CustomProperty,
) -> Result<()> {
    let default_value = match &property.default_value {
        None => None,
        Some(value) => Some(serde_json::to_value(value).map_err(Error::internal)?),
    };
    let model = custom_property::ActiveModel {
        organization_id: Set(organization.0),
        custom_object_id: Set(object),
        property_key: Set(property.key.as_str().to_owned()),
        position: Set(position),
        label: Set(property.label.as_str().to_owned()),
        property_type: Set(property.property_type.name().to_owned()),
        required: Set(property.required),
        default_value: Set(default_value),
    };
    model.insert(transaction.db()).await?;
    Ok(())
}

/// Finds a custom object by its id.
pub async fn find(
    db: &impl ConnectionTrait,
    organization: OrganizationId,
    id: Uuid,
) -> Result<Option<CustomObject>> {
    match custom_object::Entity::find_by_id((organization.0, id))
        .one(db)
        .await?
    {
        None => Ok(None),
        Some(model) => Ok(Some(with_properties(db, organization, model).await?)),
    }
}

/// Finds a custom object by its id. Fails if there is none.
pub async fn get(
    db: &impl ConnectionTrait,
    organization: OrganizationId,
    id: Uuid,
) -> Result<CustomObject> {
    find(db, organization, id)
        .await?
        .ok_or_else(|| Error::not_found("custom_object", id))
}

/// The custom object that a read names, or the only one that the organization has, if it has one.
pub async fn named_or_only(
    db: &impl ConnectionTrait,
    organization: OrganizationId,
    id: Option<Uuid>,
) -> Result<Option<CustomObject>> {
    Ok(named_or_count(db, organization, id).await?.ok())
}

/// The same; without an id, and where the organization has not exactly one, how many it has.
pub async fn named_or_count(
    db: &impl ConnectionTrait,
    organization: OrganizationId,
    id: Option<Uuid>,
) -> Result<Result<CustomObject, usize>> {
    match id {
        Some(id) => get(db, organization, id).await.map(Ok),
        None => only(db, organization).await,
    }
}

/// At most `limit` custom objects with an id above `after`, ordered by id.
pub async fn page(
    db: &impl ConnectionTrait,
    organization: OrganizationId,
    after: Uuid,
    limit: u64,
) -> Result<Vec<CustomObject>> {
    let models = custom_object::Entity::find()
        .filter(custom_object::Column::OrganizationId.eq(organization.0))
        .filter(custom_object::Column::Id.gt(after))
        .order_by_asc(custom_object::Column::Id)
        .limit(limit)
        .all(db)
        .await?;
    // An organization has at most a hundred.
    let mut objects = Vec::with_capacity(models.len());
    for model in models {
        objects.push(with_properties(db, organization, model).await?);
    }
    Ok(objects)
}

/// Adds a property. If it is required, the records that exist get its default.
pub async fn add_property(
    transaction: &Transaction,
    organization: OrganizationId,
    id: Uuid,
    property: &CustomProperty,
) -> Result<CustomObject> {
    organizations::lock(transaction, organization).await?;
    let mut object = get(transaction.db(), organization, id).await?;
    if object.properties.iter().any(|it| it.key == property.key) {
        return Err(Error::AlreadyExists {
            resource_type: "custom_property",
            field: "key",
        });
    }
    if object.properties.len() >= MAX_PROPERTIES {
        return Err(Error::ResourceLimitReached {
            resource_type: "custom_property",
            limit: MAX_PROPERTIES,
        });
    }
    let position = i32::try_from(object.properties.len()).map_err(Error::internal)?;
    insert_property(transaction, organization, id, position, property).await?;
    if let Some(value) = &property.default_value
        && property.required
    {
        let key = property.key.as_str().to_owned();
        let added = Properties::from([(key, value.clone())]);
        bulk::add_to_records(transaction, organization, id, &added).await?;
    }
    object.properties.push(property.clone());
    Ok(object)
}

/// Deletes a custom object. Fails while contacts have records of it.
pub async fn delete(
    transaction: &Transaction,
    organization: OrganizationId,
    id: Uuid,
) -> Result<()> {
    organizations::lock(transaction, organization).await?;
    get(transaction.db(), organization, id).await?;
    let record = custom_object_record::Entity::find()
        .filter(custom_object_record::Column::OrganizationId.eq(organization.0))
        .filter(custom_object_record::Column::CustomObjectId.eq(id))
        .one(transaction.db())
        .await?;
    if record.is_some() {
        return Err(Error::ResourceInUse {
            resource_type: "custom_object",
            resource_name: id.to_string(),
            used_by: "records of contacts",
        });
    }
    custom_property::Entity::delete_many()
        .filter(custom_property::Column::OrganizationId.eq(organization.0))
        .filter(custom_property::Column::CustomObjectId.eq(id))
        .exec(transaction.db())
        .await?;
    custom_object::Entity::delete_by_id((organization.0, id))
        .exec(transaction.db())
        .await?;
    Ok(())
}

/// The organization's custom object if it has exactly one, else how many it has.
pub async fn only(
    db: &impl ConnectionTrait,
    organization: OrganizationId,
) -> Result<Result<CustomObject, usize>> {
    let of_organization = || {
        custom_object::Entity::find()
            .filter(custom_object::Column::OrganizationId.eq(organization.0))
    };
    let mut models = of_organization().limit(2).all(db).await?;
    match (models.pop(), models.is_empty()) {
        (Some(model), true) => Ok(Ok(with_properties(db, organization, model).await?)),
        (None, _) => Ok(Err(0)),
        (Some(_), false) => {
            let count = of_organization().count(db).await?;
            Ok(Err(usize::try_from(count).unwrap_or(usize::MAX)))
        }
    }
}

async fn with_properties(
    db: &impl ConnectionTrait,
    organization: OrganizationId,
    object: custom_object::Model,
) -> Result<CustomObject> {
    let properties = custom_property::Entity::find()
        .filter(custom_property::Column::OrganizationId.eq(organization.0))
        .filter(custom_property::Column::CustomObjectId.eq(object.id))
        .order_by_asc(custom_property::Column::Position)
        .all(db)
        .await?;
    Ok(CustomObject {
        id: object.id,
        key: object.object_key,
        label: object.label,
        properties: properties
            .into_iter()
            .map(CustomProperty::try_from)
            .collect::<Result<_>>()?,
        create_time: object.create_time,
    })
}

impl TryFrom<custom_property::Model> for CustomProperty {
    type Error = Error;

    fn try_from(model: custom_property::Model) -> Result<Self> {
        let malformed = || Error::internal(anyhow::anyhow!("a stored property is malformed"));
        Ok(Self {
            key: Key::parse(&model.property_key).map_err(|_| malformed())?,
            label: Name::parse(&model.label).map_err(|_| malformed())?,
            property_type: model.property_type.parse().map_err(|()| malformed())?,
            required: model.required,
            default_value: model
                .default_value
                .map(serde_json::from_value)
                .transpose()
                .map_err(Error::internal)?,
        })
    }
}
