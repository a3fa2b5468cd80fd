//! Custom objects and their properties.

use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect,
};
use uuid::Uuid;

use super::{
    Transaction,
    entity::{custom_object, custom_object_record, custom_property, parse_name},
};
use crate::{
    domain::{
        OrganizationId,
        custom_object::{CustomObject, CustomProperty, Key},
        name::Name,
        organization::Organization,
    },
    error::{Error, Result},
};

/// Returns the keys of the organization's custom objects.
pub async fn keys(db: &impl ConnectionTrait, organization: OrganizationId) -> Result<Vec<String>> {
    let models = custom_object::Entity::find()
        .filter(custom_object::Column::OrganizationId.eq(organization.0))
        .all(db)
        .await?;
    Ok(models.into_iter().map(|model| model.object_key).collect())
}

/// Returns the ids of the organization's custom objects.
pub async fn ids(db: &impl ConnectionTrait, organization: OrganizationId) -> Result<Vec<Uuid>> {
    let ids = custom_object::Entity::find()
        .select_only()
        .column(custom_object::Column::Id)
        .filter(custom_object::Column::OrganizationId.eq(organization.0))
        .into_tuple();
    Ok(ids.all(db).await?)
}

/// Inserts a custom object with its properties.
pub async fn insert(
    transaction: &Transaction,
    organization: OrganizationId,
    object: &CustomObject,
) -> Result<()> {
    let model = custom_object::ActiveModel {
        organization_id: Set(organization.0),
        id: Set(object.id),
        object_key: Set(object.key.clone()),
        label: Set(object.label.clone()),
        create_time: Set(object.create_time),
    };
    model.insert(transaction.db()).await?;
    for (position, property) in object.properties.iter().enumerate() {
        insert_property(transaction, organization, object.id, position, property).await?;
    }
    Ok(())
}

/// Writes a custom object's label.
pub async fn set_label(
    transaction: &Transaction,
    organization: OrganizationId,
    id: Uuid,
    label: &Name,
) -> Result<()> {
    let model = custom_object::ActiveModel {
        organization_id: Set(organization.0),
        id: Set(id),
        label: Set(label.as_str().to_owned()),
        ..Default::default()
    };
    model.update(transaction.db()).await?;
    Ok(())
}

/// Inserts a property of a custom object. `position` is its index among the object's properties, from 0.
pub async fn insert_property(
    transaction: &Transaction,
    organization: OrganizationId,
    object: Uuid,
    position: usize,
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
        position: Set(i32::try_from(position).map_err(Error::internal)?),
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
    match find_bare(db, organization, id).await? {
        None => Ok(None),
        Some(object) => Ok(Some(object.with_properties(db, organization).await?)),
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

/// Finds the same object as [`find`], without its properties.
pub async fn find_bare(
    db: &impl ConnectionTrait,
    organization: OrganizationId,
    id: Uuid,
) -> Result<Option<BareObject>> {
    let object = custom_object::Entity::find_by_id((organization.0, id));
    Ok(object.one(db).await?.map(BareObject))
}

/// Finds a custom object by its key, without its properties.
pub async fn find_bare_by_key(
    db: &impl ConnectionTrait,
    organization: OrganizationId,
    key: &Key,
) -> Result<Option<BareObject>> {
    let object = custom_object::Entity::find()
        .filter(custom_object::Column::OrganizationId.eq(organization.0))
        .filter(custom_object::Column::ObjectKey.eq(key.as_str()));
    Ok(object.one(db).await?.map(BareObject))
}

/// Finds the organization's default custom object, without its properties: the one that was made it, if it still exists, else
/// the one with the lowest id, which was created first.
pub async fn find_bare_default(
    db: &impl ConnectionTrait,
    organization: &Organization,
) -> Result<Option<BareObject>> {
    let mut objects = custom_object::Entity::find()
        .filter(custom_object::Column::OrganizationId.eq(organization.id.0));
    if let Some(id) = organization.default_custom_object_id {
        objects = objects.order_by_desc(custom_object::Column::Id.eq(id));
    }
    let object = objects.order_by_asc(custom_object::Column::Id).one(db);
    Ok(object.await?.map(BareObject))
}

/// Returns the id of the organization's default custom object, if it has one.
pub async fn default_id(
    db: &impl ConnectionTrait,
    organization: &Organization,
) -> Result<Option<Uuid>> {
    let object = find_bare_default(db, organization).await?;
    Ok(object.map(|object| object.id()))
}

/// A custom object whose properties have not been read.
pub struct BareObject(custom_object::Model);

impl BareObject {
    /// Returns the object's id.
    pub fn id(&self) -> Uuid {
        self.0.id
    }

    /// Reads the properties.
    pub async fn with_properties(
        self,
        db: &impl ConnectionTrait,
        organization: OrganizationId,
    ) -> Result<CustomObject> {
        let Self(object) = self;
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
}

/// Returns at most `limit` custom objects with an id above `after`, ordered by id.
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
    // One query per object is fine: an organization has at most a hundred.
    let mut objects = Vec::new();
    for object in models.into_iter().map(BareObject) {
        objects.push(object.with_properties(db, organization).await?);
    }
    Ok(objects)
}

/// Returns whether a contact has a record of a custom object.
pub async fn has_records(
    db: &impl ConnectionTrait,
    organization: OrganizationId,
    id: Uuid,
) -> Result<bool> {
    let record = custom_object_record::Entity::find()
        .filter(custom_object_record::Column::OrganizationId.eq(organization.0))
        .filter(custom_object_record::Column::CustomObjectId.eq(id))
        .one(db)
        .await?;
    Ok(record.is_some())
}

/// Deletes a custom object and its properties.
pub async fn delete(
    transaction: &Transaction,
    organization: OrganizationId,
    id: Uuid,
) -> Result<()> {
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

impl TryFrom<custom_property::Model> for CustomProperty {
    type Error = Error;

    fn try_from(model: custom_property::Model) -> Result<Self> {
        let malformed = || Error::internal(anyhow::anyhow!("a stored property is malformed"));
        Ok(Self {
            key: Key::parse(&model.property_key).map_err(|_| malformed())?,
            label: Name::parse(&model.label).map_err(|_| malformed())?,
            property_type: parse_name(&model.property_type)?,
            required: model.required,
            default_value: model
                .default_value
                .map(serde_json::from_value)
                .transpose()
                .map_err(Error::internal)?,
        })
    }
}
