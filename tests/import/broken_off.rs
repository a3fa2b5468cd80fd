//! Imports that break off, and are run again: what was applied is not applied twice, and the rest is.

use std::process::Child;

use crate::*;

/// A word that only a response to an update has: why its one bad contact was rejected.
const RESPONSE: &[u8] = b"at most 255 characters";

/// A file whose update has a response with [`RESPONSE`].
fn with_a_bad_row(numbers: impl IntoIterator<Item = u32>) -> String {
    format!("{}{},{}\n", table(numbers), number(99), "x".repeat(256))
}

/// The program calls the service through a line that can be cut.
async fn behind_a_line(database: Database, args: &[&str]) -> (Desk, Relay) {
    let mut desk = Desk::with(database, args).await;
    let line = Relay::to_service(desk.service.address()).await;
    desk.server = format!("http://{}", line.address());
    (desk, line)
}

fn start(desk: &Desk, flags: &[&str]) -> Child {
    let args = [&["import", "contacts.csv", "--list", LIST], flags].concat();
    let mut command = desk.command(&args);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("a running program")
}

fn kill(mut child: Child) {
    child.kill().expect("a kill");
    child.wait().expect("an end");
}

on_both! {
    async fn killed_after_it_was_applied_and_run_again_it_says_that_it_was_applied_before(database: Database) {
        let (desk, line) = behind_a_line(database, &[]).await;
        desk.write("contacts.csv", with_a_bad_row(1..=3));
        line.break_on(Way::Answers, Trigger::Text(RESPONSE), Fault::Freeze);
        let child = start(&desk, &[]);
        line.until_broken().await;
        kill(child);
        line.cut();
        line.mend();
        assert_eq!((desk.update_count().await, desk.has("contacts.csv.import-state")), (1, true));

        let ran = desk.import("contacts.csv", &[]).await.ends_with(3);
        assert!(ran.stdout.starts_with("Nothing was changed now: all of this had been applied before"), "{ran:?}");
        assert_eq!((ran.count("created"), ran.count("rejected")), (3, 1));
        assert!(desk.read("contacts.csv.rejected.csv").contains("\n5,name must have at most 255 characters"));
        assert_eq!((desk.update_count().await, desk.has("contacts.csv.import-state")), (1, false));
        let ran = desk.import("contacts.csv", &[]).await.ends_with(3);
        assert!(ran.stdout.starts_with("Applied: "), "a new import: {ran:?}");
    }

    async fn killed_while_it_sends_and_run_again_it_is_applied_once(database: Database) {
        let (desk, line) = behind_a_line(database, &[]).await;
        desk.write("contacts.csv", table(1..=3));
        line.break_on(Way::Requests, Trigger::Text(b"Person 2"), Fault::Freeze);
        let child = start(&desk, &[]);
        line.until_broken().await;
        kill(child);
        line.cut();
        line.mend();
        assert_eq!((desk.update_count().await, desk.has("contacts.csv.import-state")), (0, true));

        let ran = desk.import("contacts.csv", &[]).await.ends_with(0);
        assert!(ran.stdout.starts_with("Applied: "), "{ran:?}");
        assert_eq!((desk.update_count().await, desk.has("contacts.csv.import-state")), (1, false));
    }

    async fn a_large_import_that_is_killed_is_ended_by_the_calls_that_are_missing(database: Database) {
        let (desk, line) = behind_a_line(database, &["--max-contacts", "10"]).await;
        desk.write("contacts.csv", table(1..=25));
        line.break_on(Way::Requests, Trigger::Text(b"Person 15"), Fault::Freeze);
        let child = start(&desk, &[]);
        line.until_broken().await;
        kill(child);
        line.cut();
        line.mend();
        assert_eq!(desk.update_count().await, 1);

        let ran = desk.import("contacts.csv", &[]).await.ends_with(0);
        assert!(ran.stdout.starts_with("Applied, 1 of 3 calls before and the others now: Newsletter has 25"), "{ran:?}");
        assert_eq!(ran.count("created"), 25);
        assert_eq!((desk.update_count().await, desk.phones().await.len()), (3, 25));
    }

    async fn a_server_that_goes_away_is_tried_again_and_then_the_import_breaks_off(database: Database) {
        let (desk, line) = behind_a_line(database, &[]).await;
        line.break_on(Way::Answers, Trigger::Text(RESPONSE), Fault::Cut);
        let ran = desk.import_text("contacts.csv", &with_a_bad_row(1..=3), &[]).await.ends_with(4);
        assert!(ran.stderr.contains("trying again in"), "{ran:?}");
        assert!(ran.stderr.contains("Run the same command again: what was applied is not applied twice."), "{ran:?}");
        assert!(ran.stdout.is_empty(), "{ran:?}");
        line.mend();
        let ran = desk.import("contacts.csv", &[]).await.ends_with(3);
        assert!(ran.stdout.starts_with("Nothing was changed now: "), "{ran:?}");
        assert_eq!(desk.update_count().await, 1);
    }

    async fn an_overwrite_that_was_applied_before_it_was_killed_is_not_asked_about_again(database: Database) {
        let (desk, line) = behind_a_line(database, &[]).await;
        desk.import_text("contacts.csv", &table(5..=9), &[]).await.ends_with(0);
        desk.write("contacts.csv", with_a_bad_row(1..=3));
        line.break_on(Way::Answers, Trigger::Text(RESPONSE), Fault::Freeze);
        let child = start(&desk, &["--action", "overwrite", "--yes"]);
        line.until_broken().await;
        kill(child);
        line.cut();
        line.mend();
        // Meanwhile somebody else changes the list.
        desk.import_text("other.csv", &table([8]), &[]).await.ends_with(0);
        let ran = desk.import("contacts.csv", &["--action", "overwrite", "--yes"]).await.ends_with(3);
        assert!(ran.stdout.starts_with("Nothing was changed now: "), "{ran:?}");
        assert_eq!(desk.phones().await, numbers([1, 2, 3, 8]));
    }

    async fn applied_contacts_are_no_error_though_their_rejected_rows_cannot_be_written(database: Database) {
        let (desk, line) = behind_a_line(database, &[]).await;
        std::fs::create_dir(desk.path("rejected")).unwrap();
        desk.write("contacts.csv", with_a_bad_row(1..=3));
        line.break_on(Way::Answers, Trigger::Text(RESPONSE), Fault::Freeze);
        let mut command = desk.command(&["import", "contacts.csv", "--list", LIST, "--rejected", "rejected/rows.csv"]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a running program");
        line.until_broken().await;
        std::fs::remove_dir(desk.path("rejected")).unwrap();
        line.mend();
        let ended = tokio::task::block_in_place(|| child.wait_with_output()).expect("an end");
        let ran = Ran::from(ended).ends_with(3);
        assert!(ran.stderr.contains("the import has ended, but cannot write the rejected rows"), "{ran:?}");
        assert_eq!((ran.count("created"), desk.has("contacts.csv.import-state")), (3, false));
    }

    async fn a_file_that_has_changed_since_is_a_new_import(database: Database) {
        let (desk, line) = behind_a_line(database, &[]).await;
        desk.write("contacts.csv", with_a_bad_row(1..=3));
        line.break_on(Way::Answers, Trigger::Text(RESPONSE), Fault::Freeze);
        let child = start(&desk, &[]);
        line.until_broken().await;
        kill(child);
        line.cut();
        line.mend();
        let ran = desk.import_text("contacts.csv", &table(1..=4), &[]).await.ends_with(0);
        assert!(ran.stderr.contains("broke off; this one has another file"), "{ran:?}");
        assert_eq!((ran.count("created"), ran.count("unchanged")), (1, 3));
        assert!(!desk.has("contacts.csv.import-state"));
    }

    async fn an_import_whose_request_ids_the_server_can_have_forgotten_is_not_taken_up(database: Database) {
        let (desk, line) = behind_a_line(database, &[]).await;
        desk.write("contacts.csv", with_a_bad_row(1..=3));
        line.break_on(Way::Answers, Trigger::Text(RESPONSE), Fault::Freeze);
        let child = start(&desk, &[]);
        line.until_broken().await;
        kill(child);
        line.cut();
        line.mend();
        let state: serde_json::Value = serde_json::from_str(&desk.read("contacts.csv.import-state")).unwrap();
        let mut old = state.clone();
        old["start_time"] = "2026-01-01T00:00:00Z".into();
        desk.write("contacts.csv.import-state", old.to_string());
        desk.import("contacts.csv", &[]).await.refused_with("the server keeps request_ids only for 168 hours");
        assert_eq!(desk.update_count().await, 1);
    }
}
