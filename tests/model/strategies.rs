//! Random calls: how often each is drawn, and with what.

use contact_lists::proto::update_contact_list_contacts_header::Action;
use proptest::{
    collection::vec,
    option::weighted,
    prelude::*,
    sample::{select, subsequence},
};

use crate::{calls::*, contact_strategies::*};

/// A sequence of calls.
pub fn sequence() -> impl Strategy<Value = Vec<Step>> {
    // From 0 on, since proptest shrinks no vector below its minimum length.
    vec(step(), 0..=90)
}

fn step() -> impl Strategy<Value = Step> {
    let organization = prop_oneof![9 => Just(0usize), 4 => Just(1)];
    (organization, call()).prop_map(|(organization, call)| Step { organization, call })
}

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        46 => update().prop_map(|update| Call::Update(Box::new(update))),
        5 => (0..4usize, mutation()).prop_map(|(nth, mutation)| Call::Resend { nth, mutation }),
        16 => revert(),
        13 => change_preferences(),
        9 => update_contact(),
        4 => contact_by_id().prop_map(|contact| Call::DeleteContact { contact }),
        6 => change_lists(),
        7 => change_channels(),
        5 => change_objects(),
        1 => Just(Call::ReadAll),
    ]
}

fn update() -> impl Strategy<Value = Update> {
    let whereto = (
        pick(3),
        select(vec![Action::Add, Action::Remove, Action::Overwrite]),
    );
    let opt_ins = (
        prop_oneof![6 => Just(None), 1 => Just(Some(true)), 3 => Just(Some(false))],
        prop_oneof![4 => Just(vec![]), 2 => vec(channel(), 1..3)],
        weighted_bool(25),
        weighted(0.3, consent()),
    );
    let rest = (
        weighted(0.08, object_name()),
        weighted_bool(70),
        weighted(0.25, 0..3u8),
        weighted_bool(8),
    );
    let sent = (contacts(), footer(), framing());
    (whereto, opt_ins, rest, guards(), sent).prop_map(
        |(
            (list, action),
            opt_ins,
            (object, skip, request, validate_only),
            (versions_ago, max_removed_count, max_removed_percent),
            (contacts, footer, framing),
        )| {
            Update {
                list,
                action: action.into(),
                opt_in_to_all_channels: opt_ins.0,
                opt_in_to: opt_ins.1,
                resubscribe: opt_ins.2,
                consent: opt_ins.3,
                object: object.clone().and_then(Result::ok),
                object_key: object.and_then(Result::err),
                versions_ago,
                max_removed_count,
                max_removed_percent,
                skip,
                request,
                validate_only,
                contacts,
                footer,
                framing,
            }
        },
    )
}

/// How many changes ago the caller read the list's version, and how many members and percent of them may leave.
fn guards() -> impl Strategy<Value = (Option<i64>, Option<i64>, Option<f64>)> {
    (
        weighted(0.12, 0..2i64),
        weighted(0.06, 0..3i64),
        weighted(0.06, select(vec![0.0, 12.5, 50.0, 100.0])),
    )
}

/// Several contacts of a call have properties, so that those of one group are merged.
fn contacts() -> impl Strategy<Value = Vec<GivenContact>> {
    prop_oneof![
        6 => vec(given(0.99, 0.1), 1..3),
        6 => vec(given(0.99, 0.03), 2..7),
        3 => vec(given(0.99, 0.6), 2..6),
        4 => exchanged(),
    ]
}

fn footer() -> impl Strategy<Value = Footer> {
    prop_oneof![
        12 => Just(Footer::Right),
        1 => Just(Footer::Missing),
        1 => Just(Footer::Wrong)
    ]
}

fn framing() -> impl Strategy<Value = Framing> {
    prop_oneof![
        40 => Just(Framing::OneMessage),
        16 => Just(Framing::ManyMessages),
        1 => select(vec![
            Framing::NoHeader,
            Framing::HeaderTwice,
            Framing::EmptyMessage,
            Framing::MessageAfterFooter,
            Framing::NoContacts,
            Framing::AllowEmpty,
        ]),
    ]
}

fn mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        4 => Just(Mutation::Nothing),
        1 => Just(Mutation::OtherMessages),
        1 => Just(Mutation::OtherContact),
        1 => Just(Mutation::OtherHeader),
        1 => Just(Mutation::ValidateOnly),
        1 => Just(Mutation::NoFooter),
    ]
}

fn revert() -> impl Strategy<Value = Call> {
    let update = prop_oneof![
        18 => pick(3).prop_map(UpdateRef::Latest),
        3 => (0..20usize).prop_map(UpdateRef::Nth),
        1 => (0..4usize).prop_map(UpdateRef::Revert),
        1 => (0..4usize).prop_map(UpdateRef::Foreign),
    ];
    let request = weighted(0.15, 0..3u8);
    (update, request, weighted_bool(12)).prop_map(|(update, request, validate_only)| Call::Revert {
        update,
        request,
        validate_only,
    })
}

