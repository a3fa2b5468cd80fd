//! The commands for organizations, keys and the schema.

use crate::*;

#[test]
fn migrate_can_be_run_again() {
    let folder = Folder::new();
    folder.lines(&["migrate"]);
    folder.lines(&["migrate"]);
    assert!(folder.0.path().join("contact-lists.db").exists());
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
        [format!("{id}\tUS\tAcme")]
    );
    folder.lines(&["organization", "update", id, "--default-region", "DE"]);
    assert_eq!(
        folder.lines(&["organization", "list"]),
        [format!("{id}\tDE\tAcme")]
    );
    folder.lines(&["organization", "update", id, "--default-region", ""]);
    assert_eq!(
        folder.lines(&["organization", "list"]),
        [format!("{id}\t-\tAcme")]
    );
}

#[test]
fn an_unknown_region_is_refused() {
    let folder = Folder::new();
    assert!(
        folder
            .refusal(&["organization", "create", "Acme", "--default-region", "ZZ"])
            .contains("ZZ")
    );
    assert!(folder.lines(&["organization", "list"]).is_empty());
}

#[test]
fn an_unknown_organization_is_refused() {
    let folder = Folder::new();
    let id = uuid::Uuid::now_v7().to_string();
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
