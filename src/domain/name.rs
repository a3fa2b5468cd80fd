//! Names of lists, channels and custom objects.

use super::{
    text,
    violation::{Invalid, Reason},
};

/// A name of 1 to 255 characters, without white space at its ends and with single spaces inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// Parses `name`: removes white space at both ends, and makes one space of each run inside.
    pub fn parse(name: &str) -> Result<Self, Invalid> {
        let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
        text::check(&name)?;
        if name.is_empty() {
            return Err(Invalid::new(Reason::FieldRequired, "must not be empty"));
        }
        Ok(Self(name))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_is_trimmed_and_its_runs_become_one_space() {
        let name = Name::parse(" List \t\u{3000} name ").unwrap();
        assert_eq!(name.as_str(), "List name");
    }

    #[test]
    fn white_space_alone_is_no_name() {
        assert_eq!(
            Name::parse(" \n ").unwrap_err().reason,
            Reason::FieldRequired
        );
    }
}
