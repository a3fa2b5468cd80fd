//! `migrate --distribute`. Citus itself is not there: its functions are stood in for by ones that refuse what it refuses.

use test_support::{Database, notice};

use crate::*;

/// Refuses a table that refers to one that is local, a unique key without the column, and a second time.
const CITUS: &str = r#"
CREATE TABLE pg_dist_partition (logicalrelid regclass PRIMARY KEY, partmethod text, together_with text);
CREATE FUNCTION create_distributed_table(distributed regclass, by text, colocate_with text DEFAULT 'default') RETURNS void
LANGUAGE plpgsql AS $$ BEGIN
    IF EXISTS (SELECT FROM pg_constraint WHERE conrelid = distributed AND contype = 'f'
            AND confrelid NOT IN (SELECT logicalrelid FROM pg_dist_partition)) THEN
        RAISE 'referenced table must be a distributed table';
    END IF;
    IF EXISTS (SELECT FROM pg_index WHERE indrelid = distributed AND indisunique AND NOT (SELECT attnum FROM pg_attribute
            WHERE attrelid = distributed AND attname = by) = ANY (indkey)) THEN
        RAISE 'cannot create constraint on %', distributed;
    END IF;
    INSERT INTO pg_dist_partition VALUES (distributed, by, colocate_with);
END $$;
CREATE FUNCTION create_reference_table(distributed regclass) RETURNS void LANGUAGE sql
    AS $$ INSERT INTO pg_dist_partition VALUES (distributed, 'everywhere', 'none') $$;
"#;

const REFUSAL: &str = "error: only PostgreSQL with the extension citus distributes its tables: on the coordinator, \
    run CREATE EXTENSION citus first";

#[tokio::test]
async fn every_table_of_citus_is_distributed_by_organization_once() {
    let Some(database) = Database::postgres().await else {
        return notice("distribute::every_table is skipped: PostgreSQL is not installed");
    };
    let command = ["migrate", "--distribute", "--database-url", database.url()];
    let folder = Folder::new();
    assert_eq!(folder.refusal(&command), REFUSAL);
    database.register_citus().await;
    database.execute(CITUS).await;
    for _ in 0..2 {
        assert_eq!(folder.lines(&command), ["the schema is up to date"]);
    }
    let distributed = |which: &str| {
        let sql = format!("SELECT count(*) FROM pg_dist_partition WHERE {which}");
        let database = database.clone();
        async move { database.rows(&sql).await }
    };
    assert_eq!(
        distributed("logicalrelid = 'organizations'::regclass AND partmethod = 'id'").await,
        1
    );
    assert_eq!(
        distributed("logicalrelid = 'seaql_migrations'::regclass AND partmethod = 'everywhere'")
            .await,
        1
    );
    let others =
        distributed("partmethod = 'organization_id' AND together_with = 'organizations'").await;
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'pg_dist_partition'";
    // No table is left local.
    assert_eq!(others + 2, database.rows(tables).await);
}

#[test]
fn sqlite_is_not_distributed() {
    let folder = Folder::new();
    folder.lines(&["migrate"]);
    assert_eq!(folder.refusal(&["migrate", "--distribute"]), REFUSAL);
}
