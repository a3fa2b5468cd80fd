//! How contacts said so: the flags of commands, cells of files, and JSON.

use anyhow::{anyhow, bail};
use clap::Args;
use prost_types::Timestamp;
use serde_json::{Map, Value as Json};
use time::{Date, Month, OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};

use super::import::dates::{self, DateOrder, Reading};
use crate::proto::{Consent, consent::Source};

/// What the contract's sources begin with.
const SOURCE_PREFIX: &str = "SOURCE_";

/// The flags that say how contacts said so.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Consent")]
pub struct ConsentSettings {
    /// Where the contacts said so: website, point_of_sale, phone, paper, import, message or other. What a row says itself wins,
    /// here and below
    #[arg(long, value_name = "SOURCE", value_parser = source)]
    pub consent_source: Option<Source>,
    /// What shows that they said so: a text, or a URL such as that of the form
    #[arg(long, value_name = "TEXT")]
    pub consent_evidence: Option<String>,
    /// When they said so: a date, which counts from 00:00 UTC, or a time such as 2026-05-01T12:00:00+02:00. By default now
    #[arg(long, value_name = "TIME", value_parser = certain_time)]
    pub collect_time: Option<Timestamp>,
}

impl ConsentSettings {
    /// What the flags say, if they say something.
    pub fn consent(&self) -> Option<Consent> {
        let consent = Consent {
            source: self.consent_source.unwrap_or_default().into(),
            evidence: self.consent_evidence.clone().unwrap_or_default(),
            collect_time: self.collect_time,
        };
        (consent != Consent::default()).then_some(consent)
    }
}

/// Adds to a contact's own consent what it does not say and the flags do.
pub fn complete(own: &mut Consent, flags: &Consent) {
    if own.source() == Source::Unspecified {
        own.source = flags.source;
    }
    if own.evidence.is_empty() {
        own.evidence.clone_from(&flags.evidence);
    }
    own.collect_time = own.collect_time.or(flags.collect_time);
}

/// Reads a source by its name, such as "point_of_sale".
pub fn source(text: &str) -> anyhow::Result<Source> {
    let name = text.trim().to_uppercase().replace([' ', '-'], "_");
    let name = name.strip_prefix(SOURCE_PREFIX).unwrap_or(&name);
    let source = Source::from_str_name(&format!("{SOURCE_PREFIX}{name}"));
    source
        .filter(|it| *it != Source::Unspecified)
        .ok_or_else(|| {
            anyhow!(
                "is not a source: write website, point_of_sale, phone, paper, import, message or other"
            )
        })
}

/// The name of a source; empty if none is given.
pub fn source_name(source: Source) -> String {
    match source {
        Source::Unspecified => String::new(),
        source => source.as_str_name()[SOURCE_PREFIX.len()..].to_lowercase(),
    }
}

/// Reads a time, or the date of one without a zone, from 00:00 UTC: as an early time lifts fewer opt-outs, it does less harm.
pub fn time(text: &str, order: DateOrder) -> anyhow::Result<Timestamp> {
    let with_t = text.trim().replacen(' ', "T", 1);
    let time = match OffsetDateTime::parse(&with_t, &Rfc3339) {
        Ok(time) => time,
        Err(_) => {
            let date = dates::read(text).map_err(|problem| anyhow!("{problem}"))?;
            midnight(date.date(order)).ok_or_else(|| anyhow!("is not a real date"))?
        }
    };
    Ok(Timestamp {
        seconds: time.unix_timestamp(),
        nanos: i32::try_from(time.nanosecond()).unwrap_or_default(),
    })
}

/// Reads a time whose date can't be two.
fn certain_time(text: &str) -> anyhow::Result<Timestamp> {
    if dates::read(text).is_ok_and(Reading::is_ambiguous) {
        bail!("could be two dates: write it as 1980-12-31");
    }
    // Only one order makes a date of it.
    time(text, DateOrder::DayFirst).or_else(|_| time(text, DateOrder::MonthFirst))
}

