//! The commands for organizations, keys and the schema.

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::*;

#[test]
fn migrate_can_be_run_again() {
    let folder = Folder::new();
    folder.lines(&["migrate"]);
    folder.lines(&["migrate"]);
    assert!(folder.0.path().join("contact-lists.db").exists());
}

#[test]
fn the_status_of_the_schema_lists_its_migrations_and_changes_nothing() {
    let folder = Folder::new();
    folder.lines(&["migrate"]);
    folder.sql("DELETE FROM seaql_migrations WHERE version LIKE 'm0002%'");
    folder.sql("INSERT INTO seaql_migrations VALUES ('m9999_of_the_future', 1)");
    for _ in 0..2 {
        let status = folder.lines(&["migrate", "--status"]);
        assert_eq!(
            status[..2],
            ["m0001_initial\tapplied", "m0002_search_indexes\tmissing"]
        );
        assert_eq!(
            status.last().unwrap(),
            "m9999_of_the_future\tof a newer program"
        );
    }
}

#[test]
fn organizations_are_created_listed_and_updated() {
    let folder = Folder::new();
    let created = folder.lines(&["organization", "create", "Acme", "--default-region", "US"]);
    assert!(
        created.len() == 1 && is_uuid(&created[0]),
        "the id alone: {created:?}"
    );
    let id = created[0].as_str();
    assert_eq!(
        folder.lines(&["organization", "list"]),
        [format!("{id}\tUS\tAcme\t-")]
    );
    folder.lines(&["organization", "update", id, "--default-region", "DE"]);
    assert_eq!(
        folder.lines(&["organization", "list"]),
        [format!("{id}\tDE\tAcme\t-")]
    );
    folder.lines(&["organization", "update", id, "--default-region", ""]);
    assert_eq!(
        folder.lines(&["organization", "list"]),
        [format!("{id}\t-\tAcme\t-")]
    );
}

#[test]
fn an_organization_gets_a_limit_of_what_an_overwrite_removes_and_loses_it() {
    let folder = Folder::new();
    let limit = |limit| ["--max-removed-percent", limit];
    let create = ["organization", "create", "Acme", "--default-region", "US"];
    let id = folder
        .lines(&[&create[..], &limit("12.5")].concat())
        .remove(0);
    let listed = || folder.lines(&["organization", "list"]).remove(0);
    assert_eq!(listed(), format!("{id}\tUS\tAcme\t12.5"));
    let update = ["organization", "update", &id];
    folder.lines(&[&update[..], &limit("20")].concat());
    assert_eq!(listed(), format!("{id}\tUS\tAcme\t20"));
    folder.lines(&[&update[..], &["--default-region", ""]].concat());
    assert_eq!(
        listed(),
        format!("{id}\t-\tAcme\t20"),
        "what is not named stays"
    );
    for wrong in ["101", "-1", "NaN", "a fifth"] {
        let line =
            folder.refusal(&[&update[..], &[&format!("--max-removed-percent={wrong}")]].concat());
        assert!(line.contains("give a number from 0 to 100"), "{line}");
    }
    folder.lines(&[&update[..], &limit("")].concat());
    assert_eq!(listed(), format!("{id}\t-\tAcme\t-"));
}

#[test]
fn an_unknown_region_is_refused() {
    let folder = Folder::new();
    assert!(
        folder
            .refusal(&["organization", "create", "Acme", "--default-region", "ZZ"])
            .contains("ZZ")
    );
    assert!(!folder.path("contact-lists.db").exists());
}

#[test]
fn an_unknown_organization_is_refused() {
    let folder = Folder::new();
    let id = uuid::Uuid::now_v7().to_string();
    folder.lines(&["migrate"]);
    assert!(
        folder
            .refusal(&["organization", "update", &id, "--default-region", "US"])
            .contains(&id)
    );
    assert!(
        folder
            .refusal(&["api-key", "create", "--organization", &id])
            .contains(&id)
    );
    let line = folder.refusal(&["api-key", "list", "--organization", &id]);
    assert_eq!(
        line,
        format!("error: cannot list the API keys: organization {id} not found")
    );
}

#[test]
fn a_new_key_is_printed_alone_and_never_listed() {
    let folder = Folder::new();
    let organization = folder.organization();
    let create = ["api-key", "create", "--organization", &organization];
    let output = folder.run(&[&create[..], &["--scope", "admin"]].concat());
    let key = text(&output.stdout);
    assert!(
        key.starts_with("cl_") && key.ends_with('\n') && key.lines().count() == 1,
        "{key}"
    );
    assert!(output.stderr.is_empty(), "{output:?}");
    folder.lines(&create);
    let listed = folder.lines(&["api-key", "list", "--organization", &organization]);
    let scopes: Vec<_> = listed
        .iter()
        .map(|line| line.split('\t').nth(1).unwrap())
        .collect();
    assert_eq!(scopes, ["admin", "write"], "write is the default");
    let secret = key.trim().rsplit('_').next().unwrap();
    assert!(!listed.join("\n").contains(secret));
}

