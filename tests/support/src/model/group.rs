//! The contacts of a call that have the same phone, folded into one.

use std::collections::BTreeSet;

use contact_lists::proto::Contact;

use super::ContactKey;

/// The contacts of a call with the same phone.
#[derive(Clone)]
pub struct Group {
    /// The phone in E.164.
    pub phone: String,
    /// The fields that the contacts give together: later values win.
    pub fields: Contact,
    /// The contacts' positions in the stream.
    pub indexes: Vec<usize>,
    /// All non-empty external_ids that the contacts give.
    pub external_ids: BTreeSet<String>,
    /// The stored contact that the group resolves to; None for a new contact.
    pub stored: Option<ContactKey>,
}

impl Group {
    /// A group without contacts.
    pub fn new(phone: String) -> Self {
        Self {
            phone,
            fields: Contact::default(),
            indexes: Vec::new(),
            external_ids: BTreeSet::new(),
            stored: None,
        }
    }

    /// The external_id after folding. An empty one counts as none.
    pub fn external_id(&self) -> Option<&str> {
        let external_id = self.fields.external_id.as_deref();
        external_id.filter(|id| !id.is_empty())
    }

    /// Folds the next contact of the stream in.
    pub fn fold(&mut self, index: usize, later: &Contact) {
        fn replace<T: Clone>(earlier: &mut Option<T>, later: &Option<T>) {
            if later.is_some() {
                earlier.clone_from(later);
            }
        }
        self.indexes.push(index);
        let external_id = later.external_id.clone().filter(|id| !id.is_empty());
        self.external_ids.extend(external_id);
        let fields = &mut self.fields;
        replace(&mut fields.external_id, &later.external_id);
        replace(&mut fields.email, &later.email);
        replace(&mut fields.name, &later.name);
        replace(&mut fields.language, &later.language);
        replace(&mut fields.default_channel_id, &later.default_channel_id);
        replace(&mut fields.address, &later.address);
        replace(&mut fields.birth_date, &later.birth_date);
        let consent = later.consent.as_ref();
        if consent.is_some_and(|it| *it != Default::default()) {
            fields.consent.clone_from(&later.consent);
        }
        for (key, value) in later.properties.iter().flat_map(|it| &it.fields) {
            let properties = fields.properties.get_or_insert_default();
            properties.fields.insert(key.clone(), value.clone());
        }
    }
}
