//! Numbers as people write them. What can be two numbers is never guessed.

use clap::ValueEnum;

/// What separates the fraction of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DecimalSeparator {
    /// 1,234.5
    Point,
    /// 1.234,5
    Comma,
}

/// A text that has been read as a number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reading {
    /// The same number either way.
    Certain(f64),
    /// A number only with this separator, which it shows.
    Shown(f64, DecimalSeparator),
    /// Two numbers.
    Ambiguous {
        /// With a decimal point.
        point: f64,
        /// With a decimal comma.
        comma: f64,
    },
}

impl Reading {
    /// The number; `None` if it could be two, and none is known to be meant.
    pub fn number(self, separator: Option<DecimalSeparator>) -> Option<f64> {
        match (self, separator) {
            (Self::Certain(number) | Self::Shown(number, _), _) => Some(number),
            (Self::Ambiguous { point, .. }, Some(DecimalSeparator::Point)) => Some(point),
            (Self::Ambiguous { comma, .. }, Some(DecimalSeparator::Comma)) => Some(comma),
            (Self::Ambiguous { .. }, None) => None,
        }
    }
}

/// Reads a number: 1234.5, 1234,5, 1,234.5, 1.234,5, 1 234,5, 1'234.5, 1e3. Returns `None` for other texts.
pub fn read(text: &str) -> Option<Reading> {
    use DecimalSeparator::{Comma, Point};
    let text = text.trim();
    match (with(text, '.', ','), with(text, ',', '.')) {
        (Some(point), Some(comma)) if point == comma => Some(Reading::Certain(point)),
        (Some(point), Some(comma)) => Some(Reading::Ambiguous { point, comma }),
        (Some(point), None) => Some(Reading::Shown(point, Point)),
        (None, Some(comma)) => Some(Reading::Shown(comma, Comma)),
        (None, None) => None,
    }
}

/// A number with a decimal point as a text that is read as this one: three digits behind the point could be thousands.
pub fn unambiguous(number: String) -> String {
    match read(&number) {
        Some(Reading::Ambiguous { .. }) => format!("{number}0"),
        _ => number,
    }
}

/// Reads a number with this separator in front of its fraction, and that one or others between its thousands.
fn with(text: &str, decimal: char, thousands: char) -> Option<f64> {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let unsigned = mantissa.strip_prefix(['-', '+']).unwrap_or(mantissa);
    let (whole, fraction) = match unsigned.split_once(decimal) {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (unsigned, None),
    };
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
    let whole = match whole {
        "" if fraction.is_some() => "0".to_owned(),
        whole => without_thousands(whole, thousands)?,
    };
    if !is_digits(&whole) || !fraction.is_none_or(is_digits) {
        return None;
    }
    let sign = if mantissa.starts_with('-') { "-" } else { "" };
    let number = format!("{sign}{whole}.{}{exponent}", fraction.unwrap_or("0"));
    number
        .parse()
        .ok()
        .filter(|number: &f64| number.is_finite())
}

/// Takes out what separates thousands, if it does: one to three digits, then three each time.
fn without_thousands(whole: &str, thousands: char) -> Option<String> {
    let is_separator = |letter: char| {
        letter == thousands || letter.is_whitespace() || matches!(letter, '\'' | '\u{2019}')
    };
    let Some(separator) = whole.chars().find(|letter| is_separator(*letter)) else {
        return Some(whole.to_owned());
    };
    let mut groups = whole.split(separator);
    let first = groups.next().unwrap_or_default();
    let is_right = (1..=3).contains(&first.len())
        && !first.starts_with('0')
        && groups.all(|group| group.len() == 3);
    is_right.then(|| whole.replace(separator, ""))
}

#[cfg(test)]
mod tests {
    use super::{
        DecimalSeparator::{Comma, Point},
        Reading::{Ambiguous, Certain, Shown},
        *,
    };

    #[test]
    fn numbers_are_read_and_those_that_could_be_two_are_not() {
        for (text, expected) in [
            ("3", Certain(3.0)),
            ("-1234567", Certain(-1_234_567.0)),
            ("1e3", Certain(1000.0)),
            ("1 234", Certain(1234.0)),
            ("-1.5", Shown(-1.5, Point)),
            ("1,5", Shown(1.5, Comma)),
            ("12,34", Shown(12.34, Comma)),
            ("1.234,5", Shown(1234.5, Comma)),
            ("1,234.5", Shown(1234.5, Point)),
            ("1.234.567", Shown(1_234_567.0, Comma)),
            ("1\u{202f}234,50", Shown(1234.5, Comma)),
            ("1\u{a0}234,50", Shown(1234.5, Comma)),
            ("1'234.50", Shown(1234.5, Point)),
            ("0.125", Shown(0.125, Point)),
            ("1234.567", Shown(1234.567, Point)),
            (".5", Shown(0.5, Point)),
            (
                "1.234",
                Ambiguous {
                    point: 1.234,
                    comma: 1234.0,
                },
            ),
            (
                "-1,234",
                Ambiguous {
                    point: -1234.0,
                    comma: -1.234,
                },
            ),
        ] {
            assert_eq!(read(text), Some(expected), "{text}");
        }
        for text in [
            "1,2,3", "12,34.5", "1.234.56", "inf", "NaN", "12 EUR", "", "1 2", ".", "--1", "1e",
            "e3",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_as_the_same() {
        for number in [1.234_f64, -12.345, 1234.567, 0.125, 5.0, 1e300, -0.1] {
            let text = unambiguous(number.to_string());
            let read = read(&text).and_then(|it| it.number(None));
            assert_eq!(read, Some(number));
        }
    }
}
