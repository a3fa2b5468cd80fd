//! From a row to a contact.

use std::{borrow::Cow, collections::HashMap};

use anyhow::bail;
use prost::Message;
use prost_types::Struct;
use serde_json::Value as Json;

use super::{
    amounts::{self, DecimalSeparator},
    columns::Columns,
    dates::{self, DateOrder},
    mapping::Content,
    property,
    settings::{LostPrefix, Region},
    source::Row,
};
use crate::{
    client::{
        consent,
        contact_columns::{Column, Field},
        json,
    },
    domain::{phone_number::PhoneNumber, violation::Reason},
    generated::google::r#type::Date,
    proto::{Address, Consent, Contact, CustomObject, custom_property::Type},
};

/// No real date. A contact whose row cannot be read completely is sent with it, so that the server rejects it: an overwrite
/// then keeps the member that it names.
const NO_DATE: Date = Date {
    year: 0,
    month: 13,
    day: 0,
};

/// The longest text of a key that is sent of a contact that is too large.
const MAX_KEY_BYTES: usize = 1024;

/// How rows are read.
pub struct ContactReader {
    /// What is read of a row.
    pub content: Content,
    /// The columns; `None` for JSONL.
    pub columns: Option<Columns>,
    /// Which of day and month comes first.
    pub order: DateOrder,
    /// What separates the fractions of numbers, by the indexes of columns in which some could be two numbers.
    pub separators: HashMap<usize, DecimalSeparator>,
    /// The region of national phone numbers.
    pub region: Option<Region>,
    /// What phones of digits alone get back.
    pub restore: Option<LostPrefix>,
    /// What the flags say of the consent.
    pub consent: Option<Consent>,
    /// The custom object of the properties.
    pub object: Option<CustomObject>,
    /// The most bytes that a contact may have.
    pub max_bytes: usize,
}

/// A contact to send.
pub struct ReadContact {
    /// The contact. If there are problems, the server rejects it.
    pub contact: Contact,
    /// What could not be read, each a sentence.
    pub problems: Vec<String>,
}

impl ContactReader {
    /// Reads a row. Fails if it is no row at all, as where a file is cut off.
    pub fn read(&self, row: &Row) -> anyhow::Result<ReadContact> {
        let mut problems = Vec::new();
        let mut contact = match &self.columns {
            Some(columns) => self.contact_of(columns, row, &mut problems),
            None => match serde_json::from_str(&row.line) {
                Ok(Json::Object(fields)) => {
                    let id = fields.get(Field::Id.name()).and_then(Json::as_str);
                    let id = id.unwrap_or_default().to_owned();
                    let contact = json::contact(fields, &mut problems);
                    Contact { id, ..contact }
                }
                _ => bail!(
                    "line {} is not a JSON object: the file is damaged or cut off there",
                    row.number
                ),
            },
        };
        if let Some(phone) = contact.phone.take() {
            contact.phone = Some(self.phone(phone, &mut problems));
        }
        if let (Some(own), Some(flags)) = (&mut contact.consent, &self.consent) {
            consent::complete(own, flags);
        }
        match self.content {
            Content::Contact => contact.id.clear(),
            Content::Reference => contact = reference(contact, &mut problems),
        }
        if contact.encoded_len() > self.max_bytes {
            problems.push(format!(
                "the contact has more than {} bytes",
                self.max_bytes
            ));
            let is_key = |text: &String| text.len() <= MAX_KEY_BYTES;
            contact = Contact {
                phone: contact.phone.filter(is_key),
                external_id: contact.external_id.filter(is_key),
                ..Contact::default()
            };
        }
        if !problems.is_empty() {
            contact.birth_date = Some(NO_DATE);
        }
        Ok(ReadContact { contact, problems })
    }

    /// What to call a field in a sentence: its column's header, or else its path.
    pub fn name_of(&self, path: &str) -> String {
        let columns = self.columns.as_ref();
        let mut imported = columns
            .iter()
            .flat_map(|it| it.imported.iter().zip(std::iter::repeat(it)));
        let name = imported.find_map(|((column, index), columns)| {
            (column.to_string() == path).then(|| columns.header[*index].to_owned())
        });
        name.unwrap_or_else(|| match path {
            "" => "the contact".to_owned(),
            path => path.to_owned(),
        })
    }

    fn contact_of(&self, columns: &Columns, row: &Row, problems: &mut Vec<String>) -> Contact {
        let mut contact = Contact::default();
        let mut names = Names::default();
        let mut properties = Struct::default();
        let length = columns.header.len();
        let more = row.cells.iter().skip(length);
        if more.clone().any(|cell| !cell.trim().is_empty()) {
            problems.push(format!(
                "the row has {} cells, the header has {length}: a cell with a separator in it needs quotes",
                row.cells.len()
            ));
        }
        for (column, index) in &columns.imported {
            let cell = row.cells.get(*index).unwrap_or_default();
            // An empty cell says nothing: what is stored stays.
            if cell.trim().is_empty() {
                continue;
            }
            match column {
                Column::Field(field) => {
                    if let Err(problem) = self.set(&mut contact, &mut names, *field, cell) {
                        problems.push(format!("{} {problem}", &columns.header[*index]));
                    }
                }
                Column::Property(key) => {
                    let property_type = property::type_of(column, self.object.as_ref());
                    let separator = self.separator(row, *index);
                    let (value, problem) =
                        property::read(property_type, cell, self.order, separator);
                    properties.fields.insert(key.clone(), value);
                    problems.extend(problem.map(|it| format!("{} {it}", &columns.header[*index])));
                }
            }
        }
        names.join_into(&mut contact);
        contact.properties = (!properties.fields.is_empty()).then_some(properties);
        contact
    }

