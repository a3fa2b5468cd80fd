//! Which column of a table is which field of a contact: by its header in many spellings and languages, or as told.

use std::ops::Range;

use anyhow::bail;
use csv::StringRecord;
use strum::VariantArray;

use super::{
    mapping::{Content, Mapping, REFERENCE_FIELDS},
    spellings::{is_like_phone, plain, property, spelled},
};
use crate::{
    client::contact_columns::{Column, Field},
    proto::CustomObject,
};

/// The columns that a rejected row has beside its own: its number, and why it was rejected.
pub const REJECTION_COLUMNS: [&str; 2] = ["row", "rejected because"];

/// The columns of a table.
#[derive(Debug, Clone)]
pub struct Columns {
    /// The names of all columns, as the header has them; "column 1" and so on if there is none.
    pub header: StringRecord,
    /// Whether the first row is a header.
    pub has_header: bool,
    /// What is imported, with its column's index.
    pub imported: Vec<(Column, usize)>,
    /// How many of these are told by --map.
    mapped_count: usize,
}

impl Columns {
    /// Recognizes the columns of a table by its first row; the `next` ones serve for questions. Fails with a question if a field could be several columns, and
    /// if none is the phone.
    pub fn recognize(
        content: Content,
        first: &StringRecord,
        mappings: &[Mapping],
        object: Option<&CustomObject>,
        next: &[StringRecord],
    ) -> anyhow::Result<Self> {
        let has_header = is_header(first, mappings, object);
        let header = match has_header {
            true => first.iter().map(str::trim).collect(),
            false => (1..=first.len())
                .map(|number| format!("column {number}"))
                .collect(),
        };
        let mut columns = Self {
            header,
            has_header,
            imported: Vec::new(),
            mapped_count: 0,
        };
        columns.follow(content, mappings)?;
        let wanted = |field: &&Field| content.has(&Column::Field(**field));
        for &field in Field::VARIANTS.iter().filter(wanted) {
            let is_mapped = |mapping: &Mapping| mapping.column == Column::Field(field);
            if !mappings.iter().any(is_mapped) {
                columns.find(field, next)?;
            }
        }
        columns.join_names();
        if content == Content::Contact {
            columns.find_properties(mappings, object);
        }
        let names_people = |field: &Field| columns.index_of(*field).is_some();
        if content == Content::Contact || !REFERENCE_FIELDS.iter().any(names_people) {
            columns.require_phone(first, next)?;
        }
        columns.check_properties(object)?;
        Ok(columns)
    }

    /// The index of a field's column, if it is imported.
    pub fn index_of(&self, field: Field) -> Option<usize> {
        let mut imported = self.imported.iter();
        imported.find_map(|(column, index)| (*column == Column::Field(field)).then_some(*index))
    }

    /// The names of the columns that are not imported.
    pub fn left_out(&self) -> impl Iterator<Item = &str> {
        let left_out = self.own().filter(|index| !self.is_imported(*index));
        left_out
            .map(|index| &self.header[index])
            .filter(|name| !name.is_empty())
    }

    /// The indexes of the columns, without those that a file of rejected rows has in front.
    pub fn own(&self) -> Range<usize> {
        let is_of_rejected_rows = self.header.iter().take(2).eq(REJECTION_COLUMNS);
        let start = if is_of_rejected_rows { 2 } else { 0 };
        start..self.header.len()
    }

    /// The names of all columns, by which they would be recognized again with the same --map.
    pub fn recognizable_header(&self) -> Vec<String> {
        let mut names: Vec<String> = self.header.iter().map(str::to_owned).collect();
        if !self.has_header {
            for (column, index) in self.imported.iter().skip(self.mapped_count) {
                names[*index] = column.to_string();
            }
        }
        names
    }

    fn is_imported(&self, index: usize) -> bool {
        self.imported.iter().any(|(_, imported)| *imported == index)
    }

