//! Every statement runs on Citus, with each table distributed by organization: it goes to the one shard that the organization's
//! rows are on, and uses nothing that Citus refuses.

use std::collections::BTreeSet;

use contact_lists::proto::{
    AddCustomPropertyRequest, Channel, Contact, CustomObject, DeleteChannelRequest,
    DeleteContactRequest, DeleteCustomObjectRequest, ListContactsRequest,
    RevertContactListUpdateRequest, UpdateChannelRequest, UpdateContactRequest,
    UpdateCustomObjectRequest, custom_property::Type,
};
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use test_support::*;

use crate::log::Log;

/// What Citus refuses in some place or other, or answers otherwise than PostgreSQL.
const FORBIDDEN: [&str; 8] = [
    "now()",
    "clock_timestamp()",
    "random()",
    "gen_random_uuid()",
    "ctid",
    "MERGE INTO",
    "pg_advisory_xact_lock(",
    "TEMP TABLE",
];

/// What can come before a table's name, and after it instead of another name for it.
const BEFORE_TABLE: [&str; 5] = ["FROM", "JOIN", "INTO", "UPDATE", "USING"];
const AFTER_TABLE: [&str; 16] = [
    "WHERE",
    "ON",
    "SET",
    "JOIN",
    "LEFT",
    "INNER",
    "CROSS",
    "ORDER",
    "LIMIT",
    "FOR",
    "RETURNING",
    "GROUP",
    "UNION",
    "USING",
    "VALUES",
    "SELECT",
];

/// The words of a statement; what is not a part of a name is a word of its own.
fn words(sql: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for letter in sql.chars().filter(|letter| *letter != '"') {
        if letter.is_alphanumeric() || "_$.".contains(letter) {
            words.last_mut().expect("a word").push(letter);
        } else {
            words.push(letter.to_string());
            words.push(String::new());
        }
    }
    words.retain(|word| !word.trim().is_empty());
    words
}

/// A table that a statement names, by the name that it has there.
struct Table<'a> {
    table: &'a str,
    name: &'a str,
    is_inserted_into: bool,
}

fn tables<'a>(words: &'a [String], known: &BTreeSet<String>) -> Vec<Table<'a>> {
    let mut tables = Vec::new();
    for (index, pair) in words.windows(2).enumerate() {
        let [before, table] = pair else { continue };
        if !BEFORE_TABLE.contains(&before.as_str()) || !known.contains(table) {
            continue;
        }
        let mut rest = words[index + 2..].iter();
        let name = rest.find(|word| *word != "AS").map_or("", String::as_str);
        let is_name = name
            .chars()
            .all(|letter| letter.is_alphanumeric() || letter == '_');
        let name = match is_name && !name.is_empty() && !AFTER_TABLE.contains(&name) {
            true => name,
            false => table,
        };
        tables.push(Table {
            table,
            name,
            is_inserted_into: before == "INTO",
        });
    }
    tables
}

/// What Citus would not send to one shard, or not run at all.
fn problems(sql: &str, known: &BTreeSet<String>) -> Vec<String> {
    let words = words(sql);
    let tables = tables(&words, known);
    let mut problems: Vec<String> = FORBIDDEN
        .iter()
        .filter(|it| sql.contains(**it))
        .map(|it| format!("has {it}"))
        .collect();
    let is_bound = |column: &str| {
        words
            .windows(3)
            .any(|it| it[0] == column && it[1] == "=" && it[2].starts_with('$'))
    };
    for Table {
        table,
        name,
        is_inserted_into,
    } in &tables
    {
        let key = match *table {
            "organizations" => "id",
            _ => "organization_id",
        };
        let is_alone = tables.len() == 1;
        let is_restricted = is_bound(&format!("{name}.{key}")) || is_alone && is_bound(key);
        if !is_inserted_into && !is_restricted {
            problems.push(format!("{name} is not restricted to the organization"));
        }
    }
    if let Some(selected) = selected_for_insert(&words) {
        let of_row = tables.iter().any(|table| {
            let key = match table.table {
                "organizations" => "id",
                _ => "organization_id",
            };
            selected == format!("{}.{key}", table.name)
        });
        if !of_row {
            problems.push(format!(
                "inserts {selected}, and not the organization of a row"
            ));
        }
    }
    problems
}

/// The first column that an `INSERT … SELECT` inserts, which is the organization.
fn selected_for_insert(words: &[String]) -> Option<&str> {
    let insert = words.iter().position(|word| word == "INSERT")?;
    let rest = &words[insert..];
    let end = rest.iter().position(|word| word == ")")?;
    let mut selected = rest[end + 1..].iter();
    (selected.next()? == "SELECT").then(|| selected.next().map(String::as_str))?
}

/// Makes calls of every kind that stores or reads.
async fn tour(service: &Service) {
    let admin = service.admin();
    let list = admin.create_list("Newsletter").await;
    let channel = admin.create_channel("+12025550100").await;
    let object = admin.create_customer_object().await;
    let people = |numbers: std::ops::Range<u32>, shift: u32| -> Vec<_> {
        let person = |n: u32| {
            contact(&number(n + shift))
                .external_id(&format!("crm-{n}"))
                .email("all@example.com")
                .properties(json!({"plan": format!("plan {shift}")}))
        };
        numbers.map(person).collect()
    };
    let updates = [
        (header(&list).add(), people(0..20, 0)),
        (header(&list).add(), people(0..20, 0)),
        (header(&list).add(), people(0..20, 1)),
        (header(&list).remove(), people(0..2, 1)),
        (header(&list).overwrite().skip(), people(0..10, 1)),
    ];
    let mut last = None;
    for (header, people) in updates {
        last = Some(admin.update(header, people).await.expect("an update"));
    }
    let update_id = last.expect("an update").update_id;
    let request = RevertContactListUpdateRequest {
        update_id,
        ..Default::default()
    };
    let reverted = admin
        .lists
        .clone()
        .revert_contact_list_update(request)
        .await;
    reverted.expect("a revert");
    change_people(&admin, &list, &channel).await;
    admin.archive_list(&list).await;
    admin.delete_list(&list).await;
    set_up(&admin, object).await;
}