    fn set(
        &self,
        contact: &mut Contact,
        names: &mut Names,
        field: Field,
        cell: &str,
    ) -> Result<(), String> {
        let text = cell.to_owned();
        match field {
            Field::Id => contact.id = cell.trim().to_owned(),
            Field::Phone => contact.phone = Some(text),
            Field::ExternalId => contact.external_id = Some(text),
            Field::Email => contact.email = Some(text),
            Field::Name => contact.name = Some(text),
            Field::FirstName => names.first = text,
            Field::LastName => names.last = text,
            Field::Language => contact.language = Some(cell.trim().to_owned()),
            Field::DefaultChannelId => contact.default_channel_id = Some(cell.trim().to_owned()),
            Field::AddressLineOne => address(contact).address_line_one = text,
            Field::AddressLineTwo => address(contact).address_line_two = text,
            Field::City => address(contact).city = text,
            Field::State => address(contact).state = text,
            Field::PostCode => address(contact).post_code = text,
            Field::Country => address(contact).country = text,
            Field::BirthDate => match dates::read(cell) {
                Ok(reading) => contact.birth_date = Some(reading.date(self.order)),
                Err(problem) => return Err(problem.to_string()),
            },
            Field::ConsentSource => {
                let source = consent::source(cell).map_err(|problem| problem.to_string())?;
                contact.consent.get_or_insert_default().set_source(source);
            }
            Field::ConsentEvidence => contact.consent.get_or_insert_default().evidence = text,
            Field::CollectTime => {
                let time =
                    consent::time(cell, self.order).map_err(|problem| problem.to_string())?;
                contact.consent.get_or_insert_default().collect_time = Some(time);
            }
        }
        Ok(())
    }

    fn phone(&self, mut phone: String, problems: &mut Vec<String>) -> String {
        let is_bare =
            |phone: &str| phone.bytes().all(|it| it.is_ascii_digit()) && !phone.starts_with('0');
        match self.restore {
            Some(LostPrefix::Plus) if is_bare(phone.trim()) => phone = format!("+{}", phone.trim()),
            Some(LostPrefix::Zero) if is_bare(phone.trim()) => phone = format!("0{}", phone.trim()),
            _ => {}
        }
        let Some(Region { code, region }) = &self.region else {
            return phone;
        };
        match PhoneNumber::parse(&phone, Some(*region)) {
            Ok(number) => return number.as_str().to_owned(),
            Err(invalid) => {
                let name = self.name_of(Field::Phone.name());
                problems.push(match invalid.reason {
                    Reason::PhoneAmbiguous => format!(
                        "{name} can be a number of {code} or one with a country code: write + and the country code"
                    ),
                    Reason::PhoneInvalid => format!("{name} is not a valid phone number"),
                    _ => format!("{name} {}", invalid.message),
                });
            }
        }
        phone
    }

    fn separator(&self, row: &Row, index: usize) -> Option<DecimalSeparator> {
        match row.numbers.contains(&index) {
            true => Some(DecimalSeparator::Point),
            false => self.separators.get(&index).copied(),
        }
    }

    /// A cell so that it is read the same without the other rows, which show the order of dates and the separators of numbers.
    pub fn certain_cell<'a>(&self, row: &'a Row, index: usize) -> Cow<'a, str> {
        let cell = row.cells.get(index).unwrap_or_default();
        let columns = self.columns.iter().flat_map(|columns| &columns.imported);
        let mut types = columns
            .filter(|(_, imported)| *imported == index)
            .map(|(column, _)| property::type_of(column, self.object.as_ref()));
        let certain = types.find_map(|property_type| match property_type {
            Type::Date => {
                let reading = dates::read(cell).ok()?;
                let date = reading.is_ambiguous().then(|| reading.date(self.order))?;
                Some(dates::iso(date))
            }
            Type::Number | Type::Float => {
                let number = amounts::read(cell)?.number(self.separator(row, index))?;
                let is_certain = amounts::read(cell)?.number(None).is_some();
                (!is_certain).then(|| amounts::unambiguous(number.to_string()))
            }
            _ => None,
        });
        certain.map_or(Cow::Borrowed(cell), Cow::Owned)
    }
}

/// What of a contact says who it is.
fn reference(contact: Contact, problems: &mut Vec<String>) -> Contact {
    let contact = Contact {
        id: contact.id,
        phone: contact.phone,
        external_id: contact.external_id,
        consent: contact.consent,
        ..Contact::default()
    };
    if contact.id.is_empty() && contact.phone().is_empty() && contact.external_id().is_empty() {
        problems.push("the row has neither a phone nor an external_id nor an id".to_owned());
    }
    contact
}

fn address(contact: &mut Contact) -> &mut Address {
    contact.address.get_or_insert_default()
}

/// The parts of a name.
#[derive(Default)]
struct Names {
    first: String,
    last: String,
}

impl Names {
    fn join_into(self, contact: &mut Contact) {
        let (first, last) = (self.first.trim(), self.last.trim());
        let name = match (first, last) {
            ("", "") => return,
            ("", name) | (name, "") => name.to_owned(),
            // Chinese, Japanese and Korean names begin with the family's.
            _ if last.chars().all(is_east_asian) => format!("{last} {first}"),
            _ => format!("{first} {last}"),
        };
        contact.name = Some(name);
    }
}

fn is_east_asian(letter: char) -> bool {
    matches!(letter, '\u{2E80}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7AF}' | '\u{F900}'..='\u{FAFF}')
}
