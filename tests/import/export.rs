//! `export`, and its way back.

use contact_lists::proto::ContactListContact;

use crate::{files::create_sample_object, *};

/// The members without what the server sets, in the order of their phones.
async fn contents(desk: &Desk) -> Vec<String> {
    let of = |member: ContactListContact| {
        let mut contact = member.contact.expect("a contact");
        (contact.id, contact.create_time, contact.update_time) = Default::default();
        format!("{contact:?}")
    };
    let mut contents: Vec<String> = desk
        .admin
        .members(&desk.list)
        .await
        .into_iter()
        .map(of)
        .collect();
    contents.sort();
    contents
}

/// Imports the sample, and contacts whose texts are hard to keep.
async fn fill(desk: &Desk) {
    create_sample_object(&desk.admin).await;
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/contacts.jsonl");
    std::fs::copy(sample, desk.path("sample.jsonl")).expect("a copy");
    desk.import("sample.jsonl", &[]).await.ends_with(0);
    let hard = [
        json!({"phone": number(1), "name": " \"Ada\",\r\nCountess; of\tLovelace ", "external_id": "007"}),
        json!({"phone": number(2), "birth_date": {"year": 0, "month": 2, "day": 29}}),
        json!({"phone": number(3), "properties": {"plan": "[\"no list\"]", "orders": -9_007_199_254_740_991_i64,
            "lifetime_value": 1.234, "interests": ["a;b", "1", 1, true], "settings": {"a": ""}}}),
    ];
    let lines = hard.map(|line| format!("{line}\n"));
    let ran = desk
        .import_text("hard.jsonl", &lines.concat(), &[])
        .await
        .ends_with(0);
    assert_eq!(ran.count("created"), 3);
}

on_both! {
    async fn an_export_is_taken_back_unchanged_into_the_same_contacts_and_into_none(desk: Desk) {
        fill(&desk).await;
        let before = contents(&desk).await;
        for file in ["export.csv", "export.jsonl"] {
            let ran = desk.run(&["export", "--list", LIST, "--output", file]).await.ends_with(0);
            assert!(ran.stderr.contains("3003 contacts are in"), "{ran:?}");
            let ran = desk.import(file, &[]).await.ends_with(0);
            assert_eq!(ran.count("unchanged"), 3003, "{file}");
            desk.service.database().execute("DELETE FROM contacts").await;
            desk.service.database().execute("DELETE FROM contact_list_contacts").await;
            desk.service.database().execute("DELETE FROM custom_object_records").await;
            let ran = desk.import(file, &[]).await.ends_with(0);
            assert_eq!(ran.count("created"), 3003, "{file}");
            assert!(contents(&desk).await == before, "{file}");
        }
    }

    async fn an_export_goes_to_standard_output(desk: Desk) {
        desk.import_text("contacts.csv", &table(1..=2), &[]).await.ends_with(0);
        let ran = desk.run(&["export", "--list", &desk.list]).await.ends_with(0);
        assert!(ran.stdout.starts_with("phone,external_id,email,name,"), "{ran:?}");
        assert_eq!(ran.stdout.lines().count(), 3);
        let ran = desk.run(&["export", "--list", LIST, "--format", "jsonl"]).await.ends_with(0);
        assert!(ran.stdout.lines().all(|line| line.starts_with('{')), "{ran:?}");
        assert_eq!(ran.stdout.lines().count(), 2);
    }

    async fn an_unknown_list_is_not_exported(desk: Desk) {
        desk.run(&["export", "--list", "Nobody", "-o", "x.csv"]).await.refused_with("there is no contact list \"Nobody\"");
        assert!(!desk.has("x.csv"));
    }
}
