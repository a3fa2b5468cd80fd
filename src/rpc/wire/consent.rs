//! How a person said that messages are wanted, or that they are not.

use time::OffsetDateTime;

use super::timestamp;
use crate::{
    domain::consent::{Consent, ConsentSource, check_evidence, parse_collect_time},
    proto::{self, consent::Source},
    rpc::fields::Fields,
};

/// Parses the consent in the field `path`. One in which nothing is given is none.
pub fn parse(
    fields: &mut Fields,
    path: &str,
    wire: Option<proto::Consent>,
    now: OffsetDateTime,
) -> Option<Consent> {
    let wire = wire?;
    let source = fields.known(&format!("{path}.source"), wire.source);
    fields.read(format!("{path}.evidence"), check_evidence(&wire.evidence));
    let collect_time = wire.collect_time.and_then(|time| {
        let parsed = parse_collect_time(time.seconds, time.nanos, now);
        fields.read(format!("{path}.collect_time"), parsed)
    });
    let consent = Consent {
        source: source.and_then(source_of),
        evidence: wire.evidence,
        collect_time,
    };
    (!consent.is_empty()).then_some(consent)
}

fn source_of(source: Source) -> Option<ConsentSource> {
    match source {
        Source::Unspecified => None,
        Source::Website => Some(ConsentSource::Website),
        Source::PointOfSale => Some(ConsentSource::PointOfSale),
        Source::Phone => Some(ConsentSource::Phone),
        Source::Paper => Some(ConsentSource::Paper),
        Source::Import => Some(ConsentSource::Import),
        Source::Message => Some(ConsentSource::Message),
        Source::Other => Some(ConsentSource::Other),
    }
}

impl From<Consent> for proto::Consent {
    fn from(consent: Consent) -> Self {
        let source = match consent.source {
            None => Source::Unspecified,
            Some(ConsentSource::Website) => Source::Website,
            Some(ConsentSource::PointOfSale) => Source::PointOfSale,
            Some(ConsentSource::Phone) => Source::Phone,
            Some(ConsentSource::Paper) => Source::Paper,
            Some(ConsentSource::Import) => Source::Import,
            Some(ConsentSource::Message) => Source::Message,
            Some(ConsentSource::Other) => Source::Other,
        };
        Self {
            source: source.into(),
            evidence: consent.evidence,
            collect_time: consent.collect_time.map(timestamp),
        }
    }
}
