//! Random contacts, their fields and their properties, from small pools of values, so that everything collides.

use proptest::{collection::vec, option::weighted, prelude::*, sample::select, strategy::Union};
use serde_json::{Value, json};

use crate::{calls::*, strategies::*};

/// A contact of an update, or the fields to change.
pub fn given(with_phone: f64, with_properties: f64) -> impl Strategy<Value = GivenContact> {
    let identity = (
        weighted(with_phone, phone_text()),
        weighted(0.5, external_id()),
    );
    let texts = (
        weighted(0.12, email()),
        weighted(0.3, name()),
        weighted(0.08, text(&["de", "pt-BR", "pt_br", "", "no!tag"])),
    );
    let others = (
        weighted(0.12, default_channel()),
        weighted(
            0.1,
            (text(&["1 Main Street", ""]), text(&["London", "Paris", ""])),
        ),
        weighted(0.1, birth_date()),
        weighted(with_properties, properties()),
        weighted(0.1, consent()),
    );
    (identity, texts, others).prop_map(|((phone, external_id), (email, name, language), others)| {
        GivenContact {
            phone,
            external_id,
            email,
            name,
            language,
            default_channel: others.0,
            address: others.1,
            birth_date: others.2,
            properties: others.3,
            consent: others.4,
        }
    })
}

/// Contacts with different external_ids and different numbers, all from the smallest pools: on what earlier ones have
/// stored, they pass numbers on.
pub fn exchanged() -> impl Strategy<Value = Vec<GivenContact>> {
    let numbers = Just(NUMBERS[..6].to_vec()).prop_shuffle();
    let external_ids = Just(vec!["a", "b", "c", "A", "new"]).prop_shuffle();
    let others = vec(given(0.5, 0.1), 2..6);
    (numbers, external_ids, others).prop_map(|(numbers, external_ids, others)| {
        let keys = numbers.into_iter().zip(external_ids);
        keys.zip(others)
            .map(|((number, external_id), other)| GivenContact {
                phone: Some(number.to_owned()),
                external_id: Some(external_id.to_owned()),
                ..other
            })
            .collect()
    })
}

/// A number as people may write it. A few are invalid.
pub fn phone_text() -> impl Strategy<Value = String> {
    let spelled = (pool_number(), 0..24u8).prop_map(|(number, spelling)| match spelling {
        0 => format!("+49 (151) {}-{}", &number[6..10], &number[10..]),
        1 => format!("0151 {}", &number[6..]),
        _ => number,
    });
    prop_oneof![
        40 => spelled,
        1 => text(&["+4915", "", "+4915110000001 ext. 5", "12", "+4915110000001\0"]),
    ]
}

/// The first numbers come more often, so that calls meet in them.
pub fn pool_number() -> impl Strategy<Value = String> {
    prop_oneof![0..3usize, 0..NUMBERS.len()].prop_map(|n| NUMBERS[n].to_owned())
}

pub fn external_id() -> impl Strategy<Value = String> {
    let long = "x".repeat(256);
    prop_oneof![
        12 => text(&["a", "b", "c", "A"]),
        3 => Just(String::new()),
        1 => select(vec!["a\0".to_owned(), long]),
    ]
}

pub fn email() -> impl Strategy<Value = String> {
    prop_oneof![
        5 => text(&["ada@example.com", "ADA@example.com", " ada@example.com\r\n", ""]),
        1 => text(&["nobody", "a@b\0.com"]),
    ]
}

pub fn name() -> impl Strategy<Value = String> {
    let long = "é".repeat(256);
    prop_oneof![
        30 => select(vec!["Ada".to_owned(), "Grace".to_owned(), String::new(), "é".repeat(255)]),
        1 => select(vec![long, "A\0".to_owned()]),
    ]
}

pub fn default_channel() -> impl Strategy<Value = ResourceRef> {
    prop_oneof![
        6 => (0..4usize).prop_map(ResourceRef::Nth),
        2 => Just(ResourceRef::Text(String::new())),
        1 => select(vec![ResourceRef::Unknown, ResourceRef::Foreign(0), ResourceRef::Text("sms".to_owned())]),
    ]
}

pub fn birth_date() -> impl Strategy<Value = (i32, i32, i32)> {
    prop_oneof![
        5 => select(vec![(1984, 2, 29), (0, 2, 29), (1970, 12, 31), (0, 0, 0)]),
        1 => select(vec![(1985, 2, 29), (2999, 1, 1), (1984, 0, 1), (0, 1, 0), (-1, 1, 1)]),
    ]
}

/// Values for the keys that objects may have: most of the right type, some of none, a few of a wrong one.
pub fn properties() -> impl Strategy<Value = serde_json::Map<String, Value>> {
    let entries = property_values().into_iter().map(|(key, share, values)| {
        let values: Vec<Value> = serde_json::from_value(values).expect("an array");
        let invalid = values.len() - 1;
        let value = prop_oneof![
            12 => select(values[..invalid.max(1)].to_vec()),
            1 => Just(values[invalid].clone()),
        ];
        let entry = value.prop_map(move |value| (key.to_owned(), value));
        (share, entry.boxed())
    });
    let entries: Vec<_> = entries.collect();
    vec(Union::new_weighted(entries), 0..4).prop_map(|entries| entries.into_iter().collect())
}

/// Keys, how often each is drawn, and its values, of which the last is invalid.
fn property_values() -> [(&'static str, u32, Value); 9] {
    // A contact has room for it, but a record, where quotes are escaped, has none.
    let long = "\"".repeat(33_000);
    [
        ("plan", 1, json!([long, 1])),
        ("plan", 12, json!(["pro", "free", "", null, 1])),
        (
            "visits",
            12,
            json!([0, 7, -9007199254740991i64, "", null, 0.5]),
        ),
        ("score", 3, json!([1.5, 0.1, 1e300, null, "1"])),
        ("vip", 12, json!([true, false, null, "true"])),
        (
            "since",
            3,
            json!(["2024-02-29", "1970-01-01", null, "2023-02-29"]),
        ),
        ("tags", 3, json!([[], ["a", 1, true], null, [null]])),
        (
            "limits",
            3,
            json!([{}, {"a": 1, "b": "x"}, null, {"a": []}]),
        ),
        ("unknown", 1, json!(["x"])),
    ]
}

/// Each key has one type, so that a key's values fit whatever object has it.
pub fn property() -> impl Strategy<Value = Property> {
    let all = [
        ("plan", 1, json!("free")),
        ("visits", 2, json!(3)),
        ("score", 3, json!(2.5)),
        ("vip", 4, json!(false)),
        ("since", 5, json!("2000-01-01")),
        ("tags", 6, json!(["new"])),
        ("limits", 7, json!({"a": 1})),
    ];
    (0..all.len(), weighted_bool(50), weighted_bool(40)).prop_map(
        move |(n, required, has_default)| {
            let (key, kind, default) = all[n].clone();
            Property {
                key: key.to_owned(),
                kind,
                required,
                default: has_default.then_some(default),
            }
        },
    )
}

pub fn distinct_properties() -> impl Strategy<Value = Vec<Property>> {
    vec(property(), 0..5).prop_map(|mut properties| {
        properties.sort_by(|a, b| a.key.cmp(&b.key));
        properties.dedup_by(|a, b| a.key == b.key);
        properties
    })
}
