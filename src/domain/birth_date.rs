//! Dates of birth.

use std::fmt;

use serde::{Deserialize, Serialize};
use time::{Date, Month, OffsetDateTime};

use super::violation::{Invalid, Reason};

/// A date of birth: a real month and day, and a year from 1 to 9999, or 0 if it is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BirthDate {
    year: u16,
    month: u8,
    day: u8,
}

/// A leap year: in it every day exists that a date without a year can have.
const LEAP_YEAR: i32 = 2000;

impl BirthDate {
    /// Parses a date, where year 0 means unknown; `None` if all three are 0. Fails if the date is later than
    /// the day after `now`.
    pub fn parse(
        year: i32,
        month: i32,
        day: i32,
        now: OffsetDateTime,
    ) -> Result<Option<Self>, Invalid> {
        if (year, month, day) == (0, 0, 0) {
            return Ok(None);
        }
        let not_real = || Invalid::new(Reason::BirthDateInvalid, "is not a real date");
        let real_year = if year == 0 { LEAP_YEAR } else { year };
        let (month, day) = (
            u8::try_from(month).map_err(|_| not_real())?,
            u8::try_from(day).map_err(|_| not_real())?,
        );
        let date = Date::from_calendar_date(
            real_year,
            Month::try_from(month).map_err(|_| not_real())?,
            day,
        )
        .map_err(|_| not_real())?;
        let year = u16::try_from(year).map_err(|_| not_real())?;
        let tomorrow = now.date().next_day().unwrap_or(Date::MAX);
        if year != 0 && date > tomorrow {
            return Err(Invalid::new(
                Reason::BirthDateInvalid,
                "must not be later than tomorrow (UTC)",
            ));
        }
        Ok(Some(Self { year, month, day }))
    }

    /// Makes a date from its stored form, "YYYY-MM-DD"; `None` if that is malformed.
    pub fn from_stored(date: &str) -> Option<Self> {
        let mut parts = date.split('-');
        Some(Self {
            year: parts.next()?.parse().ok()?,
            month: parts.next()?.parse().ok()?,
            day: parts.next()?.parse().ok()?,
        })
    }

    /// The year (0: unknown), month and day.
    pub fn parts(self) -> (i32, i32, i32) {
        (self.year.into(), self.month.into(), self.day.into())
    }
}

impl fmt::Display for BirthDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn parse(year: i32, month: i32, day: i32) -> Result<Option<String>, Reason> {
        BirthDate::parse(year, month, day, datetime!(2026-03-01 23:00 UTC))
            .map(|date| date.map(|date| date.to_string()))
            .map_err(|invalid| invalid.reason)
    }

    #[test]
    fn real_dates_are_taken_also_without_a_year() {
        assert_eq!(parse(1984, 2, 29), Ok(Some("1984-02-29".to_owned())));
        assert_eq!(parse(0, 2, 29), Ok(Some("0000-02-29".to_owned())));
        assert_eq!(parse(2026, 3, 2), Ok(Some("2026-03-02".to_owned())));
        assert_eq!(parse(0, 0, 0), Ok(None));
    }

    #[test]
    fn other_dates_are_refused() {
        for (year, month, day) in [
            (2023, 2, 29),
            (2023, 2, 30),
            (0, 2, 30),
            (2026, 3, 3),
            (1984, 0, 0),
            (0, 1, 0),
            (1984, 13, 1),
            (1984, 256 + 1, 1),
            (-1, 1, 1),
            (10_000, 1, 1),
        ] {
            assert_eq!(
                parse(year, month, day),
                Err(Reason::BirthDateInvalid),
                "{year}-{month}-{day}"
            );
        }
    }

    #[test]
    fn a_stored_date_reads_back_as_it_was() {
        let date = BirthDate::parse(0, 12, 24, datetime!(2026-03-01 0:00 UTC));
        let date = date.unwrap().unwrap();
        assert_eq!(BirthDate::from_stored(&date.to_string()), Some(date));
    }
}
