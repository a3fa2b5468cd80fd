//! Custom objects and their properties.

use contact_lists::proto::{
    AddCustomPropertyRequest, CreateCustomObjectRequest, CustomObject, ErrorReason as Reason,
    UpdateCustomObjectRequest,
};

use super::{Answer, Organization, checks, refusal::Refusal};

/// Refuses properties where there is no object that they could belong to.
pub fn refuse_unowned_properties(object: Option<&CustomObject>) -> Answer<()> {
    match object {
        Some(_) => Ok(()),
        None => Err(Refusal::argument(Reason::CustomObjectRequired, vec![])),
    }
}

impl Organization {
    /// The custom object that a request is about: the one that it names by id or key, or else the default one.
    pub fn object(&self, id: Option<&str>, key: Option<&str>) -> Answer<Option<&CustomObject>> {
        let Some(name) = id.or(key) else {
            return Ok(self.default_object());
        };
        let is_named = |it: &&CustomObject| id.map_or(it.key == name, |id| it.id == id);
        let found = self.objects.iter().find(is_named);
        found
            .map(Some)
            .ok_or_else(|| Refusal::not_found("custom_object", name))
    }

    /// The default object: the one that was made it, if it still exists, else the oldest.
    pub fn default_object(&self) -> Option<&CustomObject> {
        let made = self.made_default.as_ref();
        let mut objects = self.objects.iter();
        objects
            .find(|it| Some(&it.id) == made)
            .or(self.objects.first())
    }

    /// The objects as the service shows them.
    pub fn shown_objects(&self) -> Vec<CustomObject> {
        let objects = self.objects.iter();
        objects.map(|object| self.shown(object)).collect()
    }

    fn shown(&self, object: &CustomObject) -> CustomObject {
        let default = self.default_object().map(|it| &it.id);
        CustomObject {
            is_default: Some(default == Some(&object.id)),
            ..object.clone()
        }
    }

    /// `CreateCustomObject`, of a valid request. The caller fills the id in.
    pub fn create_object(&mut self, request: &CreateCustomObjectRequest) -> Answer<CustomObject> {
        if self.objects.iter().any(|it| it.key == request.key) {
            return Err(Refusal::exists("custom_object", "key"));
        }
        let object = CustomObject {
            id: String::new(),
            key: request.key.clone(),
            label: request.label.clone(),
            properties: request.properties.clone(),
            create_time: None,
            is_default: None,
        };
        let is_default = self.objects.is_empty();
        self.objects.push(object.clone());
        Ok(CustomObject {
            is_default: Some(is_default),
            ..object
        })
    }

    /// `UpdateCustomObject` without a mask: the fields that are present change. The default object stays it until another one
    /// takes its place.
    pub fn update_object(&mut self, request: &UpdateCustomObjectRequest) -> Answer<CustomObject> {
        let given = request.custom_object.as_ref().expect("an object");
        let label = match given.label.as_str() {
            "" => None,
            label => Some(checks::tidy_name(label).map_err(|reason| {
                Refusal::fields(vec![("custom_object.label".to_owned(), reason)])
            })?),
        };
        let is_default = self.object(Some(&given.id), None)?.map(|it| &it.id)
            == self.default_object().map(|it| &it.id);
        match given.is_default {
            Some(true) => {
                self.note("another object made the default one");
                self.made_default = Some(given.id.clone());
            }
            Some(false) if is_default => {
                let field = "custom_object.is_default".to_owned();
                return Err(Refusal::fields(vec![(field, Reason::FieldInvalid)]));
            }
            _ => {}
        }
        let mut objects = self.objects.iter_mut();
        let object = objects.find(|it| it.id == given.id).expect("the object");
        object.label = label.unwrap_or(object.label.clone());
        let object = object.clone();
        Ok(self.shown(&object))
    }

    /// `AddCustomProperty`. A required one needs a default, which existing records get; their contacts don't count as
    /// changed.
    pub fn add_property(&mut self, request: &AddCustomPropertyRequest) -> Answer<CustomObject> {
        let property = request.property.as_ref().expect("a property");
        let default = checks::default_of(property).cloned();
        if property.required && default.is_none() {
            let wrong = ("property.default_value".to_owned(), Reason::FieldRequired);
            return Err(Refusal::fields(vec![wrong]));
        }
        let id = &request.custom_object_id;
        let found = self.objects.iter_mut().find(|it| it.id == *id);
        let object = found.ok_or_else(|| Refusal::not_found("custom_object", id))?;
        if object.properties.iter().any(|it| it.key == property.key) {
            return Err(Refusal::exists("custom_property", "key"));
        }
        object.properties.push(property.clone());
        let object = object.clone();
        if let Some(default) = default.filter(|_| property.required) {
            let records = self.contacts.values_mut();
            for record in records.filter_map(|it| it.records.get_mut(id)) {
                record.fields.insert(property.key.clone(), default.clone());
            }
        }
        Ok(self.shown(&object))
    }

    /// `DeleteCustomObject`: refused while records exist.
    pub fn delete_object(&mut self, id: &str) -> Answer<()> {
        self.object(Some(id), None)?;
        if self.contacts.values().any(|it| it.records.contains_key(id)) {
            return Err(Refusal::in_use("custom_object", id));
        }
        self.objects.retain(|object| object.id != id);
        Ok(())
    }
}
