//! The commands for organizations, keys and the schema.

use crate::*;

#[test]
fn migrate_can_be_run_again() {
    let place = Place::new();
    place.lines(&["migrate"]);
    place.lines(&["migrate"]);
    assert!(place.0.path().join("contact-lists.db").exists());
}

#[test]
fn organizations_are_created_listed_and_updated() {
    let place = Place::new();
    let created = place.lines(&["organization", "create", "Acme", "--default-region", "US"]);
    assert!(
        created.len() == 1 && is_uuid(&created[0]),
        "the id alone: {created:?}"
    );
    let id = created[0].as_str();
    assert_eq!(
        place.lines(&["organization", "list"]),
        [format!("{id}\tUS\tAcme")]
    );
    place.lines(&["organization", "update", id, "--default-region", "DE"]);
    assert_eq!(
        place.lines(&["organization", "list"]),
        [format!("{id}\tDE\tAcme")]
    );
    place.lines(&["organization", "update", id, "--default-region", ""]);
    assert_eq!(
        place.lines(&["organization", "list"]),
        [format!("{id}\t-\tAcme")]
    );
}

#[test]
fn an_unknown_region_is_refused() {
    let place = Place::new();
    assert!(
        place
            .refusal(&["organization", "create", "Acme", "--default-region", "ZZ"])
            .contains("ZZ")
    );
    assert!(place.lines(&["organization", "list"]).is_empty());
}

#[test]
fn an_unknown_organization_is_refused() {
    let place = Place::new();
    let id = uuid::Uuid::now_v7().to_string();
    assert!(
        place
            .refusal(&["organization", "update", &id, "--default-region", "US"])
            .contains(&id)
    );
    assert!(
        place
            .refusal(&["api-key", "create", "--organization", &id])
            .contains(&id)
    );
}

#[test]
fn a_new_key_is_printed_alone_and_never_listed() {
    let place = Place::new();
    let organization = place.organization();
    let create = ["api-key", "create", "--organization", &organization];
    let output = place.run(&[&create[..], &["--scope", "admin"]].concat());
    let key = text(&output.stdout);
    assert!(
        key.starts_with("cl_") && key.ends_with('\n') && key.lines().count() == 1,
        "{key}"
    );
    assert!(output.stderr.is_empty(), "{output:?}");
    place.lines(&create);
    let listed = place.lines(&["api-key", "list", "--organization", &organization]);
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
    let place = Place::new();
    let organization = place.organization();
    place.lines(&["api-key", "create", "--organization", &organization]);
    let list = || place.lines(&["api-key", "list", "--organization", &organization]);
    let id = list()[0].split('\t').next().unwrap().to_owned();
    for (command, state) in [
        ("disable", "disabled"),
        ("disable", "disabled"),
        ("enable", "enabled"),
    ] {
        place.lines(&["api-key", command, &id, "--organization", &organization]);
        assert_eq!(list()[0].split('\t').nth(2), Some(state));
    }
    let unknown = uuid::Uuid::now_v7().to_string();
    let line = place.refusal(&[
        "api-key",
        "disable",
        &unknown,
        "--organization",
        &organization,
    ]);
    assert!(line.contains(&unknown), "{line}");
}
