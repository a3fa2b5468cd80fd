//! What is printed, and what becomes of it.

use crate::{terminal::Terminal, *};

/// A command whose standard output nobody reads.
fn with_closed_output(mut command: Command) -> Ran {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    command.stdout(writer).stderr(Stdio::piped());
    let child = command.spawn().expect("a running program");
    drop(command);
    let ended = tokio::task::block_in_place(|| child.wait_with_output());
    ended.expect("an end").into()
}

on_both! {
    async fn a_closed_output_ends_a_command_quietly(desk: Desk) {
        desk.import_text("contacts.csv", &table(1..=3), &[]).await.ends_with(0);
        for args in [&["lists"][..], &["list", "show", LIST], &["updates"], &["export", "--list", LIST], &["completions", "bash"]] {
            let ran = with_closed_output(desk.command(args)).ends_with(0);
            assert_eq!(ran.stderr, "", "{args:?}");
        }
    }

    async fn an_import_whose_output_is_closed_is_applied_and_leaves_no_state(desk: Desk) {
        desk.write("contacts.csv", format!("{}12,\n", table(1..=3)));
        let ran = with_closed_output(desk.command(&["import", "contacts.csv", "--list", LIST])).ends_with(3);
        assert!(!ran.stderr.contains("panicked"), "{ran:?}");
        assert_eq!(desk.phones().await, numbers(1..=3));
        assert_eq!((desk.has("contacts.csv.import-state"), desk.has("contacts.csv.rejected.csv")), (false, true));
    }

    async fn control_characters_of_columns_do_not_reach_the_terminal(desk: Desk) {
        desk.write("contacts.csv", format!("phone,\"x\x1b[31m\"\n{},y\n", number(1)));
        let (_, text) = Terminal::run(desk.command(&["import", "contacts.csv", "--list", LIST])).end().await;
        assert!(text.contains("x [31m"), "{text}");
        desk.write("question.csv", "\"who\x1b[31m\"\nAda\n");
        let (_, question) = Terminal::run(desk.command(&["import", "question.csv", "--list", LIST])).end().await;
        assert!(question.contains("who [31m"), "{question}");
        assert!(!text.contains("\x1b[31m") && !question.contains("\x1b[31m"), "{text}{question}");
    }
}
