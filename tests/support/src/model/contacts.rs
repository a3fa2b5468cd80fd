//! Contacts: created, changed and erased.

use std::collections::BTreeSet;

use contact_lists::proto::{
    Consent, Contact as WireContact, CustomObject, ErrorReason as Reason, UpdateContactRequest,
};
use prost_types::FieldMask;

use super::{
    Answer, CallNumber, Contact, ContactKey, Organization, Preferences, checks,
    objects::refuse_unowned_properties, records::has_properties, refusal::Refusal,
    traces::parts_that_differ,
};

/// The effects of writing a contact.
pub struct Written {
    /// Whether a field or its record changed.
    pub changed: bool,
    /// How many channels it was opted in to by inheriting what its new number carries.
    pub opted_in: i64,
}

impl Organization {
    /// Creates a contact without any fields.
    pub fn create_contact(&mut self, when: CallNumber) -> ContactKey {
        self.next_contact += 1;
        let contact = Contact {
            id: None,
            wire: WireContact::default(),
            records: Default::default(),
            preferences: Preferences::default(),
            created: when,
            changed: when,
            changes: Default::default(),
        };
        self.contacts.insert(self.next_contact, contact);
        self.next_contact
    }

    /// Writes fields of a contact: absent keeps, present sets, present and empty clears. The phone is in E.164. A contact
    /// whose number changes leaves its opt-outs behind with the old one and inherits those of the new one.
    pub fn write_contact(
        &mut self,
        when: CallNumber,
        key: ContactKey,
        fields: &WireContact,
        object: Option<&CustomObject>,
        (opt_in_to, consent): (&BTreeSet<String>, Option<&Consent>),
    ) -> Written {
        let before = self.contacts[&key].clone();
        let mut wire = before.wire.clone();
        set_fields(&mut wire, fields);
        let mut records = before.records.clone();
        if let Some(object) = object.filter(|_| has_properties(fields)) {
            let record = self.merged_record(fields, Some(key), object);
            records.insert(object.id.clone(), record);
        }
        let changed = (&wire, &records) != (&before.wire, &before.records);
        let number = wire.phone.clone().expect("a contact has a number");
        let contact = self.contact_mut(key);
        (contact.wire, contact.records) = (wire, records);
        if changed {
            contact.changed = when;
            let parts = parts_that_differ(&before, contact);
            contact.changes.insert(when, parts);
        }
        let mut opted_in = 0;
        if before.wire.phone.as_ref() != Some(&number) {
            if let Some(old) = &before.wire.phone {
                self.note("a change of number");
                self.detach_opt_outs(old, &before.preferences);
            }
            opted_in = self.inherit_opt_outs(key, &number, opt_in_to, (when, consent));
        }
        Written { changed, opted_in }
    }

    /// `UpdateContact`. Returns the contact, with its record of the named custom object or else of the default one.
    pub fn update_contact(
        &mut self,
        when: CallNumber,
        request: &UpdateContactRequest,
    ) -> Answer<WireContact> {
        let given = request.contact.as_ref().expect("a contact");
        let mask = request.update_mask.as_ref();
        if mask.is_some_and(|mask| mask.paths.is_empty()) {
            return Err(Refusal::argument(Reason::FieldMaskInvalid, Vec::new()));
        }
        let fields = masked(given, mask);
        let missing = || Refusal::not_found("contact", &given.id);
        let key = self.by_id(&given.id).ok_or_else(missing)?;
        let (id, object_key) = (&request.custom_object_id, &request.custom_object_key);
        let object = self.object(id.as_deref(), object_key.as_deref())?.cloned();
        if has_properties(&fields) {
            refuse_unowned_properties(object.as_ref())?;
        }
        let below = |violations: Vec<(String, Reason)>| {
            let below = |(field, reason)| (format!("contact.{field}"), reason);
            Refusal::fields(violations.into_iter().map(below).collect())
        };
        let phone = self.contacts[&key].wire.phone.clone();
        let mut fields = WireContact {
            phone: fields.phone.clone().or(phone),
            ..fields
        };
        let wrong = self.check(&fields, object.as_ref());
        if !wrong.is_empty() {
            return Err(below(wrong));
        }
        let phone = fields.phone.as_deref().unwrap_or_default();
        let phone = checks::number(phone, self.takes_national_numbers).expect("a checked number");
        self.refuse_taken(key, &phone, fields.external_id.as_deref())?;
        let wrong = self.record_violations(&fields, Some(key), object.as_ref());
        if !wrong.is_empty() {
            return Err(below(wrong));
        }
        fields.phone = Some(phone);
        self.write_contact(
            when,
            key,
            &fields,
            object.as_ref(),
            (&BTreeSet::new(), None),
        );
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

    /// `DeleteContact`. Only the number's opt-outs remain.
    pub fn delete_contact(&mut self, id: &str) -> Answer<()> {
        let key = self
            .by_id(id)
            .ok_or_else(|| Refusal::not_found("contact", id))?;
        let contact = self.contacts.remove(&key).expect("a contact of the model");
        let number = contact.wire.phone.expect("a contact has a number");
        self.detach_opt_outs(&number, &contact.preferences);
        for list in &mut self.lists {
            let was_member = list.members.remove(&key).is_some();
            list.wire.version += i64::from(was_member);
            list.wire.contact_count = list.members.len() as i32;
        }
        Ok(())
    }
}

/// Sets the fields that are present; empty ones become absent.
fn set_fields(wire: &mut WireContact, fields: &WireContact) {
    fn set<T: Clone + PartialEq + Default>(stored: &mut Option<T>, field: &Option<T>) {
        if let Some(value) = field {
            *stored = Some(value.clone()).filter(|value| *value != T::default());
        }
    }
    set(&mut wire.phone, &fields.phone);
    set(&mut wire.external_id, &fields.external_id);
    let email = fields.email.as_ref().map(|it| it.trim().to_owned());
    set(&mut wire.email, &email);
    set(&mut wire.name, &fields.name);
    set(
        &mut wire.language,
        &fields.language.as_deref().map(canonical_tag),
    );
    set(&mut wire.default_channel_id, &fields.default_channel_id);
    set(&mut wire.address, &fields.address);
    set(&mut wire.birth_date, &fields.birth_date);
}

/// A language tag in its canonical case: of the tags that the tests draw, the language in small letters and the region in
/// capital ones.
fn canonical_tag(tag: &str) -> String {
    let tag = tag.replace('_', "-");
    match tag.split_once('-') {
        Some((language, region)) => {
            format!("{}-{}", language.to_lowercase(), region.to_uppercase())
        }
        None => tag.to_lowercase(),
    }
}

/// The fields that a request writes: those that the mask names, absent ones being cleared; without a mask, those present.
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
