//! An overwrite asks first.

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
}
