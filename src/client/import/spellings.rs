//! How people call the fields of a contact.

use std::{collections::HashMap, sync::LazyLock};

use crate::{
    client::contact_columns::{Column, Field},
    proto::CustomObject,
};

/// A field and the spellings of its header, a line each.
const SPELLINGS: &str = include_str!("spellings.tsv");

/// How many digits a phone number has at least, in a table without a header.
const MIN_PHONE_DIGITS: usize = 7;

/// Whether a cell looks like a phone number.
pub fn is_like_phone(cell: &str) -> bool {
    let digits = cell.chars().filter(char::is_ascii_digit).count();
    let is_part = |letter: char| {
        letter.is_ascii_digit() || letter.is_whitespace() || "+()-./".contains(letter)
    };
    digits >= MIN_PHONE_DIGITS && cell.chars().all(is_part)
}

/// The field that a header stands for.
pub fn spelled(header: &str) -> Option<Field> {
    static FIELDS: LazyLock<HashMap<String, Field>> = LazyLock::new(|| {
        let lines = SPELLINGS.lines().filter_map(|line| line.split_once('\t'));
        let fields =
            lines.filter_map(|(name, spellings)| Some((name.parse::<Field>().ok()?, spellings)));
        fields
            .flat_map(|(field, spellings)| spellings.split(',').map(move |it| (plain(it), field)))
            .collect()
    });
    FIELDS.get(&plain(header)).copied()
}

/// The property that a header names: as "properties.KEY", by its key, or by its label.
pub fn property(header: &str, object: Option<&CustomObject>) -> Option<Column> {
    if let Some(column @ Column::Property(_)) = Column::parse(header) {
        return Some(column);
    }
    let header = plain(header);
    let mut properties = object?.properties.iter();
    let property = properties.find(|it| plain(&it.key) == header || plain(&it.label) == header)?;
    Some(Column::Property(property.key.clone()))
}

/// A header without case, spaces and punctuation.
pub fn plain(header: &str) -> String {
    let letters = header.chars().filter(|letter| letter.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use strum::VariantArray;

    use super::*;

    #[test]
    fn every_spelling_is_one_fields_alone() {
        let mut seen = HashMap::new();
        for (name, spellings) in SPELLINGS.lines().map(|line| line.split_once('\t').unwrap()) {
            let field: Field = name.parse().unwrap();
            for spelling in spellings.split(',') {
                let other = seen
                    .insert(plain(spelling), field)
                    .filter(|it| *it != field);
                assert_eq!(other, None, "{spelling}");
            }
        }
        for field in Field::VARIANTS {
            assert_eq!(spelled(field.name()), Some(*field));
        }
    }
}
