//! What a statement becomes on each database.

use sea_orm::{
    DatabaseBackend::{self, Postgres, Sqlite},
    Value,
};
use uuid::Uuid;

use super::{Rows, statement};
use crate::error::Error;

const ONE: Uuid = Uuid::from_u128(1);
const TWO: Uuid = Uuid::from_u128(2);

/// The text and the values of a statement with the scalars 10 and 20 and the sources `kept` and `people`.
fn written(
    backend: DatabaseBackend,
    sql: &str,
    kept: &[Uuid],
    people: &[(Uuid, &str)],
) -> (String, Vec<Value>) {
    let kept = Rows::ids("kept", kept.iter().copied());
    let people = Rows::new("people")
        .uuids("id", people.iter().map(|(id, _)| *id))
        .texts("name", people.iter().map(|(_, name)| *name));
    let scalars = [10.into(), 20.into()];
    let statement = statement(backend, sql, scalars, [kept, people]).unwrap();
    (statement.sql, statement.values.unwrap().0)
}

fn sql(backend: DatabaseBackend, sql: &str) -> String {
    written(backend, sql, &[ONE, TWO], &[(ONE, "Ada"), (TWO, "Bo")]).0
}

#[test]
fn scalars_keep_their_numbers_on_postgres_and_take_their_places_on_sqlite() {
    let text = "a = $2 AND b = $1 AND c = $2";
    let (postgres, values) = written(Postgres, text, &[], &[]);
    assert_eq!(postgres, text);
    assert_eq!(values[..2], [10.into(), 20.into()]);
    let (sqlite, values) = written(Sqlite, text, &[], &[]);
    assert_eq!(sqlite, "a = ? AND b = ? AND c = ?");
    assert_eq!(values, [20.into(), 10.into(), 20.into()]);
}

#[test]
fn a_source_is_arrays_on_postgres_and_a_list_of_values_on_sqlite() {
    let people = [(ONE, "Ada"), (TWO, "Bo")];
    let (postgres, values) = written(Postgres, "FROM {people} WHERE $1", &[], &people);
    assert_eq!(
        postgres,
        "FROM UNNEST($4::uuid[], $5::text[]) AS people (id, name) WHERE $1"
    );
    assert_eq!(values.len(), 5);
    let (sqlite, values) = written(Sqlite, "FROM {people} WHERE $1", &[], &people);
    assert_eq!(
        sqlite,
        "FROM (SELECT column1 AS id, column2 AS name FROM (VALUES (?, ?), (?, ?))) AS people WHERE ?"
    );
    let expected: [Value; 5] = [ONE.into(), "Ada".into(), TWO.into(), "Bo".into(), 10.into()];
    assert_eq!(values, expected);
}

#[test]
fn a_source_that_is_named_twice_is_bound_once_on_postgres_and_twice_on_sqlite() {
    let (postgres, values) = written(Postgres, "{in_kept} {in_kept}", &[ONE], &[]);
    assert_eq!(postgres, "= ANY ($3::uuid[]) = ANY ($3::uuid[])");
    assert_eq!(values.len(), 5);
    let (sqlite, values) = written(Sqlite, "{in_kept} {in_kept}", &[ONE], &[]);
    assert_eq!(sqlite, "IN (?) IN (?)");
    assert_eq!(values, [ONE.into(), ONE.into()]);
}

#[test]
fn the_values_of_a_source_stand_in_a_list() {
    assert_eq!(
        sql(Postgres, "IN ({each_kept})"),
        "IN (SELECT kept.id FROM UNNEST($3::uuid[]) AS kept (id))"
    );
    assert_eq!(sql(Sqlite, "IN ({each_kept})"), "IN (?, ?)");
    assert_eq!(sql(Postgres, "id {in_kept}"), "id = ANY ($3::uuid[])");
    assert_eq!(sql(Sqlite, "id {in_kept}"), "id IN (?, ?)");
}

#[test]
fn a_source_without_rows_is_still_a_source() {
    assert_eq!(
        written(Postgres, "{kept}", &[], &[]).0,
        "UNNEST($3::uuid[]) AS kept (id)"
    );
    assert_eq!(
        written(Sqlite, "{people}", &[], &[]),
        (
            "(SELECT column1 AS id, column2 AS name FROM (VALUES (NULL, NULL)) LIMIT 0) AS people"
                .to_owned(),
            vec![]
        )
    );
    assert_eq!(written(Sqlite, "IN ({each_kept})", &[], &[]).0, "IN ()");
    assert_eq!(written(Sqlite, "{in_kept}", &[], &[]).0, "IN ()");
}

#[test]
fn words_are_written_for_each_database() {
    let words = [
        ("jsonb", "::jsonb", ""),
        ("as_text", "::text", ""),
        (
            "nil",
            "'00000000-0000-0000-0000-000000000000'::uuid",
            "zeroblob(16)",
        ),
        ("lock", "FOR NO KEY UPDATE OF c", ""),
        ("join", "JOIN", "CROSS JOIN"),
        ("keep_order", "ORDER BY contacts.id", ""),
    ];
    for (word, postgres, sqlite) in words {
        let text = format!("a {{{word}}} b");
        assert_eq!(sql(Postgres, &text), format!("a {postgres} b"));
        assert_eq!(sql(Sqlite, &text), format!("a {sqlite} b"));
    }
}

#[test]
fn what_a_statement_is_not_given_is_an_error() {
    for backend in [Postgres, Sqlite] {
        for text in [
            "{other}",
            "{each_other}",
            "{in_other}",
            "{kept",
            "{}",
            "$3",
            "$0",
            "$",
            "$99999999999999999999",
        ] {
            let scalars = [10.into(), 20.into()];
            let sources = [Rows::ids("kept", [ONE])];
            let error = statement(backend, text, scalars, sources).unwrap_err();
            assert!(matches!(error, Error::Internal { .. }), "{text}: {error}");
        }
    }
}
