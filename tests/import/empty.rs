//! Files without contacts.

use crate::*;

on_both! {
    async fn a_file_without_contacts_changes_nothing(desk: Desk) {
        for (name, text) in [("empty.csv", ""), ("header.csv", "phone,name\n"), ("empty.jsonl", "\n"), ("rows.csv", "phone,name\n,\n")] {
            let ran = desk.import_text(name, text, &[]).await.ends_with(0);
            assert!(ran.stdout.starts_with("Nothing was changed: "), "{ran:?}");
        }
        assert_eq!(desk.update_count().await, 0);
    }

    async fn an_overwrite_with_a_file_without_contacts_needs_allow_empty(desk: Desk) {
        desk.import_text("contacts.csv", &table(1..=3), &[]).await.ends_with(0);
        let overwrite = ["--action", "overwrite", "--yes"];
        for (name, text) in [("empty.csv", ""), ("header.csv", "phone\n")] {
            desk.import_text(name, text, &overwrite).await.refused_with("--allow-empty");
            assert_eq!(desk.phones().await, numbers(1..=3));
        }
        let allowed = [&overwrite[..], &["--allow-empty"]].concat();
        let ran = desk.import("empty.csv", &allowed).await.ends_with(0);
        assert_eq!(ran.count("removed from the list"), 3);
        assert!(desk.phones().await.is_empty());
    }
}
