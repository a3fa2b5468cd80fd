use prost::{Message, Name};
use prost_types::{Struct, Value, value::Kind};
use time::macros::datetime;
use uuid::Uuid;

use super::CHANNEL;
use crate::{
    app::update::checks::Checks,
    domain::{
        contact::{Contact, ContactChanges, ContactFields, StoredContact},
        phone_number::DefaultRegion,
        property_value::Properties,
    },
    proto,
    rpc::{codec::value_count, phones::PhoneReader, wire},
};

/// The values of a contact are counted before it is decoded. A contact that is accepted survives the spool unchanged, and
/// what is returned of it is accepted as the same contact.
pub fn contact(wire: proto::Contact) {
    let encoded = wire.encode_to_vec();
    let counted = value_count(&proto::Contact::full_name(), &encoded);
    let has = wire.properties.as_ref().map_or(0, struct_values);
    assert!(counted >= has, "{counted} values were counted of {has}");

    let Some(changes) = parse(wire) else {
        return;
    };
    let spooled = postcard::to_stdvec(&changes).expect("an item of a spool");
    let read: ContactChanges = postcard::from_bytes(&spooled).expect("an item of a spool");
    assert_eq!(read, changes);

    let (stored, record) = stored(&changes);
    let returned = wire::contact::to_wire(stored.clone(), Some(record.clone()));
    let taken = parse(returned).expect("what was returned");
    assert_eq!(self::stored(&taken), (stored, record));
}

fn parse(wire: proto::Contact) -> Option<ContactChanges> {
    let checks = Checks {
        default_region: DefaultRegion::parse("DE"),
        channels: [CHANNEL].into(),
        custom_object: None,
    };
    let encoded_bytes = wire.encoded_len();
    let now = datetime!(2026-01-01 00:00 UTC);
    let phones = PhoneReader::new(checks.default_region, []);
    wire::contact::parse(wire, encoded_bytes, &checks, &phones, now).ok()
}

/// The new contact that changes make, and its record.
fn stored(changes: &ContactChanges) -> (StoredContact, Properties) {
    let mut fields = ContactFields::default();
    changes.fields.apply_to(&mut fields);
    let contact = Contact {
        id: Uuid::nil(),
        phone: changes.phone,
        fields,
    };
    let now = datetime!(2026-01-01 00:00 UTC);
    let stored = StoredContact {
        contact,
        create_time: now,
        update_time: now,
    };
    let properties = changes.properties.clone().into_iter();
    let record = properties.filter_map(|(key, value)| Some((key, value?)));
    (stored, record.collect())
}

/// How many entries and elements a map has, at every depth.
fn struct_values(values: &Struct) -> usize {
    values
        .fields
        .values()
        .map(|value| 1 + values_in(value))
        .sum()
}

fn values_in(value: &Value) -> usize {
    match &value.kind {
        Some(Kind::ListValue(list)) => list.values.iter().map(|item| 1 + values_in(item)).sum(),
        Some(Kind::StructValue(values)) => struct_values(values),
        _ => 0,
    }
}
