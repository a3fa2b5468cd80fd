//! `CustomObjectService`.

use tonic::{Request, Response, Status};

use super::{
    Api,
    call::authorize,
    fields::{Fields, changed, required_id},
    page::Page,
    wire,
};
use crate::{
    app::{self, custom_objects::ObjectChange},
    domain::{
        OrganizationId,
        custom_object::{
            CustomObject, CustomProperty, Key, MAX_PROPERTIES, PropertyKeys, PropertyType,
        },
        name::Name,
        scope::Scope,
    },
    error::Result,
    proto::{
        self, AddCustomPropertyRequest, AddCustomPropertyResponse, CreateCustomObjectRequest,
        CreateCustomObjectResponse, DeleteCustomObjectRequest, DeleteCustomObjectResponse,
        GetCustomObjectRequest, GetCustomObjectResponse, ListCustomObjectsRequest,
        ListCustomObjectsResponse, UpdateCustomObjectRequest, UpdateCustomObjectResponse,
        custom_object_service_server::CustomObjectService, custom_property::Type,
    },
    repository::custom_objects,
    telemetry,
};

#[tonic::async_trait]
impl CustomObjectService for Api {
    async fn create_custom_object(
        &self,
        request: Request<CreateCustomObjectRequest>,
    ) -> Result<Response<CreateCustomObjectResponse>, Status> {
        let caller = authorize(&request, Scope::Admin)?;
        let request = request.into_inner();
        let mut fields = Fields::default();
        let key = fields.read("key", Key::parse(&request.key));
        let label = fields.read("label", Name::parse(&request.label));
        let properties = properties(&mut fields, request.properties);
        let (key, label) = fields.finish(key.zip(label))?;
        let (repository, organization) = (&self.repository, caller.organization.id);
        let (object, is_default) =
            app::custom_objects::create(repository, organization, key, label, properties).await?;
        telemetry::note(|call| call.custom_object_id = Some(object.id));
        Ok(Response::new(CreateCustomObjectResponse {
            custom_object: Some(wire_custom_object(object, is_default)),
        }))
    }

    async fn get_custom_object(
        &self,
        request: Request<GetCustomObjectRequest>,
    ) -> Result<Response<GetCustomObjectResponse>, Status> {
        let (caller, _turn) = self.begin_read(&request).await?;
        let id = required_id("id", &request.into_inner().id)?;
        telemetry::note(|call| call.custom_object_id = Some(id));
        let (place, organization) = (self.place(), &caller.organization);
        let db = place.db();
        let object = custom_objects::get(db, organization.id, id).await?;
        let default = custom_objects::default_id(db, organization).await?;
        Ok(Response::new(GetCustomObjectResponse {
            custom_object: Some(wire_custom_object(object, default == Some(id))),
        }))
    }

    async fn list_custom_objects(
        &self,
        request: Request<ListCustomObjectsRequest>,
    ) -> Result<Response<ListCustomObjectsResponse>, Status> {
        let (caller, _turn) = self.begin_read(&request).await?;
        let request = request.into_inner();
        let binding = ["ListCustomObjects"];
        let mut page = Page::parse(&caller, request.page_size, &request.page_token, &binding)?;
        let (place, organization) = (page.place(&self.repository), &caller.organization);
        let db = place.db();
        let after = page.after().unwrap_or_default();
        let objects = custom_objects::page(db, organization.id, after, page.limit()).await?;
        let default = custom_objects::default_id(db, organization).await?;
        let (custom_objects, next_page_token) = page.fill(
            objects,
            |object| object.id,
            |object| {
                let is_default = default == Some(object.id);
                wire_custom_object(object, is_default)
            },
        );
        Ok(Response::new(ListCustomObjectsResponse {
            custom_objects,
            next_page_token,
        }))
    }

    async fn update_custom_object(
        &self,
        request: Request<UpdateCustomObjectRequest>,
    ) -> Result<Response<UpdateCustomObjectResponse>, Status> {
        let caller = authorize(&request, Scope::Admin)?;
        let change = object_change(caller.organization.id, request.into_inner())?;
        telemetry::note(|call| call.custom_object_id = Some(change.id));
        let (object, is_default) = change.apply(&self.repository).await?;
        Ok(Response::new(UpdateCustomObjectResponse {
            custom_object: Some(wire_custom_object(object, is_default)),
        }))
    }

