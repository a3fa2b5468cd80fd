//! The random calls: what they can be, small pools of values so that everything collides, and how often each comes.
//!
//! They are written down as JSON, and name lists, channels, contacts and the like by their places, as ids are new each time.

use contact_lists::proto::update_contact_list_contacts_header::Action;
use proptest::{
    collection::vec,
    option::weighted,
    prelude::*,
    sample::{select, subsequence},
    strategy::Union,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The numbers of the pool: small, so that contacts and channels meet in them.
pub const NUMBERS: [&str; 8] = [
    "+4915110000000",
    "+4915110000001",
    "+4915110000002",
    "+4915110000003",
    "+4915110000004",
    "+4915110000005",
    "+4915110000006",
    "+4915110000007",
];

/// A call by one of the sequence's two organizations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Which organization: 0 or 1. The second takes national phone formats.
    #[serde(default, skip_serializing_if = "is_default")]
    pub by: usize,
    /// The call.
    pub call: Call,
}

/// What is called.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Call {
    Update(Box<Update>),
    /// Sends an earlier update that had a `request_id` again.
    Resend {
        nth: usize,
        twist: Twist,
    },
    CreateList {
        name: String,
        color: Option<String>,
    },
    ChangeList {
        list: Pick,
        name: Option<String>,
        color: Option<String>,
        archived: Option<bool>,
    },
    DeleteList {
        list: Pick,
    },
    CreateChannel {
        phone: Option<String>,
    },
    ChangeChannel {
        channel: Pick,
        phone: String,
    },
    DeleteChannel {
        channel: Pick,
    },
    CreateObject {
        key: String,
        properties: Vec<Property>,
    },
    AddProperty {
        object: Pick,
        property: Property,
    },
    DeleteObject {
        object: Pick,
    },
    ChangeContact {
        who: Who,
        contact: Box<Given>,
        /// The fields of the mask; none: no mask.
        mask: Option<Vec<String>>,
        object: Option<Pick>,
    },
    Erase {
        who: Who,
    },
    /// `OptIn` or `OptOut`; no channels: all.
    Prefer {
        opt_in: bool,
        whom: Vec<Who>,
        channels: Option<Vec<Pick>>,
    },
    /// Reads all that the organization has.
    Look,
}

/// An `UpdateContactListContacts`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Update {
    pub list: Pick,
    /// `Action`'s number in the contract.
    pub action: i32,
    #[serde(skip_serializing_if = "is_default")]
    pub opt_in_to_all_channels: Option<bool>,
    #[serde(skip_serializing_if = "is_default")]
    pub opt_in_to: Vec<Pick>,
    #[serde(skip_serializing_if = "is_default")]
    pub resubscribe: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub object: Option<Pick>,
    #[serde(skip_serializing_if = "is_default")]
    pub skip: bool,
    /// A `request_id` of a small pool.
    #[serde(skip_serializing_if = "is_default")]
    pub request: Option<u8>,
    #[serde(skip_serializing_if = "is_default")]
    pub validate_only: bool,
    pub contacts: Vec<Given>,
    #[serde(skip_serializing_if = "is_default")]
    pub footer: Footer,
    #[serde(skip_serializing_if = "is_default")]
    pub framing: Framing,
}

/// A contact as it is given.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Given {
    #[serde(skip_serializing_if = "is_default")]
    pub phone: Option<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub external_id: Option<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub email: Option<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub language: Option<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub default_channel: Option<Pick>,
    /// First line and city.
    #[serde(skip_serializing_if = "is_default")]
    pub address: Option<(String, String)>,
    #[serde(skip_serializing_if = "is_default")]
    pub birth_date: Option<(i32, i32, i32)>,
    #[serde(skip_serializing_if = "is_default")]
    pub properties: Option<serde_json::Map<String, Value>>,
}

/// A custom property.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Property {
    pub key: String,
    /// `CustomProperty.Type`'s number in the contract.
    pub kind: i32,
    #[serde(default, skip_serializing_if = "is_default")]
    pub required: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    pub default: Option<Value>,
}

/// Names a list, a channel or a custom object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Pick {
    /// The n-th that the organization ever made, counted around.
    Nth(usize),
    /// The n-th of the other organization.
    Foreign(usize),
    /// None at all.
    Unknown,
    /// By its phone number (channels).
    Phone(String),
    /// No id and no number (default channels): this text.
    Text(String),
}

