//! Reads the fields of a request, and collects everything that is wrong with them.

use prost_types::FieldMask;
use uuid::Uuid;

use crate::{
    domain::violation::{Invalid, MAX_PATH_CHARACTERS, Reason, Violation},
    error::{Error, Result},
};

/// What is wrong with the fields read so far.
#[derive(Default)]
pub struct Fields {
    violations: Vec<Violation>,
}

impl Fields {
    /// The value of the field `path`, if it was parsed.
    pub fn read<T>(&mut self, path: impl Into<String>, parsed: Result<T, Invalid>) -> Option<T> {
        match parsed {
            Ok(value) => Some(value),
            Err(invalid) => {
                self.violations.push(invalid.at(path));
                None
            }
        }
    }

    /// The value of the field `path`, which is required.
    pub fn required<T>(&mut self, path: impl Into<String>, value: Option<T>) -> Option<T> {
        if value.is_none() {
            self.refuse(path, Reason::FieldRequired, "is required");
        }
        value
    }

    /// Refuses the field `path`.
    pub fn refuse(&mut self, path: impl Into<String>, reason: Reason, message: impl Into<String>) {
        self.violations.push(Violation::new(reason, path, message));
    }

    /// Adds violations that were found elsewhere.
    pub fn add(&mut self, violations: impl IntoIterator<Item = Violation>) {
        self.violations.extend(violations);
    }

    /// The value of the enum field `path`, if the contract has its number.
    pub fn known<E: TryFrom<i32>>(&mut self, path: &str, number: i32) -> Option<E> {
        let value = E::try_from(number).ok();
        if value.is_none() {
            self.refuse(path, Reason::FieldInvalid, "is not a known value");
        }
        value
    }

    /// The parsed items of the repeated field `path`, without those that `parse` refuses. Refuses more than `max` items.
    pub fn items<W, T>(
        &mut self,
        path: &str,
        items: Vec<W>,
        max: usize,
        mut parse: impl FnMut(&mut Self, &str, W) -> Option<T>,
    ) -> Option<Vec<T>> {
        if items.len() > max {
            let message = format!("must have at most {max} items");
            self.refuse(path, Reason::FieldTooLong, message);
            return None;
        }
        let items = items.into_iter().enumerate();
        let parsed =
            items.filter_map(|(index, item)| parse(self, &format!("{path}[{index}]"), item));
        Some(parsed.collect())
    }

    /// Whether the field `path` was refused already.
    pub fn has_refused(&self, path: &str) -> bool {
        self.violations
            .iter()
            .any(|violation| violation.field == path)
    }

    /// Everything that is wrong.
    pub fn into_violations(self) -> Vec<Violation> {
        self.violations
    }

    /// The value made of the fields, if nothing is wrong with them.
    pub fn finish<T>(self, value: Option<T>) -> Result<T> {
        match value {
            Some(value) if self.violations.is_empty() => Ok(value),
            _ => Err(Error::RequestInvalid(self.violations)),
        }
    }
}

/// Returns which fields a request changes: those that its mask names, where `*` means all of them; without a mask, those
/// that are present. Fails if there is a mask and it names nothing, or something else.
pub fn changed<const N: usize>(
    mask: Option<FieldMask>,
    mut fields: [(&'static str, bool); N],
) -> Result<[bool; N]> {
    if let Some(mask) = mask {
        if mask.paths.is_empty() {
            return Err(Error::FieldMaskEmpty);
        }
        for (_, changed) in &mut fields {
            *changed = false;
        }
        for path in mask.paths {
            let mut known = false;
            for (name, changed) in &mut fields {
                if path == "*" || path == *name {
                    (*changed, known) = (true, true);
                }
            }
            if !known {
                // A path is the caller's text, of any length, and the trailers that errors are sent in are small.
                let path = path.chars().take(MAX_PATH_CHARACTERS).collect();
                return Err(Error::FieldMaskInvalid { path });
            }
        }
    }
    Ok(fields.map(|(_, changed)| changed))
}

/// Parses an id: a UUID with its hyphens.
pub fn id(text: &str) -> Result<Uuid, Invalid> {
    match Uuid::try_parse(text) {
        Ok(id) if text.len() == 36 => Ok(id),
        _ if text.is_empty() => Err(Invalid::new(Reason::FieldRequired, "is required")),
        _ => Err(Invalid::new(Reason::FieldInvalid, "must be a UUID")),
    }
}

/// The id in a request's field `path`, if it is given.
pub fn optional_id(path: &str, text: Option<&str>) -> Result<Option<Uuid>> {
    text.map(|text| required_id(path, text)).transpose()
}

/// The id in a request's field `path`.
pub fn required_id(path: &str, text: &str) -> Result<Uuid> {
    id(text).map_err(|invalid| Error::field(invalid.at(path)))
}