    async fn add_custom_property(
        &self,
        request: Request<AddCustomPropertyRequest>,
    ) -> Result<Response<AddCustomPropertyResponse>, Status> {
        let caller = authorize(&request, Scope::Admin)?;
        let request = request.into_inner();
        let id = required_id("custom_object_id", &request.custom_object_id)?;
        telemetry::note(|call| call.custom_object_id = Some(id));
        let mut fields = Fields::default();
        let property = fields
            .required("property", request.property)
            .and_then(|wire| property(&mut fields, "property", wire, &mut PropertyKeys::default()));
        let property = fields.finish(property)?;
        let (repository, organization) = (&self.repository, caller.organization.id);
        let (object, is_default) =
            app::custom_objects::add_property(repository, organization, id, property).await?;
        Ok(Response::new(AddCustomPropertyResponse {
            custom_object: Some(wire_custom_object(object, is_default)),
        }))
    }

    async fn delete_custom_object(
        &self,
        request: Request<DeleteCustomObjectRequest>,
    ) -> Result<Response<DeleteCustomObjectResponse>, Status> {
        let caller = authorize(&request, Scope::Admin)?;
        let id = required_id("id", &request.into_inner().id)?;
        telemetry::note(|call| call.custom_object_id = Some(id));
        app::custom_objects::delete(&self.repository, caller.organization.id, id).await?;
        Ok(Response::new(DeleteCustomObjectResponse {}))
    }
}

/// Parses a request of `UpdateCustomObject`.
fn object_change(
    organization: OrganizationId,
    request: UpdateCustomObjectRequest,
) -> Result<ObjectChange> {
    let mut fields = Fields::default();
    let object = fields.required("custom_object", request.custom_object);
    let object = fields.finish(object)?;
    let id = required_id("custom_object.id", &object.id)?;
    let [label_changes, default_changes] = changed(
        request.update_mask,
        [
            ("label", !object.label.is_empty()),
            ("is_default", object.is_default.is_some()),
        ],
    )?;
    let mut fields = Fields::default();
    let mut change = ObjectChange {
        organization,
        id,
        label: None,
        is_default: default_changes.then(|| object.is_default()),
    };
    if label_changes {
        change.label = fields.read("custom_object.label", Name::parse(&object.label));
    }
    fields.finish(Some(change))
}

fn properties(fields: &mut Fields, wire: Vec<proto::CustomProperty>) -> Vec<CustomProperty> {
    let mut keys = PropertyKeys::default();
    let properties = fields.items("properties", wire, MAX_PROPERTIES, |fields, path, wire| {
        property(fields, path, wire, &mut keys)
    });
    properties.unwrap_or_default()
}

fn property(
    fields: &mut Fields,
    path: &str,
    wire: proto::CustomProperty,
    keys: &mut PropertyKeys,
) -> Option<CustomProperty> {
    let key = Key::parse(&wire.key).and_then(|key| keys.add(key));
    let key = fields.read(format!("{path}.key"), key);
    let label = fields.read(format!("{path}.label"), Name::parse(&wire.label));
    let property_type = property_type(fields, &format!("{path}.type"), wire.r#type);
    let default_path = format!("{path}.default_value");
    let default_value = wire.default_value.and_then(|value| {
        fields
            .read(&default_path, wire::property::parse(value))
            .flatten()
    });
    if let Some(property_type) = property_type
        && let Some(value) = &default_value
    {
        fields.read(default_path, property_type.check(value));
    }
    Some(CustomProperty {
        key: key?,
        label: label?,
        property_type: property_type?,
        required: wire.required,
        default_value,
    })
}

fn property_type(fields: &mut Fields, path: &str, number: i32) -> Option<PropertyType> {
    match fields.known(path, number)? {
        Type::Text => Some(PropertyType::Text),
        Type::Number => Some(PropertyType::Number),
        Type::Float => Some(PropertyType::Float),
        Type::Boolean => Some(PropertyType::Boolean),
        Type::Date => Some(PropertyType::Date),
        Type::List => Some(PropertyType::List),
        Type::Map => Some(PropertyType::Map),
        Type::Unspecified => fields.required(path, None),
    }
}

fn wire_custom_object(object: CustomObject, is_default: bool) -> proto::CustomObject {
    proto::CustomObject {
        id: object.id.to_string(),
        key: object.key,
        label: object.label,
        properties: object.properties.into_iter().map(wire_property).collect(),
        create_time: Some(wire::timestamp(object.create_time)),
        is_default: Some(is_default),
    }
}

fn wire_property(property: CustomProperty) -> proto::CustomProperty {
    let property_type = match property.property_type {
        PropertyType::Text => Type::Text,
        PropertyType::Number => Type::Number,
        PropertyType::Float => Type::Float,
        PropertyType::Boolean => Type::Boolean,
        PropertyType::Date => Type::Date,
        PropertyType::List => Type::List,
        PropertyType::Map => Type::Map,
    };
    proto::CustomProperty {
        key: property.key.as_str().to_owned(),
        label: property.label.into(),
        r#type: property_type.into(),
        required: property.required,
        default_value: property.default_value.map(Into::into),
    }
}