/// Names a contact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Who {
    /// By this number.
    Phone(String),
    /// By the id of the n-th that there is now, counted around.
    Nth(usize),
    /// By the id of the n-th of the other organization.
    Foreign(usize),
    /// By the id of the n-th who was erased.
    Erased(usize),
}

/// How a call's footer is.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub enum Footer {
    #[default]
    Right,
    Missing,
    Wrong,
}

/// How a call's messages are.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub enum Framing {
    #[default]
    OneMessage,
    /// The header, then each contact by itself, then the footer.
    ManyMessages,
    NoHeader,
    HeaderTwice,
    EmptyMessage,
    MessageAfterFooter,
    NoContacts,
}

/// What is different when a call is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Twist {
    Nothing,
    OtherMessages,
    OtherContact,
    OtherHeader,
    ValidateOnly,
    NoFooter,
}

impl Default for Pick {
    fn default() -> Self {
        Self::Nth(0)
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A sequence of calls.
pub fn sequence() -> impl Strategy<Value = Vec<Step>> {
    // From none on: proptest shrinks no vector below the least length.
    vec(step(), 0..=90)
}

fn step() -> impl Strategy<Value = Step> {
    let by = prop_oneof![9 => Just(0usize), 4 => Just(1)];
    (by, call()).prop_map(|(by, call)| Step { by, call })
}

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        46 => update().prop_map(|update| Call::Update(Box::new(update))),
        5 => (0..4usize, twist()).prop_map(|(nth, twist)| Call::Resend { nth, twist }),
        13 => prefer(),
        9 => change_contact(),
        4 => someone().prop_map(|who| Call::Erase { who }),
        6 => change_lists(),
        7 => change_channels(),
        5 => change_objects(),
        1 => Just(Call::Look),
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
    );
    let rest = (
        weighted(0.08, pick(2)),
        weighted_bool(70),
        weighted(0.25, 0..3u8),
        weighted_bool(8),
    );
    // Properties come together, so that those of one group meet.
    let contacts = prop_oneof![
        6 => vec(given(0.99, 0.03), 1..3),
        6 => vec(given(0.99, 0.03), 2..7),
        3 => vec(given(0.99, 0.6), 2..6),
    ];
    let footer = prop_oneof![
        12 => Just(Footer::Right),
        1 => Just(Footer::Missing),
        1 => Just(Footer::Wrong)
    ];
    (whereto, opt_ins, rest, contacts, footer, framing()).prop_map(
        |(
            (list, action),
            opt_ins,
            (object, skip, request, validate_only),
            contacts,
            footer,
            framing,
        )| {
            Update {
                list,
                action: action.into(),
                opt_in_to_all_channels: opt_ins.0,
                opt_in_to: opt_ins.1,
                resubscribe: opt_ins.2,
                object,
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
        ]),
    ]
}

fn twist() -> impl Strategy<Value = Twist> {
    prop_oneof![
        4 => Just(Twist::Nothing),
        1 => Just(Twist::OtherMessages),
        1 => Just(Twist::OtherContact),
        1 => Just(Twist::OtherHeader),
        1 => Just(Twist::ValidateOnly),
        1 => Just(Twist::NoFooter),
    ]
}

/// A contact of an update, or the changes of one.
fn given(with_phone: f64, with_properties: f64) -> impl Strategy<Value = Given> {
    let identity = (
        weighted(with_phone, phone_text()),
        weighted(0.5, external_id()),
    );
    let texts = (
        weighted(0.12, email()),
        weighted(0.3, name()),
        weighted(0.08, text(&["de", "pt-BR", "", "not_a_tag"])),
    );
    let others = (
        weighted(0.12, default_channel()),
        weighted(
            0.1,
            (text(&["1 Main Street", ""]), text(&["London", "Paris", ""])),
        ),
        weighted(0.1, birth_date()),
        weighted(with_properties, properties()),
    );
    (identity, texts, others).prop_map(|((phone, external_id), (email, name, language), others)| {
        Given {
            phone,
            external_id,
            email,
            name,
            language,
            default_channel: others.0,
            address: others.1,
            birth_date: others.2,
            properties: others.3,
        }
    })
}