fn change_preferences() -> impl Strategy<Value = Call> {
    let channels = prop_oneof![Just(None), vec(channel(), 1..3).prop_map(Some)];
    let consent = weighted(0.4, consent());
    let kind = (weighted_bool(40), weighted_bool(40));
    (kind, vec(contact(), 1..4), channels, consent).prop_map(
        |((opt_in, in_bulk), contacts, channels, consent)| Call::ChangePreferences {
            opt_in,
            contacts,
            channels,
            consent,
            in_bulk,
        },
    )
}

/// A consent, at one of a few days or without a time.
pub fn consent() -> impl Strategy<Value = GivenConsent> {
    let evidence = text(&["", "form 7"]);
    (0..8i32, evidence, weighted(0.7, 0..4u8)).prop_map(|(source, evidence, day)| GivenConsent {
        source,
        evidence,
        day,
    })
}

fn update_contact() -> impl Strategy<Value = Call> {
    let fields = vec![
        "phone",
        "external_id",
        "email",
        "name",
        "language",
        "default_channel_id",
        "address",
        "birth_date",
        "properties",
    ];
    let fields: Vec<String> = fields.into_iter().map(str::to_owned).collect();
    let mask = prop_oneof![
        8 => Just(None),
        2 => subsequence(fields, 0..4).prop_map(Some),
        1 => Just(Some(vec!["*".to_owned()])),
    ];
    (
        contact_by_id(),
        given(0.5, 0.2),
        mask,
        weighted(0.2, pick(2)),
    )
        .prop_map(|(contact, fields, mask, object)| Call::UpdateContact {
            contact,
            fields: Box::new(fields),
            mask,
            object,
        })
}

fn change_lists() -> impl Strategy<Value = Call> {
    let name = || text(&["News", " News  letter ", "News letter", "Customers", " "]);
    let color = || weighted(0.3, text(&["#00ff7F", ""]));
    prop_oneof![
        3 => (name(), color()).prop_map(|(name, color)| Call::CreateList { name, color }),
        5 => (pick(3), weighted(0.3, name()), color(), weighted(0.7, weighted_bool(35)))
            .prop_map(|(list, name, color, archived)| Call::UpdateList { list, name, color, archived }),
        1 => pick(3).prop_map(|list| Call::DeleteList { list }),
    ]
}

fn change_channels() -> impl Strategy<Value = Call> {
    prop_oneof![
        4 => weighted(0.7, pool_number()).prop_map(|phone| Call::CreateChannel { phone }),
        2 => (pick(4), prop_oneof![5 => pool_number(), 1 => Just(String::new())])
            .prop_map(|(channel, phone)| Call::UpdateChannel { channel, phone }),
        2 => pick(4).prop_map(|channel| Call::DeleteChannel { channel }),
    ]
}

fn change_objects() -> impl Strategy<Value = Call> {
    prop_oneof![
        3 => (text(&["customer", "pet"]), distinct_properties())
            .prop_map(|(key, properties)| Call::CreateObject { key, properties }),
        3 => (pick(2), property())
            .prop_map(|(object, property)| Call::AddProperty { object, property }),
        2 => (pick(2), weighted(0.5, text(&["Pet", " A  pet ", " "])), weighted(0.7, weighted_bool(80)))
            .prop_map(|(object, label, is_default)| Call::UpdateObject(ObjectChange { object, label, is_default })),
        2 => pick(2).prop_map(|object| Call::DeleteObject { object }),
    ]
}

/// A custom object, or its key.
fn object_name() -> impl Strategy<Value = Result<ResourceRef, String>> {
    prop_oneof![
        2 => pick(2).prop_map(Ok),
        1 => text(&["customer", "pet", "trip"]).prop_map(Err),
    ]
}

/// A contact for calls that name contacts by id only.
pub fn contact_by_id() -> impl Strategy<Value = ContactRef> {
    prop_oneof![
        30 => (0..NUMBERS.len()).prop_map(ContactRef::Nth),
        1 => (0..NUMBERS.len()).prop_map(ContactRef::Foreign),
        1 => (0..3usize).prop_map(ContactRef::Deleted),
    ]
}

pub fn contact() -> impl Strategy<Value = ContactRef> {
    prop_oneof![
        10 => phone_text().prop_map(ContactRef::Phone),
        14 => (0..NUMBERS.len()).prop_map(ContactRef::Nth),
        1 => (0..NUMBERS.len()).prop_map(ContactRef::Foreign),
        1 => (0..3usize).prop_map(ContactRef::Deleted),
    ]
}

/// One of the first `count`, and rarely one that is not the organization's.
pub fn pick(count: usize) -> impl Strategy<Value = ResourceRef> {
    prop_oneof![
        30 => (0..count).prop_map(ResourceRef::Nth),
        1 => select(vec![ResourceRef::Unknown, ResourceRef::Foreign(0)]),
    ]
}

pub fn channel() -> impl Strategy<Value = ResourceRef> {
    prop_oneof![5 => pick(3), 1 => (0..3usize).prop_map(|n| ResourceRef::Phone(NUMBERS[n].to_owned()))]
}

pub fn text(pool: &[&str]) -> impl Strategy<Value = String> + use<> {
    select(pool.iter().map(|&text| text.to_owned()).collect::<Vec<_>>())
}

pub fn weighted_bool(percent: u32) -> impl Strategy<Value = bool> {
    prop::bool::weighted(f64::from(percent) / 100.0)
}
