//! An overwrite asks first.

use contact_lists::{
    domain::OrganizationId,
    repository::organizations::{self, OrganizationChange},
};

use crate::{terminal::Terminal, *};

const OVERWRITE: [&str; 6] = [
    "import",
    "contacts.csv",
    "--list",
    LIST,
    "--action",
    "overwrite",
];

on_both! {
    async fn without_a_terminal_and_without_yes_it_is_refused_and_shows_how_many_would_leave(desk: Desk) {
        desk.import_text("contacts.csv", &table(1..=5), &[]).await.ends_with(0);
        let ran = desk.import_text("contacts.csv", &table(5..=6), &["--action", "overwrite"]).await;
        assert!(ran.stderr.contains("Newsletter has 5 contacts: 4 would leave it, 1 would join it, and 0 of the file would be rejected."), "{ran:?}");
        ran.refused_with("needs --yes");
        assert_eq!(desk.phones().await, numbers(1..=5));
        assert!(!desk.has("contacts.csv.import-state"));
    }

    async fn in_a_terminal_it_asks_and_does_what_is_said(desk: Desk) {
        desk.import_text("contacts.csv", &table(1..=5), &[]).await.ends_with(0);
        desk.write("contacts.csv", table(5..=6));
        let mut terminal = Terminal::run(desk.command(&OVERWRITE));
        terminal.until("Overwrite it? [y/N]").await;
        terminal.enter("n");
        assert_eq!(terminal.end().await.0, Some(1));
        assert_eq!(desk.phones().await, numbers(1..=5));

        let mut terminal = Terminal::run(desk.command(&OVERWRITE));
        terminal.until("4 would leave it").await;
        terminal.until("Overwrite it? [y/N]").await;
        terminal.enter("y");
        let (code, text) = terminal.end().await;
        assert_eq!(code, Some(0), "{text}");
        assert!(text.contains("Applied: Newsletter has 2 contacts."), "{text}");
        assert_eq!(desk.phones().await, numbers(5..=6));
    }

    async fn one_that_would_remove_too_many_is_not_applied_and_says_what_to_do(desk: Desk) {
        desk.import_text("contacts.csv", &table(1..=10), &[]).await.ends_with(0);
        for limit in [["--max-removed-percent", "19.5"], ["--max-removed-count", "1"]] {
            for mode in ["--yes", "--dry-run"] {
                let flags = [&["--action", "overwrite", mode], &limit[..]].concat();
                let ran = desk.import_text("contacts.csv", &table(3..=12), &flags).await;
                let says = "nothing was changed: the update would remove 2 of the list's 10 contacts, and may remove at most";
                assert!(ran.stderr.contains(says), "{ran:?}");
                ran.refused_with("Look whether the file is the right and whole one. If it is, allow it: with --max-removed-percent");
                assert!(!desk.has("contacts.csv.import-state"));
            }
        }
        assert_eq!(desk.phones().await, numbers(1..=10));
        let flags = ["--action", "overwrite", "--yes", "--max-removed-percent", "20", "--max-removed-count", "2"];
        let ran = desk.import_text("contacts.csv", &table(3..=12), &flags).await.ends_with(0);
        assert_eq!(ran.count("removed from the list"), 2);
    }

    async fn the_organizations_limit_stops_one_before_it_asks_and_a_flag_lifts_it(desk: Desk) {
        desk.import_text("contacts.csv", &table(1..=10), &[]).await.ends_with(0);
        let limited = OrganizationChange {
            max_removed_percent: Some("10".parse().ok()),
            ..OrganizationChange::default()
        };
        let organization = OrganizationId(desk.service.organization_id());
        organizations::update(desk.service.repository(), organization, limited).await.expect("a limit");
        let overwrite = ["--action", "overwrite"];
        let ran = desk.import_text("contacts.csv", &table(9..=10), &overwrite).await;
        assert!(!ran.stderr.contains("needs --yes"), "{ran:?}");
        ran.refused_with("may remove at most 10 percent (TOO_MANY_REMOVED)");
        let meant = [&overwrite[..], &["--yes", "--max-removed-percent", "100"]].concat();
        let ran = desk.import_text("contacts.csv", &table(9..=10), &meant).await.ends_with(0);
        assert_eq!(ran.count("removed from the list"), 8);
    }

    async fn the_rejected_rows_of_one_are_listed_whatever_its_limits_and_version_are(database: Database) {
        let desk = Desk::with(database, &[]).await;
        desk.import_text("contacts.csv", &table(1..=4), &[]).await.ends_with(0);
        let text = format!("{}no number\n", table(3..=4));
        let limited = ["--action", "overwrite", "--yes", "--all-or-nothing", "--max-removed-count", "1"];
        let ran = desk.import_text("contacts.csv", &text, &limited).await;
        ran.refused_with("CONTACTS_REJECTED");
        assert!(desk.read("contacts.csv.rejected.csv").contains("no number"));
    }

    async fn one_is_applied_only_to_the_version_that_it_expects(desk: Desk) {
        desk.import_text("contacts.csv", &table(1..=2), &[]).await.ends_with(0);
        let shown = desk.run(&["list", "show", LIST]).await.ends_with(0).stdout;
        assert!(shown.contains("version   1\n"), "{shown}");
        let expecting = |version| ["--action", "overwrite", "--yes", "--expected-version", version];
        let ran = desk.import_text("contacts.csv", &table(2..=3), &expecting("0")).await;
        ran.refused_with("the list has version 1, not 0: it was changed since (VERSION_MISMATCH)");
        assert_eq!(desk.phones().await, numbers(1..=2));
        desk.import_text("contacts.csv", &table(2..=3), &expecting("1")).await.ends_with(0);
        assert_eq!(desk.phones().await, numbers(2..=3));
    }
}
