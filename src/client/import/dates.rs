//! Dates in the formats that people use. What can be two dates is never guessed.

use std::fmt;

use clap::ValueEnum;

use crate::generated::google::r#type::Date;

/// Which of day and month comes first in dates such as 01/02/1980.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DateOrder {
    /// 01/02/1980 is 1 February
    DayFirst,
    /// 01/02/1980 is 2 January
    MonthFirst,
}

/// A text that has been read as a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// One date; year 0 is an unknown one.
    Date {
        /// The year.
        year: i32,
        /// The month.
        month: i32,
        /// The day.
        day: i32,
    },
    /// Two numbers, one of which is the day, and a year.
    Unordered {
        /// The first number.
        first: i32,
        /// The second number.
        second: i32,
        /// The year.
        year: i32,
    },
}

/// Why a text is not a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoDate {
    /// It has no form that is known.
    Unknown,
    /// Its year has two digits.
    ShortYear,
}

impl fmt::Display for NoDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "is not a date: write it as 1980-12-31",
            Self::ShortYear => "has a year of two digits: write all four",
        })
    }
}

impl Reading {
    /// The order that the numbers show, if they show one.
    pub fn order(self) -> Option<DateOrder> {
        match self {
            Self::Unordered { first, .. } if first > 12 => Some(DateOrder::DayFirst),
            Self::Unordered { second, .. } if second > 12 => Some(DateOrder::MonthFirst),
            _ => None,
        }
    }

    /// Whether it is two different dates in the two orders.
    pub fn is_ambiguous(self) -> bool {
        self.order().is_none() && self.date(DateOrder::DayFirst) != self.date(DateOrder::MonthFirst)
    }

    /// The date. It need not be a real one: the server checks that.
    pub fn date(self, order: DateOrder) -> Date {
        let (year, month, day) = match (self, order) {
            (Self::Date { year, month, day }, _) => (year, month, day),
            (
                Self::Unordered {
                    first,
                    second,
                    year,
                },
                DateOrder::DayFirst,
            ) => (year, second, first),
            (
                Self::Unordered {
                    first,
                    second,
                    year,
                },
                DateOrder::MonthFirst,
            ) => (year, first, second),
        };
        Date { year, month, day }
    }
}

/// A date as in ISO 8601.
pub fn iso(date: Date) -> String {
    format!("{:04}-{:02}-{:02}", date.year, date.month, date.day)
}

/// A part of a date's text.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Part<'a> {
    Number(&'a str),
    Month(i32),
}

/// Reads a date: 1980-12-31, 1980/12/31, 19801231, --12-31 (without a year), 31.12.1980, 31/12/1980 or 12/31/1980,
/// "31 Dec 1980", "December 31, 1980", 1980年12月31日; with a time after it or not.
pub fn read(text: &str) -> Result<Reading, NoDate> {
    use Part::{Month, Number};
    let text = without_time(text.trim());
    let parts = parts(text).ok_or(NoDate::Unknown)?;
    let number = |digits: &str| digits.parse().map_err(|_| NoDate::Unknown);
    let date = |year: &str, month: &str, day: &str| {
        Ok(Reading::Date {
            year: number(year)?,
            month: number(month)?,
            day: number(day)?,
        })
    };
    let is_year = |digits: &str| digits.len() == 4;
    let is_short = |digits: &str| digits.len() <= 2;
    match parts[..] {
        [Number(digits)] if digits.len() == 8 => date(&digits[..4], &digits[4..6], &digits[6..]),
        [Number(month), Number(day)] if text.starts_with("--") => date("0", month, day),
        [Number(year), Number(month), Number(day)]
            if is_year(year) && is_short(month) && is_short(day) =>
        {
            date(year, month, day)
        }
        [Number(day), Number(month), Number(year)]
            if is_year(year) && is_short(day) && is_short(month) && text.contains('.') =>
        {
            date(year, month, day)
        }
        [Number(first), Number(second), Number(year)]
            if is_year(year) && is_short(first) && is_short(second) =>
        {
            Ok(Reading::Unordered {
                first: number(first)?,
                second: number(second)?,
                year: number(year)?,
            })
        }
        [Number(day), Month(month), Number(year)] | [Month(month), Number(day), Number(year)]
            if is_year(year) && is_short(day) =>
        {
            date(year, &month.to_string(), day)
        }
        [Number(one), _, Number(other)] | [_, Number(one), Number(other)]
            if is_short(one) && is_short(other) =>
        {
            Err(NoDate::ShortYear)
        }
        _ => Err(NoDate::Unknown),
    }
}

/// Cuts a time of day off: "1980-12-31T00:00:00Z", "31.12.1980 0:00".
fn without_time(text: &str) -> &str {
    let Some(colon) = text.find(':') else {
        return text;
    };
    match text[..colon].rfind(['T', ' ']) {
        Some(end) => &text[..end],
        None => text,
    }
}

