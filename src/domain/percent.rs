//! Percentages.

use std::{fmt, str::FromStr};

use super::violation::{Invalid, Reason};

/// A percentage, 0 to 100, which may have a fraction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Percent(f64);

/// It is never NaN.
impl Eq for Percent {}

impl Percent {
    /// Parses a number.
    pub fn parse(number: f64) -> Result<Self, Invalid> {
        if !(0.0..=100.0).contains(&number) {
            return Err(Invalid::new(Reason::FieldInvalid, "must be 0 to 100"));
        }
        // Minus zero is zero.
        Ok(Self(number.abs()))
    }

    /// The number.
    pub fn number(self) -> f64 {
        self.0
    }

    /// Whether `part` is at most this percentage of `whole`.
    pub fn allows(self, part: u64, whole: u64) -> bool {
        // Few decimal fractions are exact as binary ones: what is exactly at the limit must not be above it.
        let limit = self.0 * whole as f64 * (1.0 + 4.0 * f64::EPSILON);
        part as f64 * 100.0 <= limit
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// As the command line gives it.
impl FromStr for Percent {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text.parse().ok();
        let percent = number.and_then(|number| Self::parse(number).ok());
        percent.ok_or("give a number from 0 to 100")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_fraction_allows_exactly_what_it_says() {
        for hundredths in 0..=10_000 {
            let percent: Percent = format!("{}.{:02}", hundredths / 100, hundredths % 100)
                .parse()
                .unwrap();
            for thousands in [1, 7, 100_000] {
                let (limit, whole) = (hundredths * thousands, 10_000 * thousands);
                assert!(percent.allows(limit, whole), "{percent} of {whole}");
                assert!(!percent.allows(limit + 1, whole), "{percent} of {whole}");
            }
        }
    }

    #[test]
    fn only_numbers_from_0_to_100_are_percentages() {
        for text in ["-1", "100.1", "NaN", "inf", "", "20%"] {
            assert!(text.parse::<Percent>().is_err(), "{text}");
        }
        assert_eq!("-0".parse::<Percent>().unwrap().to_string(), "0");
    }
}
