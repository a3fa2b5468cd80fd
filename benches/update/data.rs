//! The people whose contacts the calls send: any number of them, the same in every run.

use std::ops::Range;

use contact_lists::proto;

/// How many phones there are: eight digits after the prefix.
const PHONE_COUNT: u64 = 100_000_000;

/// Coprime to [`PHONE_COUNT`], so that every index has a phone of its own, in a scattered order.
const PHONE_STEP: u64 = 61_803_399;

/// A contact as a caller gives it.
#[derive(Debug, Clone)]
pub struct Person {
    /// A phone in E.164.
    pub phone: String,
    /// Half of the people have one.
    pub external_id: Option<String>,
    /// An email address.
    pub email: String,
    /// A name.
    pub name: String,
}

/// The people with these indexes. Their phones are in no order.
pub fn people(indexes: Range<u64>) -> Vec<Person> {
    indexes.map(person).collect()
}

/// The person with this index.
pub fn person(index: u64) -> Person {
    let digits = index * PHONE_STEP % PHONE_COUNT;
    let scattered = index.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    Person {
        phone: format!("+49151{digits:08}"),
        external_id: index
            .is_multiple_of(2)
            .then(|| format!("crm-{scattered:016x}")),
        email: format!("person.{index}@example.com"),
        name: format!("Person Number {index}"),
    }
}

/// The same people under other names.
pub fn renamed(people: &[Person]) -> Vec<Person> {
    let rename = |person: &Person| Person {
        name: format!("{} the Second", person.name),
        ..person.clone()
    };
    people.iter().map(rename).collect()
}

/// The people in phone order, as the floor needs them.
pub fn sorted(people: &[Person]) -> Vec<Person> {
    let mut people = people.to_vec();
    people.sort_by(|one, other| one.phone.cmp(&other.phone));
    people
}

impl From<&Person> for proto::Contact {
    fn from(person: &Person) -> Self {
        Self {
            phone: Some(person.phone.clone()),
            external_id: person.external_id.clone(),
            email: Some(person.email.clone()),
            name: Some(person.name.clone()),
            ..Self::default()
        }
    }
}