    fn follow(&mut self, content: Content, mappings: &[Mapping]) -> anyhow::Result<()> {
        for Mapping { column, header } in mappings {
            if !content.has(column) {
                bail!("--map {column}={header}: {column} is not read here");
            }
            if header.is_empty() {
                continue;
            }
            let exact = self.own().find(|index| self.header[*index] == *header);
            let like = || {
                let is_like = |index: &usize| plain(&self.header[*index]) == plain(header);
                self.own().find(is_like)
            };
            match exact.or_else(like) {
                Some(index) => self.imported.push((column.clone(), index)),
                None => bail!(
                    "--map {column}={header}: there is no such column; {}",
                    self.all()
                ),
            }
        }
        self.mapped_count = self.imported.len();
        Ok(())
    }

    fn find(&mut self, field: Field, next: &[StringRecord]) -> anyhow::Result<()> {
        if !self.has_header {
            return Ok(());
        }
        let free = self.own().filter(|index| !self.is_imported(*index));
        let spelled: Vec<usize> = free
            .filter(|index| spelled(&self.header[*index]) == Some(field))
            .collect();
        let exact = spelled
            .iter()
            .find(|index| self.header[**index] == *field.name());
        match (exact, &spelled[..]) {
            (Some(index), _) => self.imported.push((Column::Field(field), *index)),
            (None, [index]) => self.imported.push((Column::Field(field), *index)),
            (None, []) => {}
            (None, [first, ..]) => {
                let names: Vec<&str> = spelled.iter().map(|index| &self.header[*index]).collect();
                let likely = spelled.iter().find(|index| has_phones(next, **index));
                let likely = likely.filter(|_| field == Field::Phone).unwrap_or(first);
                bail!(
                    "which column is the {0}, {1}? Say --map {0}={2:?}",
                    field.name(),
                    names.join(" or "),
                    &self.header[*likely],
                );
            }
        }
        Ok(())
    }

    /// In many languages the column of the last or the first name is called just "name" beside the other one.
    fn join_names(&mut self) {
        let has = |field| self.index_of(field).is_some();
        let other = match (
            has(Field::Name),
            has(Field::FirstName),
            has(Field::LastName),
        ) {
            (true, true, false) => Field::LastName,
            (true, false, true) => Field::FirstName,
            (true, true, true) => {
                let is_part = |field: &Column| {
                    *field == Column::Field(Field::FirstName)
                        || *field == Column::Field(Field::LastName)
                };
                self.imported.retain(|(column, _)| !is_part(column));
                return;
            }
            _ => return,
        };
        for (column, _) in &mut self.imported {
            if *column == Column::Field(Field::Name) {
                *column = Column::Field(other);
            }
        }
    }

    fn find_properties(&mut self, mappings: &[Mapping], object: Option<&CustomObject>) {
        if !self.has_header {
            return;
        }
        for index in self.own() {
            let column = property(&self.header[index], object);
            let is_mapped =
                |column: &Column| mappings.iter().any(|mapping| mapping.column == *column);
            if let Some(column) = column.filter(|it| !self.is_imported(index) && !is_mapped(it)) {
                self.imported.push((column, index));
            }
        }
    }

    /// Without a header, the one cell that looks like a phone is the phone.
    fn require_phone(&mut self, first: &StringRecord, next: &[StringRecord]) -> anyhow::Result<()> {
        if self.index_of(Field::Phone).is_some() {
            return Ok(());
        }
        let phones = (0..first.len()).filter(|index| is_like_phone(&first[*index]));
        match phones.collect::<Vec<_>>()[..] {
            [index] if !self.has_header => {
                self.imported.push((Column::Field(Field::Phone), index));
                Ok(())
            }
            _ => {
                let is_header =
                    |row: &StringRecord| row.iter().any(|name| spelled(name) == Some(Field::Phone));
                if next.iter().any(is_header) {
                    bail!(
                        "the first row is not the header, but a later one seems to be: remove the rows above it, as the \
                         header must be the first row"
                    );
                }
                let likely = self.own().find(|index| has_phones(next, *index));
                let likely = likely.map_or("COLUMN".to_owned(), |index| {
                    format!("{:?}", &self.header[index])
                });
                bail!(
                    "which column is the phone? Say --map phone={likely}; {}",
                    self.all()
                )
            }
        }
    }

