//! Contacts: created, changed and erased.

use std::collections::BTreeSet;

use contact_lists::proto::{
    Contact as WireContact, CustomObject, ErrorReason as Reason, UpdateContactRequest,
};
use prost_types::FieldMask;

use super::{
    Answer, Contact, ContactKey, Organization, Preferences, When, checks,
    refusal::Refusal,
    stream::{has_properties, object_required},
};

/// What writing a contact did.
pub struct Written {
    /// Whether a field or its record changed.
    pub changed: bool,
    /// How many channels its new number opted it in to.
    pub opted_in: i32,
}

impl Organization {
    /// Makes a contact that has nothing yet, not even a number.
    pub fn create_contact(&mut self, when: When) -> ContactKey {
        self.next_contact += 1;
        let contact = Contact {
            id: None,
            wire: WireContact::default(),
            records: Default::default(),
            preferences: Preferences::default(),
            created: when,
            changed: when,
        };
        self.contacts.insert(self.next_contact, contact);
        self.next_contact
    }

    /// Writes what is said about a contact: absent keeps, present sets, present and empty clears. Its phone is given in
    /// E.164. Who gets another number leaves the old one's opt-outs behind and takes those of the new one over.
    pub fn write_contact(
        &mut self,
        when: When,
        key: ContactKey,
        said: &WireContact,
        object: Option<&CustomObject>,
        opt_in_to: &BTreeSet<String>,
    ) -> Written {
        let before = self.contacts[&key].clone();
        let mut wire = before.wire.clone();
        set_fields(&mut wire, said);
        let mut records = before.records.clone();
        if let Some(object) = object.filter(|_| has_properties(said)) {
            let record = self.merged_record(said, Some(key), object);
            records.insert(object.id.clone(), record);
        }
        let changed = (&wire, &records) != (&before.wire, &before.records);
        let number = wire.phone.clone().expect("a contact has a number");
        let contact = self.contact_mut(key);
        (contact.wire, contact.records) = (wire, records);
        if changed {
            contact.changed = when;
        }
        let mut opted_in = 0;
        if before.wire.phone.as_ref() != Some(&number) {
            if let Some(old) = &before.wire.phone {
                self.note("a change of number");
                self.leave_number(old, &before.preferences);
            }
            opted_in = self.take_number_over(key, &number, opt_in_to, when);
        }
        Written { changed, opted_in }
    }

    /// `UpdateContact`. Answers the contact, with its record of the object that was named or of the only one.
    pub fn update_contact(
        &mut self,
        when: When,
        request: &UpdateContactRequest,
    ) -> Answer<WireContact> {
        let given = request.contact.as_ref().expect("a contact");
        let said = masked(given, request.update_mask.as_ref());
        let missing = || Refusal::not_found("contact", &given.id);
        let key = self.by_id(&given.id).ok_or_else(missing)?;
        let object = self.object(request.custom_object_id.as_deref())?.cloned();
        if has_properties(&said) {
            object.clone().map_err(object_required)?;
        }
        let object = object.ok();
        let below = |violations: Vec<(String, Reason)>| {
            let below = |(field, reason)| (format!("contact.{field}"), reason);
            Refusal::fields(violations.into_iter().map(below).collect())
        };
        let phone = self.contacts[&key].wire.phone.clone();
        let mut said = WireContact {
            phone: said.phone.clone().or(phone),
            ..said
        };
        let wrong = self.check(&said, object.as_ref());
        if !wrong.is_empty() {
            return Err(below(wrong));
        }
        let phone = said.phone.as_deref().unwrap_or_default();
        let phone = checks::number(phone, self.takes_national_numbers).expect("a checked number");
        self.refuse_taken(key, &phone, said.external_id.as_deref())?;
        let missing = self.missing_properties(&said, Some(key), object.as_ref());
        if !missing.is_empty() {
            return Err(below(missing));
        }
        said.phone = Some(phone);
        self.write_contact(when, key, &said, object.as_ref(), &BTreeSet::new());
        let contact = &self.contacts[&key];
        let record = object.and_then(|object| contact.records.get(&object.id).cloned());
        Ok(WireContact {
            properties: record,
            ..contact.wire.clone()
        })
    }

    fn refuse_taken(&self, key: ContactKey, phone: &str, external_id: Option<&str>) -> Answer<()> {
        if self.by_phone(phone).is_some_and(|holder| holder != key) {
            return Err(Refusal::exists("contact", "phone"));
        }
        let holder = external_id.and_then(|id| self.by_external_id(id));
        if holder.is_some_and(|holder| holder != key) {
            return Err(Refusal::exists("contact", "external_id"));
        }
        Ok(())
    }

    /// `DeleteContact`. What remains is opt-outs, of the number.
    pub fn delete_contact(&mut self, id: &str) -> Answer<()> {
        let key = self
            .by_id(id)
            .ok_or_else(|| Refusal::not_found("contact", id))?;
        let contact = self.contacts.remove(&key).expect("a contact of the model");
        let number = contact.wire.phone.expect("a contact has a number");
        self.leave_number(&number, &contact.preferences);
        for list in &mut self.lists {
            list.members.remove(&key);
            list.wire.contact_count = list.members.len() as i32;
        }
        Ok(())
    }
}

/// Sets what is said; what is empty becomes absent.
fn set_fields(wire: &mut WireContact, said: &WireContact) {
    fn set<T: Clone + PartialEq + Default>(stored: &mut Option<T>, said: &Option<T>) {
        if let Some(value) = said {
            *stored = Some(value.clone()).filter(|value| *value != T::default());
        }
    }
    set(&mut wire.phone, &said.phone);
    set(&mut wire.external_id, &said.external_id);
    set(&mut wire.email, &said.email);
    set(&mut wire.name, &said.name);
    set(&mut wire.language, &said.language);
    set(&mut wire.default_channel_id, &said.default_channel_id);
    set(&mut wire.address, &said.address);
    set(&mut wire.birth_date, &said.birth_date);
}

/// What a request says: the fields that the mask names, those that are absent being empty; without a mask, what is there.
fn masked(given: &WireContact, mask: Option<&FieldMask>) -> WireContact {
    let Some(mask) = mask else {
        return given.clone();
    };
    let names = |field: &str| mask.paths.iter().any(|path| path == field || path == "*");
    let text =
        |field, value: &Option<String>| names(field).then(|| value.clone().unwrap_or_default());
    WireContact {
        phone: text("phone", &given.phone),
        external_id: text("external_id", &given.external_id),
        email: text("email", &given.email),
        name: text("name", &given.name),
        language: text("language", &given.language),
        default_channel_id: text("default_channel_id", &given.default_channel_id),
        address: names("address").then(|| given.address.clone().unwrap_or_default()),
        birth_date: names("birth_date").then(|| given.birth_date.unwrap_or_default()),
        properties: names("properties").then(|| given.properties.clone().unwrap_or_default()),
        ..WireContact::default()
    }
}
