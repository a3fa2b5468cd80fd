//! What list calls read: a page's rows by an index, in the order of the page, and never all rows of an organization.

use contact_lists::proto::{
    ContactReference, ListCommunicationPreferencesRequest, ListContactListContactsRequest,
    ListContactListUpdatesRequest, ListContactListsRequest, ListContactsRequest,
    ListPreferenceChangesRequest, contact_list::State, contact_reference::Reference,
};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};
use test_support::*;

use crate::log::Log;

/// More contacts with a name of one prefix than a search looks up by their name.
const CONTACT_COUNT: u32 = 4001;

/// Tables of which an organization has few rows, so that they may be read completely.
const SMALL_TABLES: [&str; 5] = [
    "api_keys",
    "organizations",
    "channels",
    "custom_objects",
    "custom_properties",
];

/// Which index a condition of a statement must be looked up in.
const INDEXES: [(&str, &str); 4] = [
    ("\"phone\" = ", "contacts_phone_key"),
    ("\"external_id\" = ", "contacts_external_id_key"),
    ("LOWER(", "contacts_email_id_idx"),
    (
        "\"contact_list_updates\".\"contact_list_id\" = ",
        "contact_list_updates_contact_list_idx",
    ),
];

/// What at most one row meets, or is read of one contact alone, or of those of a page.
const OF_FEW: [&str; 5] = [
    "\"phone\" = ",
    "\"external_id\" = ",
    "FROM preference_changes h",
    "FROM journal j",
    "p.contact_id = contacts.id",
];

/// SQLite's steps that take the rows of a subquery, whose own steps are in the plan, and what was sent with the statement.
fn is_of_few(step: &str) -> bool {
    step == "SCAN p" || step.ends_with("VALUES CLAUSE")
}

/// The steps of a statement's plan that read too much.
async fn bad_steps(db: &DatabaseConnection, sql: &str) -> Vec<String> {
    let steps = explain(db, sql).await;
    let may_sort = OF_FEW.iter().any(|condition| sql.contains(condition));
    let is_bad = |index: usize| {
        let step = &steps[index];
        match db.get_database_backend() {
            DbBackend::Postgres => {
                let by_organization_only = step.contains("Index Cond:") && !step.contains(" AND ");
                by_organization_only
                    || step.contains("Seq Scan")
                    || !may_sort && step.contains("Sort")
            }
            _ => {
                let by_organization_only = step.contains("(organization_id=?)");
                by_organization_only
                    || step.starts_with("SCAN") && !is_of_few(step)
                    || !may_sort && step.contains("TEMP B-TREE")
            }
        }
    };
    (0..steps.len())
        .filter(|index| is_bad(*index))
        .map(|index| steps[index].clone())
        .collect()
}

/// The steps of a statement's plan for any values.
async fn explain(db: &DatabaseConnection, sql: &str) -> Vec<String> {
    let backend = db.get_database_backend();
    let (explain, column) = match backend {
        DbBackend::Postgres => {
            let prepare = format!("PREPARE listing AS {sql}");
            db.execute_unprepared(&prepare).await.expect("a statement");
            let has = |n: &u32| sql.contains(&format!("${n}"));
            let nulls = vec!["NULL"; (1..).take_while(has).count()].join(", ");
            (format!("EXPLAIN EXECUTE listing({nulls})"), 0)
        }
        _ => (format!("EXPLAIN QUERY PLAN {sql}"), 3),
    };
    let rows = db
        .query_all_raw(Statement::from_string(backend, explain))
        .await;
    let rows = rows.unwrap_or_else(|error| panic!("{sql}: {error}"));
    if backend == DbBackend::Postgres {
        db.execute_unprepared("DEALLOCATE listing")
            .await
            .expect("no statement");
    }
    rows.iter()
        .map(|row| row.try_get_by_index(column).expect("a step"))
        .collect()
}

/// Checks the plans of a call's statements that read large tables.
async fn assert_bounded(db: &DatabaseConnection, call: &str, statements: &[String]) {
    let is_large = |sql: &&String| {
        sql.starts_with("SELECT")
            && !SMALL_TABLES
                .iter()
                .any(|table| sql.contains(&format!("FROM \"{table}\"")))
    };
    let mut checked = 0;
    for sql in statements.iter().filter(is_large) {
        checked += 1;
        let (bad, plan) = (bad_steps(db, sql).await, explain(db, sql).await.join("\n"));
        assert!(bad.is_empty(), "{call}\n{sql}\n{plan}");
        for (condition, index) in INDEXES {
            assert!(
                !sql.contains(condition) || plan.contains(index),
                "{call}\n{sql}\n{plan}"
            );
        }
    }
    assert!(checked > 0, "{call}: {statements:?}");
}