/// The numbers and names of months in a text; `None` if it has anything else than these, punctuation and ordinals.
fn parts(text: &str) -> Option<Vec<Part<'_>>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let is_same_kind = |other: char| match letter {
            '0'..='9' => other.is_ascii_digit(),
            _ if letter.is_alphabetic() => other.is_alphabetic(),
            _ => other == letter,
        };
        let end = rest
            .find(|other| !is_same_kind(other))
            .unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        rest = after;
        match word {
            _ if letter.is_ascii_digit() => parts.push(Part::Number(word)),
            "st" | "nd" | "rd" | "th" | "de" | "of" | "年" | "月" | "日" | "년" | "월" | "일" =>
                {}
            _ if letter.is_alphabetic() => parts.push(Part::Month(month(word)?)),
            _ if word
                .chars()
                .all(|it| matches!(it, '-' | '/' | '.' | ',' | ' ' | '\u{a0}')) => {}
            _ => return None,
        }
    }
    Some(parts)
}

/// The number of a month by its name in English, German, French, Spanish, Italian, Portuguese or Dutch, or the start of it.
fn month(name: &str) -> Option<i32> {
    const STARTS: [(&str, i32); 30] = [
        ("jan", 1),
        ("jän", 1),
        ("ene", 1),
        ("gen", 1),
        ("feb", 2),
        ("fev", 2),
        ("fév", 2),
        ("mar", 3),
        ("mär", 3),
        ("mrz", 3),
        ("maa", 3),
        ("apr", 4),
        ("avr", 4),
        ("abr", 4),
        ("may", 5),
        ("mai", 5),
        ("mag", 5),
        ("mei", 5),
        ("jun", 6),
        ("juin", 6),
        ("giu", 6),
        ("jul", 7),
        ("juil", 7),
        ("lug", 7),
        ("aug", 8),
        ("ago", 8),
        ("sep", 9),
        ("oct", 10),
        ("nov", 11),
        ("dec", 12),
    ];
    const MORE: [(&str, i32); 9] = [
        ("aoû", 8),
        ("aou", 8),
        ("set", 9),
        ("okt", 10),
        ("out", 10),
        ("ott", 10),
        ("dez", 12),
        ("déc", 12),
        ("dic", 12),
    ];
    let name = name.to_lowercase();
    let mut starts = STARTS.iter().chain(&MORE);
    starts.find_map(|(start, number)| name.starts_with(start).then_some(*number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn iso(text: &str) -> Result<String, NoDate> {
        read(text).map(|reading| {
            let date = reading.date(DateOrder::DayFirst);
            format!("{:04}-{:02}-{:02}", date.year, date.month, date.day)
        })
    }

    #[test]
    fn dates_are_read_in_the_formats_that_people_use() {
        for text in [
            "1980-12-31",
            "1980/12/31",
            "19801231",
            "31.12.1980",
            "31. 12. 1980",
            "31/12/1980",
            "31-12-1980",
            "31 Dec 1980",
            "31. Dez. 1980",
            "December 31, 1980",
            "Dec 31st, 1980",
            "31 de diciembre de 1980",
            "31 décembre 1980",
            "1980年12月31日",
            "1980-12-31T00:00:00Z",
            "31.12.1980 0:00",
            " 1980-12-31 ",
        ] {
            assert_eq!(iso(text).as_deref(), Ok("1980-12-31"), "{text}");
        }
        assert_eq!(iso("--12-31").as_deref(), Ok("0000-12-31"));
        assert_eq!(iso("0000-12-31").as_deref(), Ok("0000-12-31"));
        assert_eq!(iso("1 juin 1980").as_deref(), Ok("1980-06-01"));
        assert_eq!(iso("1 juillet 1980").as_deref(), Ok("1980-07-01"));
    }

    #[test]
    fn a_year_of_two_digits_and_other_texts_are_refused() {
        for text in ["31.12.80", "12/31/80", "80-12-31", "31 Dec 80"] {
            assert_eq!(iso(text), Err(NoDate::ShortYear), "{text}");
        }
        for text in [
            "",
            "yesterday",
            "29221",
            "31.12.",
            "Dec 1980",
            "31 Foo 1980",
            "1980-12-31-1",
            "31:12:1980",
        ] {
            assert_eq!(iso(text), Err(NoDate::Unknown), "{text}");
        }
    }

    #[test]
    fn the_order_of_day_and_month_is_shown_by_numbers_above_twelve_only() {
        let order = |text| read(text).unwrap().order();
        assert_eq!(order("31/12/1980"), Some(DateOrder::DayFirst));
        assert_eq!(order("12/31/1980"), Some(DateOrder::MonthFirst));
        assert_eq!(order("01/02/1980"), None);
        assert!(read("01/02/1980").unwrap().is_ambiguous());
        assert!(!read("02/02/1980").unwrap().is_ambiguous());
        assert!(!read("01.02.1980").unwrap().is_ambiguous());
    }
}
