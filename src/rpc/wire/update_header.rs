//! The header of `UpdateContactListContacts`.

use time::OffsetDateTime;
use uuid::Uuid;

use super::{consent, reference};
use crate::{
    domain::{
        percent::Percent,
        phone_number::DefaultRegion,
        update_header::{Action, MAX_OPT_IN_TO, OptIns, RejectionPolicy, UpdateHeader},
        violation::Reason,
    },
    error::Result,
    proto::{self, UpdateContactListContactsHeader, update_contact_list_contacts_header as header},
    rpc::fields::{Fields, id},
};

/// Parses a header that arrived at `arrival_time`. National phone numbers in it are those of `region`.
pub fn parse(
    wire: UpdateContactListContactsHeader,
    region: Option<DefaultRegion>,
    arrival_time: OffsetDateTime,
) -> Result<UpdateHeader> {
    let mut fields = Fields::default();
    let contact_list_id = fields.read("header.contact_list_id", id(&wire.contact_list_id));
    let action = action(&mut fields, wire.action);
    let rejection_policy = rejection_policy(&mut fields, wire.rejection_policy);
    let custom_object = reference::custom_object(
        &mut fields,
        "header",
        wire.custom_object_id.as_deref(),
        wire.custom_object_key.as_deref(),
    );
    let request_id = optional_id(&mut fields, "header.request_id", wire.request_id);
    let expected_version = not_negative(
        &mut fields,
        "header.expected_version",
        wire.expected_version,
    );
    let max_removed_count = not_negative(
        &mut fields,
        "header.max_removed_count",
        wire.max_removed_count,
    );
    let max_removed_percent = wire
        .max_removed_percent
        .and_then(|it| fields.read("header.max_removed_percent", Percent::parse(it)));
    let all_channels = wire.opt_in_to_all_channels.unwrap_or(true);
    let opt_ins = opt_ins(&mut fields, all_channels, wire.opt_in_to, region);
    let consent = consent::parse(&mut fields, "header.consent", wire.consent, arrival_time);
    let header = contact_list_id.zip(action).zip(rejection_policy).map(
        |((contact_list_id, action), rejection_policy)| UpdateHeader {
            contact_list_id,
            action,
            opt_ins,
            resubscribe: wire.resubscribe,
            custom_object,
            rejection_policy,
            request_id,
            validate_only: wire.validate_only,
            allow_empty: wire.allow_empty,
            expected_version,
            max_removed_count,
            max_removed_percent,
            consent,
            arrival_time,
        },
    );
    fields.finish(header)
}

fn action(fields: &mut Fields, number: i32) -> Option<Action> {
    match fields.known("header.action", number)? {
        header::Action::Add => Some(Action::Add),
        header::Action::Remove => Some(Action::Remove),
        header::Action::Overwrite => Some(Action::Overwrite),
        header::Action::Unspecified => fields.required("header.action", None),
    }
}

/// Parses the rejection policy of a header.
pub(super) fn rejection_policy(fields: &mut Fields, number: i32) -> Option<RejectionPolicy> {
    use header::RejectionPolicy as Policy;
    match fields.known("header.rejection_policy", number)? {
        Policy::Unspecified | Policy::RejectAll => Some(RejectionPolicy::RejectAll),
        Policy::Skip => Some(RejectionPolicy::Skip),
    }
}

/// Parses an id that may be absent, but not empty.
pub(super) fn optional_id(fields: &mut Fields, path: &str, text: Option<String>) -> Option<Uuid> {
    let text = text?;
    if text.is_empty() {
        fields.refuse(path, Reason::FieldInvalid, "must be a UUID");
        return None;
    }
    fields.read(path, id(&text))
}

fn not_negative(fields: &mut Fields, path: &str, number: Option<i64>) -> Option<u64> {
    let number = number?;
    let parsed = u64::try_from(number);
    if parsed.is_err() {
        fields.refuse(path, Reason::FieldInvalid, "must not be negative");
    }
    parsed.ok()
}

fn opt_ins(
    fields: &mut Fields,
    all_channels: bool,
    references: Vec<proto::ChannelReference>,
    region: Option<DefaultRegion>,
) -> OptIns {
    match (references.is_empty(), all_channels) {
        (true, true) => OptIns::AllChannels,
        (true, false) => OptIns::None,
        (false, _) => fields
            .items(
                "header.opt_in_to",
                references,
                MAX_OPT_IN_TO,
                |fields, path, wire| reference::channel(fields, path, wire, region),
            )
            .map_or(OptIns::None, OptIns::Channels),
    }
}