/// An organization with some of everything.
struct Filled {
    admin: Client,
    list: String,
    channel: String,
}

impl Filled {
    async fn new(service: &Service) -> Self {
        let admin = service.admin();
        let list = admin.create_list("Newsletter").await;
        let channel = admin.create_channel("+12025550100").await;
        admin.create_customer_object().await;
        let people = |numbers: std::ops::Range<u32>| -> Vec<_> {
            numbers
                .map(|n| {
                    contact(&number(n))
                        .name(&format!("Ada {n}"))
                        .email("all@example.com")
                        .properties(json!({"plan": "pro"}))
                })
                .collect()
        };
        let half = CONTACT_COUNT / 2;
        for numbers in [0..half, half..CONTACT_COUNT] {
            admin
                .update(header(&list).add(), people(numbers))
                .await
                .expect("an update");
        }
        Self {
            admin,
            list,
            channel,
        }
    }
}

/// Connects to the database so that it plans as it would with many rows: in such a small one, scans of small tables are the
/// fastest.
async fn as_a_large_one(database: &Database) -> DatabaseConnection {
    let db = database.connect().await;
    if database.is_postgres() {
        let settings =
            "ANALYZE; SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off";
        db.execute_unprepared(settings).await.expect("settings");
    }
    db
}

on_both! {
    async fn list_calls_read_a_page_by_an_index(service: Service) {
        let mut log = Log::read().await;
        let filled = Filled::new(&service).await;
        let db = as_a_large_one(service.database()).await;
        macro_rules! check {
            ($client:ident.$call:ident($request:expr), $method:literal) => {
                let mut caller = filled.admin.$client.clone();
                let (response, statements) = log.statements_of($method, caller.$call($request)).await;
                response.expect($method);
                assert_bounded(&db, $method, &statements).await;
            };
        }
        let text = |text: &str| Some(text.to_owned());
        let contacts = ListContactsRequest::default;
        for request in [
            contacts(),
            ListContactsRequest { phone: Some(number(1)), ..contacts() },
            ListContactsRequest { external_id: text("crm-1"), ..contacts() },
            ListContactsRequest { email: text("all@example.com"), ..contacts() },
            // Few have such a name, and then many.
            ListContactsRequest { name_prefix: text("Ada 1"), ..contacts() },
            ListContactsRequest { name_prefix: text("Ada"), ..contacts() },
            ListContactsRequest { name_prefix: text("Ada"), email: text("all@example.com"), ..contacts() },
            ListContactsRequest { name_prefix: text("Ada"), phone: Some(number(1)), ..contacts() },
        ] {
            check!(contacts.list_contacts(request), "ListContacts");
        }
        let lists = ListContactListsRequest::default;
        for request in [
            lists(),
            ListContactListsRequest { state: State::Archived.into(), ..lists() },
            ListContactListsRequest { name_prefix: text("News"), ..lists() },
        ] {
            check!(lists.list_contact_lists(request), "ListContactLists");
        }
        let members = || ListContactListContactsRequest { contact_list_id: filled.list.clone(), ..Default::default() };
        for request in [
            members(),
            ListContactListContactsRequest { opted_in_to_channel_id: Some(filled.channel.clone()), ..members() },
            ListContactListContactsRequest { opted_out_of_channel_id: Some(filled.channel.clone()), ..members() },
            ListContactListContactsRequest { include_preferences: true, ..members() },
        ] {
            check!(lists.list_contact_list_contacts(request), "ListContactListContacts");
        }
        for contact_list_id in [None, Some(filled.list.clone())] {
            for newest_first in [false, true] {
                let contact_list_id = contact_list_id.clone();
                let request = ListContactListUpdatesRequest { contact_list_id, newest_first, ..Default::default() };
                check!(lists.list_contact_list_updates(request), "ListContactListUpdates");
            }
        }
        let contact = Some(ContactReference { reference: Some(Reference::Phone(number(1))) });
        let request = ListCommunicationPreferencesRequest { contact, ..Default::default() };
        check!(preferences.list_communication_preferences(request), "ListCommunicationPreferences");
        for n in [1, 5000] {
            let contact = Some(ContactReference { reference: Some(Reference::Phone(number(n))) });
            let request = ListPreferenceChangesRequest { contact, ..Default::default() };
            check!(preferences.list_preference_changes(request), "ListPreferenceChanges");
        }
    }
}
