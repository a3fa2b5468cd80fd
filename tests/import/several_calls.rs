//! Files with more contacts than the server takes in a call.

use crate::*;

on_both! {
    async fn a_large_file_is_added_and_removed_in_several_calls_whose_counts_are_added_up(database: Database) {
        let desk = Desk::with(database, &["--max-contacts", "10"]).await;
        let text = table(1..=25).replace(&number(23), "12");
        let ran = desk.import_text("contacts.csv", &text, &[]).await.ends_with(3);
        assert_eq!((ran.count("received"), ran.count("created"), ran.count("rejected")), (25, 24, 1));
        assert!(ran.stdout.contains("the sums of 3 calls with at most 10 contacts"), "{ran:?}");
        assert_eq!(desk.update_count().await, 3);
        assert!(desk.read("contacts.csv.rejected.csv").contains("\n24,"));
        let ran = desk.import_text("contacts.csv", &table(1..=25), &["--action", "remove"]).await.ends_with(0);
        assert_eq!(ran.count("removed from the list"), 24);
    }

    async fn each_call_holds_to_the_limits_of_a_remove_and_the_first_one_to_the_version(database: Database) {
        let desk = Desk::with(database, &["--max-contacts", "10"]).await;
        desk.import_text("contacts.csv", &table(1..=20), &["--expected-version", "0"]).await.ends_with(0);
        let remove = |count| ["--action", "remove", "--expected-version", "2", "--max-removed-count", count];
        let ran = desk.import_text("contacts.csv", &table(1..=20), &remove("9")).await;
        ran.refused_with("TOO_MANY_REMOVED");
        let ran = desk.import_text("contacts.csv", &table(1..=20), &remove("10")).await.ends_with(0);
        assert_eq!(ran.count("removed from the list"), 20);
    }

    async fn an_overwrite_is_never_split_and_names_the_limit_to_ask_for(database: Database) {
        let desk = Desk::with(database, &["--max-contacts", "10"]).await;
        desk.import_text("contacts.csv", &table(1..=10), &[]).await.ends_with(0);
        for flags in [&["--action", "overwrite", "--yes"][..], &["--all-or-nothing"]] {
            let ran = desk.import_text("contacts.csv", &table(2..=12), flags).await;
            ran.refused_with("--max-contacts (CONTACT_LISTS_MAX_CONTACTS) to 11 or more");
            assert_eq!(desk.phones().await, numbers(1..=10));
        }
    }

    async fn messages_are_as_small_as_the_server_wants_them(database: Database) {
        let desk = Desk::with(database, &["--max-message-bytes", "2000"]).await;
        let ran = desk.import_text("contacts.csv", &table(1..=500), &[]).await.ends_with(0);
        assert_eq!(ran.count("created"), 500);
    }
}
