//! Looks for texts in the tables, past the service.

use sea_orm::{ConnectionTrait, Statement};

use super::Service;

/// All tables that hold anything about an organization.
const TABLES: [&str; 17] = [
    "organizations",
    "api_keys",
    "channels",
    "contacts",
    "communication_preferences",
    "opted_out_numbers",
    "contact_lists",
    "contact_list_contacts",
    "contact_list_updates",
    "custom_objects",
    "custom_properties",
    "custom_object_records",
    "erasures",
    "consents",
    "preference_changes",
    "contact_changes",
    "journal",
];

/// The tables in which a text stands in any column of any row.
pub async fn tables_containing(service: &Service, text: &str) -> Vec<&'static str> {
    let mut found = Vec::new();
    for table in TABLES {
        if rows_containing(service, table, text).await > 0 {
            found.push(table);
        }
    }
    found
}

/// How many rows of a table have a text in any of their columns.
pub async fn rows_containing(service: &Service, table: &str, text: &str) -> i64 {
    let row_text = if service.database().is_postgres() {
        format!("CAST(t AS TEXT) LIKE '%{text}%'")
    } else {
        let columns = columns(service, table).await;
        assert!(!columns.is_empty(), "there is no table {table}");
        let conditions = columns.iter().map(|column| {
            format!("coalesce(instr(CAST({column} AS BLOB), CAST('{text}' AS BLOB)), 0) > 0")
        });
        conditions.collect::<Vec<_>>().join(" OR ")
    };
    let sql = format!("SELECT count(*) FROM {table} t WHERE {row_text}");
    service.rows(&sql).await
}

/// How many rows of the link tables name a contact that does not exist.
pub async fn orphans(service: &Service) -> Vec<(&'static str, i64)> {
    let mut orphans = Vec::new();
    for table in [
        "contact_list_contacts",
        "communication_preferences",
        "custom_object_records",
    ] {
        let sql = format!(
            "SELECT count(*) FROM {table} l WHERE NOT EXISTS (SELECT 1 FROM contacts c \
             WHERE c.organization_id = l.organization_id AND c.id = l.contact_id)"
        );
        orphans.push((table, service.rows(&sql).await));
    }
    orphans.retain(|(_, count)| *count > 0);
    orphans
}

/// How many lists have a `contact_count` that is not the number of their members.
pub async fn lists_with_a_wrong_count(service: &Service) -> i64 {
    let sql = "SELECT count(*) FROM contact_lists l WHERE l.contact_count <> (SELECT count(*) \
         FROM contact_list_contacts m WHERE m.organization_id = l.organization_id \
         AND m.contact_list_id = l.id)";
    service.rows(sql).await
}

async fn columns(service: &Service, table: &str) -> Vec<String> {
    let connection = service.database().connect().await;
    let sql = format!("SELECT name FROM pragma_table_info('{table}')");
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let rows = connection
        .query_all_raw(statement)
        .await
        .expect("the table's columns");
    let names = rows
        .iter()
        .map(|row| row.try_get_by_index(0).expect("a name"));
    let names = names.collect();
    connection.close().await.expect("a closed connection");
    names
}