fn midnight(date: crate::generated::google::r#type::Date) -> Option<OffsetDateTime> {
    let month = Month::try_from(u8::try_from(date.month).ok()?).ok()?;
    let day = u8::try_from(date.day).ok()?;
    // Year 0 stands for none, as in a birthday.
    let year = Some(date.year).filter(|year| *year > 0)?;
    let date = Date::from_calendar_date(year, month, day).ok()?;
    Some(date.midnight().assume_offset(UtcOffset::UTC))
}

/// A time as [`time`] reads it.
pub fn time_text(time: Timestamp) -> String {
    let nanoseconds = i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanos);
    let time = OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).ok();
    let text = time.and_then(|time| time.format(&Rfc3339).ok());
    text.unwrap_or_default()
}

/// Reads a consent from an object. All that cannot be read goes to `problems`, each a sentence.
pub fn from_json(value: Json, problems: &mut Vec<String>) -> Option<Consent> {
    let Json::Object(parts) = value else {
        problems.push("consent is not an object".to_owned());
        return None;
    };
    let mut consent = Consent::default();
    for (key, value) in parts {
        let read = match (key.as_str(), value) {
            ("source", Json::String(text)) => source(&text).map(|it| consent.set_source(it)),
            ("evidence", Json::String(text)) => {
                consent.evidence = text;
                Ok(())
            }
            ("collect_time", Json::String(text)) => {
                certain_time(&text).map(|it| consent.collect_time = Some(it))
            }
            (_, Json::Null) => Ok(()),
            ("source" | "evidence" | "collect_time", _) => Err(anyhow!("is not a string")),
            _ => Err(anyhow!("is not a part of a consent")),
        };
        problems.extend(read.err().map(|problem| format!("consent.{key} {problem}")));
    }
    Some(consent)
}

/// Writes a consent as an object.
pub fn to_json(consent: &Consent) -> Json {
    let time = consent.collect_time.map(time_text).unwrap_or_default();
    let parts = [
        ("source", source_name(consent.source())),
        ("evidence", consent.evidence.clone()),
        ("collect_time", time),
    ];
    let parts = parts.into_iter().filter(|(_, text)| !text.is_empty());
    let parts = parts.map(|(key, text)| (key.to_owned(), Json::String(text)));
    Json::Object(parts.collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_read_as_people_write_them() {
        for text in [
            "point_of_sale",
            "Point of Sale",
            " point-of-sale",
            "SOURCE_POINT_OF_SALE",
        ] {
            assert_eq!(source(text).unwrap(), Source::PointOfSale, "{text}");
        }
        for text in ["", "unspecified", "shop", "source"] {
            assert!(source(text).is_err(), "{text}");
        }
        assert_eq!(source_name(Source::PointOfSale), "point_of_sale");
    }

    #[test]
    fn times_have_a_zone_or_are_dates_from_midnight() {
        let read = |text| time(text, DateOrder::MonthFirst).map(time_text).ok();
        for (text, expected) in [
            ("2026-05-01T12:00:00Z", "2026-05-01T12:00:00Z"),
            ("2026-05-01 12:00:00.5+02:00", "2026-05-01T10:00:00.5Z"),
            ("2026-05-01", "2026-05-01T00:00:00Z"),
            ("05/01/2026 12:00", "2026-05-01T00:00:00Z"),
            ("1. Mai 2026", "2026-05-01T00:00:00Z"),
        ] {
            assert_eq!(read(text).as_deref(), Some(expected), "{text}");
        }
        for text in ["", "2026-02-30", "--12-31", "yesterday", "1.5.26"] {
            assert_eq!(read(text), None, "{text}");
        }
        assert!(certain_time("05/01/2026").is_err());
        assert!(certain_time("05/13/2026").is_ok());
    }
}
