//! Custom objects and their properties.

use contact_lists::proto::{
    AddCustomPropertyRequest, CreateCustomObjectRequest, CustomObject, ErrorReason as Reason,
};

use super::{Answer, Organization, checks, refusal::Refusal};

/// The custom object that a request is about.
#[derive(Clone, Copy)]
pub enum ObjectChoice<'a> {
    /// The one that the request names, or else the only one.
    Chosen(&'a CustomObject),
    /// The request names none, and there are none or several.
    NotNamed {
        /// How many there are.
        object_count: usize,
    },
}

impl<'a> ObjectChoice<'a> {
    /// The object, if there is one.
    pub fn object(self) -> Option<&'a CustomObject> {
        match self {
            Self::Chosen(object) => Some(object),
            Self::NotNamed { .. } => None,
        }
    }

    /// Refuses properties where there is no object that they belong to.
    pub fn refuse_unowned_properties(self) -> Answer<()> {
        match self {
            Self::Chosen(_) => Ok(()),
            Self::NotNamed { object_count } => {
                let metadata = vec![("custom_object_count", object_count.to_string())];
                Err(Refusal::argument(Reason::CustomObjectRequired, metadata))
            }
        }
    }
}

impl Organization {
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
        };
        self.objects.push(object.clone());
        Ok(object)
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
        let answer = object.clone();
        if let Some(default) = default.filter(|_| property.required) {
            let records = self.contacts.values_mut();
            for record in records.filter_map(|it| it.records.get_mut(id)) {
                record.fields.insert(property.key.clone(), default.clone());
            }
        }
        Ok(answer)
    }

    /// `DeleteCustomObject`: refused while records exist.
    pub fn delete_object(&mut self, id: &str) -> Answer<()> {
        self.object(Some(id))?;
        if self.contacts.values().any(|it| it.records.contains_key(id)) {
            return Err(Refusal::in_use("custom_object", id));
        }
        self.objects.retain(|object| object.id != id);
        Ok(())
    }
}