/// Changes preferences and single contacts.
async fn change_people(admin: &Client, list: &str, channel: &str) {
    admin.opt_out(&number(5), &[channel]).await;
    admin.opt_in(&number(5), &[channel]).await;
    admin.opt_out(&number(900), &[channel]).await;
    admin.opt_out_of_all_channels(&number(6)).await;
    admin
        .update(header(list).add(), vec![contact(&number(900))])
        .await
        .expect("an update");
    admin.preferences(&number(5)).await;
    admin.members(list).await;
    let known = admin.contact(&number(5)).await.contact.expect("a contact");
    let request = UpdateContactRequest {
        contact: Some(Contact {
            id: known.id.clone(),
            phone: Some(number(901)),
            ..Default::default()
        }),
        ..Default::default()
    };
    admin
        .contacts
        .clone()
        .update_contact(request)
        .await
        .expect("a contact");
    let request = DeleteContactRequest { id: known.id };
    admin
        .contacts
        .clone()
        .delete_contact(request)
        .await
        .expect("an erasure");
    let request = ListContactsRequest {
        name_prefix: Some("Ada".to_owned()),
        ..Default::default()
    };
    admin
        .contacts
        .clone()
        .list_contacts(request)
        .await
        .expect("contacts");
}

/// Changes channels and custom objects, and deletes them.
async fn set_up(admin: &Client, object: String) {
    let unused = admin.create_channel("+12025550101").await;
    let request = UpdateChannelRequest {
        channel: Some(Channel {
            id: unused.clone(),
            phone: Some("+12025550102".to_owned()),
            ..Default::default()
        }),
        ..Default::default()
    };
    admin
        .channels
        .clone()
        .update_channel(request)
        .await
        .expect("a channel");
    let request = DeleteChannelRequest { id: unused };
    admin
        .channels
        .clone()
        .delete_channel(request)
        .await
        .expect("an end");
    let mut objects = admin.objects.clone();
    let request = AddCustomPropertyRequest {
        custom_object_id: object,
        property: Some(property("more", Type::Text)),
    };
    objects
        .add_custom_property(request)
        .await
        .expect("a property");
    let unused = admin
        .create_object("unused", vec![property("plan", Type::Text)])
        .await;
    let request = UpdateCustomObjectRequest {
        custom_object: Some(CustomObject {
            id: unused.clone(),
            label: "Unused".to_owned(),
            ..Default::default()
        }),
        ..Default::default()
    };
    objects
        .update_custom_object(request)
        .await
        .expect("an object");
    let request = DeleteCustomObjectRequest { id: unused };
    objects.delete_custom_object(request).await.expect("an end");
}

/// The names of the tables.
async fn known_tables(database: &Database) -> BTreeSet<String> {
    let sql = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'";
    let connection = database.connect().await;
    let rows = connection.query_all_raw(Statement::from_string(DbBackend::Postgres, sql));
    let rows = rows.await.expect("tables");
    rows.iter()
        .map(|row| row.try_get_by_index(0).expect("a name"))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_statement_of_a_call_goes_to_the_shard_of_its_organization() {
    let Some(database) = Database::postgres().await else {
        return;
    };
    let mut log = Log::read().await;
    log.statements();
    let mut service = Service::start(database.clone()).await;
    tour(&service).await;
    // The span of a call is closed a moment after its response.
    service.shutdown().await;
    let statements = log.statements();
    let known = known_tables(&database).await;
    let mut bad = Vec::new();
    for sql in &statements {
        for problem in problems(sql, &known) {
            bad.push(format!("{problem}: {sql}"));
        }
    }
    assert!(statements.len() > 50, "{} statements", statements.len());
    assert!(bad.is_empty(), "{}", bad.join("\n\n"));
}

#[test]
fn statements_that_citus_would_spread_are_found() {
    let known = ["organizations", "contacts", "channels"].map(str::to_owned);
    let known = BTreeSet::from(known);
    for good in [
        r#"SELECT "name" FROM "contacts" WHERE "organization_id" = $1 AND "id" = $2"#,
        "SELECT c.id FROM contacts AS c JOIN channels h ON h.id = $2 WHERE c.organization_id = $1 AND h.organization_id = $1",
        "INSERT INTO contacts (organization_id, id) SELECT o.id, u.id FROM organizations o \
         CROSS JOIN UNNEST($2::uuid[]) AS u (id) WHERE o.id = $1",
    ] {
        assert_eq!(problems(good, &known), [""; 0], "{good}");
    }
    for bad in [
        "SELECT name FROM contacts WHERE id = $1",
        "SELECT c.id FROM contacts c JOIN channels h ON h.organization_id = c.organization_id WHERE c.organization_id = $1",
        "DELETE FROM contacts WHERE organization_id = $1 AND EXISTS (SELECT FROM channels h WHERE h.id = $2)",
        "INSERT INTO contacts (organization_id, id) SELECT $1, u.id FROM UNNEST($2::uuid[]) AS u (id)",
        "UPDATE contacts SET update_time = now() WHERE organization_id = $1",
    ] {
        assert_ne!(problems(bad, &known), [""; 0], "{bad}");
    }
}