    fn check_properties(&self, object: Option<&CustomObject>) -> anyhow::Result<()> {
        for (column, _) in &self.imported {
            let Column::Property(key) = column else {
                continue;
            };
            let Some(object) = object else {
                bail!(
                    "{column}: the organization does not have exactly one custom object: name it with --custom-object"
                );
            };
            let mut keys = object
                .properties
                .iter()
                .map(|property| property.key.as_str());
            if !keys.any(|it| it == key) {
                let keys: Vec<&str> = object.properties.iter().map(|it| it.key.as_str()).collect();
                bail!(
                    "the custom object {} has no property {key}; it has {}",
                    object.key,
                    keys.join(", ")
                );
            }
        }
        Ok(())
    }

    fn all(&self) -> String {
        format!(
            "the columns are {}",
            self.header.iter().collect::<Vec<_>>().join(", ")
        )
    }
}

/// Whether the cells of a column look like phones.
fn has_phones(rows: &[StringRecord], column: usize) -> bool {
    let cells = rows.iter().filter_map(|row| row.get(column));
    let mut cells = cells.filter(|cell| !cell.trim().is_empty()).peekable();
    cells.peek().is_some() && cells.all(is_like_phone)
}

/// The first row is a header if it names a column; but not if it names none, and has a phone number.
fn is_header(first: &StringRecord, mappings: &[Mapping], object: Option<&CustomObject>) -> bool {
    let names_column = |name: &str| {
        let is_mapped = mappings
            .iter()
            .any(|mapping| plain(&mapping.header) == plain(name));
        !name.trim().is_empty()
            && (is_mapped || spelled(name).is_some() || property(name, object).is_some())
    };
    first.iter().any(names_column) || !first.iter().any(is_like_phone)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn imported(header: &[&str]) -> anyhow::Result<Vec<(String, usize)>> {
        let columns = Columns::recognize(
            Content::Contact,
            &StringRecord::from(header),
            &[],
            None,
            &[],
        )?;
        Ok(columns
            .imported
            .iter()
            .map(|(column, index)| (column.to_string(), *index))
            .collect())
    }

    #[test]
    fn headers_are_recognized_in_many_languages() {
        for phone in [
            "phone",
            "Phone Number",
            "Telefon",
            "téléphone",
            "móvil",
            "電話",
            "Тел.",
            "Phone 1 - Value",
            "Telefon (mobil)",
            "Phone mobile",
            "휴대폰 번호",
        ] {
            let found = imported(&["x", phone]);
            assert_eq!(found.unwrap(), [("phone".to_owned(), 1)], "{phone}");
        }
    }

    #[test]
    fn a_name_beside_a_first_or_last_name_is_the_other_part() {
        let found = imported(&["Name", "Vorname", "Telefon"]).unwrap();
        assert!(found.contains(&("last_name".to_owned(), 0)), "{found:?}");
        let found = imported(&["Nombre", "Apellidos", "Teléfono"]).unwrap();
        assert!(found.contains(&("first_name".to_owned(), 0)), "{found:?}");
    }

    #[test]
    fn two_columns_for_one_field_are_a_question() {
        let question = imported(&["Telefon", "Mobil"]).unwrap_err().to_string();
        assert_eq!(
            question,
            "which column is the phone, Telefon or Mobil? Say --map phone=\"Telefon\""
        );
    }

    #[test]
    fn the_example_is_the_column_whose_cells_look_like_phones() {
        let question = |header: &[&str], row: &[&str]| {
            let next = [StringRecord::from(row)];
            let columns = Columns::recognize(
                Content::Contact,
                &StringRecord::from(header),
                &[],
                None,
                &next,
            );
            columns.unwrap_err().to_string()
        };
        let asked = question(&["who", "contact no."], &["Ada", "+49 151 23456789"]);
        assert!(asked.contains("Say --map phone=\"contact no.\""), "{asked}");
        let asked = question(&["Telefon", "Mobil"], &["", "+49 151 23456789"]);
        assert!(asked.contains("Say --map phone=\"Mobil\""), "{asked}");
        let asked = question(&["who"], &["Ada"]);
        assert!(asked.contains("Say --map phone=COLUMN"), "{asked}");
    }

    #[test]
    fn phones_without_a_header_are_recognized() {
        let columns = Columns::recognize(
            Content::Contact,
            &StringRecord::from(vec!["Ada", "+49 151 23456789"]),
            &[],
            None,
            &[],
        )
        .unwrap();
        assert!(!columns.has_header);
        assert_eq!(columns.index_of(Field::Phone), Some(1));
    }
}
