//! Builders for contacts.

use contact_lists::proto::{Address, Contact};

use super::struct_of;

/// A contact with this phone number and nothing else.
pub fn contact(phone: &str) -> Contact {
    Contact {
        phone: Some(phone.to_owned()),
        ..Contact::default()
    }
}

/// The n-th of 90 million valid numbers, all different, in E.164; their byte order is that of n.
pub fn number(n: u32) -> String {
    assert!(n < 90_000_000, "there is no valid number {n}");
    format!("+49151{}", 10_000_000 + n)
}

/// The n-th [`number`]s.
pub fn numbers(numbers: impl IntoIterator<Item = u32>) -> Vec<String> {
    numbers.into_iter().map(number).collect()
}

/// Contacts with the n-th [`number`]s.
pub fn contacts(numbers: impl IntoIterator<Item = u32>) -> Vec<Contact> {
    numbers.into_iter().map(|n| contact(&number(n))).collect()
}

/// Sets a contact's fields: `contact(&number(1)).name("Ada").language("en")`. An empty value is sent, and clears.
///
/// Some setters share their names with getters of the generated code, which take the contact by reference. So on a contact
/// that was read, look at the fields.
pub trait ContactExt: Sized {
    /// The contact, to be changed.
    fn change(self, change: impl FnOnce(&mut Contact)) -> Contact;

    /// Takes the phone number away.
    fn without_phone(self) -> Contact {
        self.change(|contact| contact.phone = None)
    }

    /// Sets `external_id`.
    fn external_id(self, value: &str) -> Contact {
        self.change(|contact| contact.external_id = Some(value.to_owned()))
    }

    /// Sets `email`.
    fn email(self, value: &str) -> Contact {
        self.change(|contact| contact.email = Some(value.to_owned()))
    }

    /// Sets `name`.
    fn name(self, value: &str) -> Contact {
        self.change(|contact| contact.name = Some(value.to_owned()))
    }

    /// Sets `language`.
    fn language(self, value: &str) -> Contact {
        self.change(|contact| contact.language = Some(value.to_owned()))
    }

    /// Sets `default_channel_id`.
    fn default_channel(self, id: &str) -> Contact {
        self.change(|contact| contact.default_channel_id = Some(id.to_owned()))
    }

    /// Sets `address`; `Address::default()` clears it.
    fn address(self, value: Address) -> Contact {
        self.change(|contact| contact.address = Some(value))
    }

    /// Sets `birth_date`; year 0 is an unknown year, three zeros clear it.
    fn birth_date(self, year: i32, month: i32, day: i32) -> Contact {
        self.change(|contact| {
            let date = contact.birth_date.get_or_insert_default();
            (date.year, date.month, date.day) = (year, month, day);
        })
    }

    /// Sets `properties` from a JSON object.
    fn properties(self, object: serde_json::Value) -> Contact {
        self.change(|contact| contact.properties = Some(struct_of(object)))
    }
}

impl ContactExt for Contact {
    fn change(mut self, change: impl FnOnce(&mut Contact)) -> Contact {
        change(&mut self);
        self
    }
}
