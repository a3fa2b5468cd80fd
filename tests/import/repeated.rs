//! Files that are imported again.

use crate::*;

on_both! {
    async fn the_same_file_again_is_a_new_update_that_finds_all_unchanged(desk: Desk) {
        desk.import_text("contacts.csv", &table(1..=3), &[]).await.ends_with(0);
        assert!(!desk.has("contacts.csv.import-state"));
        let ran = desk.import("contacts.csv", &[]).await.ends_with(0);
        assert_eq!((ran.count("unchanged"), ran.count("added to the list")), (3, 0));
        assert!(ran.stdout.starts_with("Applied: "), "{ran:?}");
        assert_eq!(desk.update_count().await, 2);
    }

    async fn overwrites_with_a_then_b_then_a_leave_a(desk: Desk) {
        for contacts in [1..=3, 2..=5, 1..=3] {
            let text = table(contacts.clone());
            desk.import_text("contacts.csv", &text, &["--action", "overwrite", "--yes"]).await.ends_with(0);
            assert_eq!(desk.phones().await, numbers(contacts));
        }
    }

    async fn contacts_are_removed_from_the_list(desk: Desk) {
        desk.import_text("all.csv", &table(1..=3), &[]).await.ends_with(0);
        let ran = desk.import_text("some.csv", &table([2]), &["--action", "remove"]).await.ends_with(0);
        assert_eq!(ran.count("removed from the list"), 1);
        assert_eq!(desk.phones().await, numbers([1, 3]));
    }

    async fn with_a_request_id_the_same_import_is_applied_once_and_said_to_be_applied_before(desk: Desk) {
        let id = uuid::Uuid::new_v4().to_string();
        let flags = ["--request-id", id.as_str()];
        desk.import_text("contacts.csv", &table(1..=3), &flags).await.ends_with(0);
        let ran = desk.import("contacts.csv", &flags).await.ends_with(0);
        assert!(ran.stdout.starts_with("Nothing was changed now: all of this had been applied before"), "{ran:?}");
        assert_eq!(desk.update_count().await, 1);
        let ran = desk.import_text("contacts.csv", &table(1..=4), &flags).await;
        ran.refused_with("REQUEST_ID_REUSED");
    }
}