#[test]
fn a_key_has_a_name_and_an_expiry_if_it_is_given_them() {
    let folder = Folder::new();
    let organization = folder.organization();
    let create = ["api-key", "create", "--organization", &organization];
    folder.lines(&create);
    folder.lines(
        &[
            &create[..],
            &["--name", "Nightly  sync", "--expires-in-days", "30"],
        ]
        .concat(),
    );
    let list = || folder.lines(&["api-key", "list", "--organization", &organization]);
    assert!(list()[0].ends_with("\t-\t-\t-"), "{}", list()[0]);
    let line = list()[1].clone();
    let fields: Vec<_> = line.split('\t').collect();
    assert_eq!(
        (fields[2], fields[5], fields[6]),
        ("enabled", "-", "Nightly sync")
    );
    let time = |text| OffsetDateTime::parse(text, &Rfc3339).unwrap();
    assert_eq!(
        (time(fields[4]) - time(fields[3])).whole_hours(),
        30 * 24 - 1
    );
    folder.sql("UPDATE api_keys SET expire_time = create_time WHERE name IS NOT NULL");
    assert_eq!(list()[1].split('\t').nth(2), Some("expired"));
    folder.refusal(&[&create[..], &["--expires-in-days", "0"]].concat());
    folder.refusal(&[&create[..], &["--name", " "]].concat());
}

#[test]
fn a_name_with_control_characters_is_refused_and_a_stored_one_is_escaped() {
    let folder = Folder::new();
    let organization = folder.organization();
    let create = ["api-key", "create", "--organization", &organization];
    let reason = "error: the name must not contain control characters";
    for name in ["a\u{1b}[2J", "a\u{7f}", "a\u{85}b\u{9b}"] {
        assert_eq!(folder.refusal(&["organization", "create", name]), reason);
        let key = folder.refusal(&[&create[..], &["--name", name]].concat());
        assert_eq!(key, reason);
    }
    folder.lines(&[&create[..], &["--name", "Zoë 🦀"]].concat());
    let list = || folder.lines(&["api-key", "list", "--organization", &organization]);
    assert!(list()[0].ends_with("\tZoë 🦀"), "{:?}", list());
    folder.sql("UPDATE api_keys SET name = 'a' || char(27) || '[2J' || char(10) || 'b'");
    folder.sql("UPDATE organizations SET name = 'a' || char(9) || 'b'");
    assert!(list()[0].ends_with("\ta\\u{1b}[2J\\nb"), "{:?}", list());
    let organizations = folder.lines(&["organization", "list"]);
    assert_eq!(organizations, [format!("{organization}\t-\ta\\tb\t-")]);
}

#[test]
fn a_key_is_disabled_and_enabled() {
    let folder = Folder::new();
    let organization = folder.organization();
    folder.lines(&["api-key", "create", "--organization", &organization]);
    let list = || folder.lines(&["api-key", "list", "--organization", &organization]);
    let id = list()[0].split('\t').next().unwrap().to_owned();
    for (command, state) in [
        ("disable", "disabled"),
        ("disable", "disabled"),
        ("enable", "enabled"),
    ] {
        folder.lines(&["api-key", command, &id, "--organization", &organization]);
        assert_eq!(list()[0].split('\t').nth(2), Some(state));
    }
    let unknown = uuid::Uuid::now_v7().to_string();
    let line = folder.refusal(&[
        "api-key",
        "disable",
        &unknown,
        "--organization",
        &organization,
    ]);
    assert!(line.contains(&unknown), "{line}");
}

#[test]
fn a_key_is_disabled_by_a_program_that_is_older_than_the_schema() {
    let folder = Folder::new();
    let organization = folder.organization();
    folder.lines(&["api-key", "create", "--organization", &organization]);
    folder.sql("INSERT INTO seaql_migrations VALUES ('m9999_of_a_newer_program', 1)");
    let list = || folder.lines(&["api-key", "list", "--organization", &organization]);
    let id = list()[0].split('\t').next().unwrap().to_owned();
    folder.lines(&["api-key", "disable", &id, "--organization", &organization]);
    assert_eq!(list()[0].split('\t').nth(2), Some("disabled"));
    folder.lines(&["migrate"]);
}

#[test]
fn a_key_is_disabled_by_a_program_that_is_newer_than_the_schema_and_leaves_it_as_it_is() {
    let folder = Folder::new();
    let organization = folder.organization();
    folder.lines(&["api-key", "create", "--organization", &organization]);
    folder.sql("DELETE FROM seaql_migrations WHERE version LIKE 'm0002%'");
    let listed = folder.lines(&["api-key", "list", "--organization", &organization]);
    let id = listed[0].split('\t').next().unwrap();
    folder.lines(&["api-key", "disable", id, "--organization", &organization]);
}

#[test]
fn keys_of_an_empty_database_are_refused_with_a_hint() {
    let folder = Folder::new();
    let id = uuid::Uuid::now_v7().to_string();
    let line = folder.refusal(&["api-key", "create", "--organization", &id]);
    assert!(line.contains("contact-lists migrate"), "{line}");
}

#[test]
fn a_command_waits_while_a_server_writes_and_says_so() {
    let folder = Folder::new();
    let organization = folder.organization();
    let writer = folder.connection();
    writer.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut command = folder.program(&["api-key", "create", "--organization", &organization]);
    let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut notice = [0; "waiting for the database\n".len()];
    let stderr = child.stderr.as_mut().unwrap();
    stderr.read_exact(&mut notice).unwrap();
    assert_eq!(&notice, b"waiting for the database\n");
    // Longer than a server waits.
    assert!(
        wait_for(&mut child, Duration::from_secs(7)).is_none(),
        "it gave up"
    );
    writer.execute_batch("ROLLBACK").unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success() && text(&output.stdout).starts_with("cl_"),
        "{output:?}"
    );
}