/// A number as somebody may write it; a few are none.
fn phone_text() -> impl Strategy<Value = String> {
    let spelled = (pool_number(), 0..24u8).prop_map(|(number, spelling)| match spelling {
        0 => format!("+49 (151) {}-{}", &number[6..10], &number[10..]),
        1 => format!("0151 {}", &number[6..]),
        _ => number,
    });
    prop_oneof![
        40 => spelled,
        1 => text(&["+4915", "", "+4915110000001 ext. 5", "12", "+4915110000001\0"]),
    ]
}

/// The first numbers come more often, so that calls meet in them.
fn pool_number() -> impl Strategy<Value = String> {
    prop_oneof![0..3usize, 0..NUMBERS.len()].prop_map(|n| NUMBERS[n].to_owned())
}

fn external_id() -> impl Strategy<Value = String> {
    let long = "x".repeat(256);
    prop_oneof![
        12 => text(&["a", "b", "c", "A"]),
        3 => Just(String::new()),
        1 => select(vec!["a\0".to_owned(), long]),
    ]
}

fn email() -> impl Strategy<Value = String> {
    prop_oneof![
        5 => text(&["ada@example.com", "ADA@example.com", ""]),
        1 => text(&["nobody", "a@b\0.com"]),
    ]
}

fn name() -> impl Strategy<Value = String> {
    let long = "é".repeat(256);
    prop_oneof![
        30 => select(vec!["Ada".to_owned(), "Grace".to_owned(), String::new(), "é".repeat(255)]),
        1 => select(vec![long, "A\0".to_owned()]),
    ]
}

fn default_channel() -> impl Strategy<Value = Pick> {
    prop_oneof![
        6 => (0..4usize).prop_map(Pick::Nth),
        2 => Just(Pick::Text(String::new())),
        1 => select(vec![Pick::Unknown, Pick::Foreign(0), Pick::Text("sms".to_owned())]),
    ]
}

fn birth_date() -> impl Strategy<Value = (i32, i32, i32)> {
    prop_oneof![
        5 => select(vec![(1984, 2, 29), (0, 2, 29), (1970, 12, 31), (0, 0, 0)]),
        1 => select(vec![(1985, 2, 29), (2999, 1, 1), (1984, 0, 1), (0, 1, 0), (-1, 1, 1)]),
    ]
}

/// Values for the keys that objects may have: most of the right type, some of none, a few of a wrong one.
fn properties() -> impl Strategy<Value = serde_json::Map<String, Value>> {
    let pools: Vec<(&str, Vec<Value>)> = vec![
        (
            "plan",
            vec![
                json!("pro"),
                json!("free"),
                json!(""),
                json!(null),
                json!(1),
            ],
        ),
        (
            "visits",
            vec![
                json!(0),
                json!(7),
                json!(-9007199254740991i64),
                json!(null),
                json!(0.5),
            ],
        ),
        (
            "score",
            vec![
                json!(1.5),
                json!(0.1),
                json!(1e300),
                json!(null),
                json!("1"),
            ],
        ),
        (
            "vip",
            vec![json!(true), json!(false), json!(null), json!("true")],
        ),
        (
            "since",
            vec![
                json!("2024-02-29"),
                json!("1970-01-01"),
                json!(null),
                json!("2023-02-29"),
            ],
        ),
        (
            "tags",
            vec![json!([]), json!(["a", 1, true]), json!(null), json!([null])],
        ),
        (
            "limits",
            vec![
                json!({}),
                json!({"a": 1, "b": "x"}),
                json!(null),
                json!({"a": []}),
            ],
        ),
        ("unknown", vec![json!("x")]),
    ];
    let entries: Vec<_> = pools
        .into_iter()
        .map(|(key, values)| {
            let share = match key {
                "plan" | "visits" | "vip" => 12,
                "unknown" => 1,
                _ => 3,
            };
            let bad = values.len() - 1;
            let value = prop_oneof![
                12 => select(values[..bad.max(1)].to_vec()),
                1 => Just(values[bad].clone()),
            ];
            (
                share,
                value.prop_map(move |value| (key.to_owned(), value)).boxed(),
            )
        })
        .collect();
    vec(Union::new_weighted(entries), 0..4).prop_map(|entries| entries.into_iter().collect())
}

/// Each key has one type, so that a key's values fit whatever object has it.
fn property() -> impl Strategy<Value = Property> {
    let all = [
        ("plan", 1, json!("free")),
        ("visits", 2, json!(3)),
        ("score", 3, json!(2.5)),
        ("vip", 4, json!(false)),
        ("since", 5, json!("2000-01-01")),
        ("tags", 6, json!(["new"])),
        ("limits", 7, json!({"a": 1})),
    ];
    (0..all.len(), weighted_bool(50), weighted_bool(40)).prop_map(
        move |(n, required, has_default)| {
            let (key, kind, default) = all[n].clone();
            Property {
                key: key.to_owned(),
                kind,
                required,
                default: has_default.then_some(default),
            }
        },
    )
}

fn prefer() -> impl Strategy<Value = Call> {
    let channels = prop_oneof![Just(None), vec(channel(), 1..3).prop_map(Some)];
    (weighted_bool(40), vec(who(), 1..4), channels).prop_map(|(opt_in, whom, channels)| {
        Call::Prefer {
            opt_in,
            whom,
            channels,
        }
    })
}

fn change_contact() -> impl Strategy<Value = Call> {
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
    (someone(), given(0.5, 0.2), mask, weighted(0.2, pick(2))).prop_map(
        |(who, contact, mask, object)| Call::ChangeContact {
            who,
            contact: Box::new(contact),
            mask,
            object,
        },
    )
}

fn change_lists() -> impl Strategy<Value = Call> {
    let name = || text(&["News", " News  letter ", "News letter", "Customers", " "]);
    let color = || weighted(0.3, text(&["#00ff7F", ""]));
    prop_oneof![
        3 => (name(), color()).prop_map(|(name, color)| Call::CreateList { name, color }),
        5 => (pick(3), weighted(0.3, name()), color(), weighted(0.7, weighted_bool(35)))
            .prop_map(|(list, name, color, archived)| Call::ChangeList { list, name, color, archived }),
        1 => pick(3).prop_map(|list| Call::DeleteList { list }),
    ]
}

fn change_channels() -> impl Strategy<Value = Call> {
    prop_oneof![
        4 => weighted(0.7, pool_number()).prop_map(|phone| Call::CreateChannel { phone }),
        2 => (pick(4), prop_oneof![5 => pool_number(), 1 => Just(String::new())])
            .prop_map(|(channel, phone)| Call::ChangeChannel { channel, phone }),
        2 => pick(4).prop_map(|channel| Call::DeleteChannel { channel }),
    ]
}

fn change_objects() -> impl Strategy<Value = Call> {
    prop_oneof![
        3 => (text(&["customer", "pet"]), distinct_properties())
            .prop_map(|(key, properties)| Call::CreateObject { key, properties }),
        3 => (pick(2), property())
            .prop_map(|(object, property)| Call::AddProperty { object, property }),
        2 => pick(2).prop_map(|object| Call::DeleteObject { object }),
    ]
}

fn distinct_properties() -> impl Strategy<Value = Vec<Property>> {
    vec(property(), 0..5).prop_map(|mut properties| {
        properties.sort_by(|a, b| a.key.cmp(&b.key));
        properties.dedup_by(|a, b| a.key == b.key);
        properties
    })
}

/// For calls that know contacts by their ids alone.
fn someone() -> impl Strategy<Value = Who> {
    prop_oneof![
        30 => (0..NUMBERS.len()).prop_map(Who::Nth),
        1 => (0..NUMBERS.len()).prop_map(Who::Foreign),
        1 => (0..3usize).prop_map(Who::Erased),
    ]
}

fn who() -> impl Strategy<Value = Who> {
    prop_oneof![
        10 => phone_text().prop_map(Who::Phone),
        14 => (0..NUMBERS.len()).prop_map(Who::Nth),
        1 => (0..NUMBERS.len()).prop_map(Who::Foreign),
        1 => (0..3usize).prop_map(Who::Erased),
    ]
}

/// One of the first `count`, and rarely one that is not the organization's.
fn pick(count: usize) -> impl Strategy<Value = Pick> {
    prop_oneof![
        30 => (0..count).prop_map(Pick::Nth),
        1 => select(vec![Pick::Unknown, Pick::Foreign(0)]),
    ]
}

fn channel() -> impl Strategy<Value = Pick> {
    prop_oneof![5 => pick(3), 1 => (0..3usize).prop_map(|n| Pick::Phone(NUMBERS[n].to_owned()))]
}

fn text(pool: &[&str]) -> impl Strategy<Value = String> + use<> {
    select(pool.iter().map(|&text| text.to_owned()).collect::<Vec<_>>())
}

fn weighted_bool(percent: u32) -> impl Strategy<Value = bool> {
    prop::bool::weighted(f64::from(percent) / 100.0)
}
