//! A command in a real terminal, and what is shown only there.

use std::{
    fs::File,
    io::{Read, Write},
    process::Child,
};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::*;

/// A command that runs in a terminal of its own.
pub struct Terminal {
    screen: File,
    child: Child,
    shown: String,
}

impl Terminal {
    /// Starts a command.
    pub fn run(mut command: Command) -> Self {
        let screen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&screen).expect("a terminal of this user");
        unlockpt(&screen).expect("an open terminal");
        let name = ptsname(&screen, Vec::new()).expect("its name");
        let name = name.into_string().expect("a path");
        let end = || {
            File::options()
                .read(true)
                .write(true)
                .open(&name)
                .expect("its other end")
        };
        command.stdin(end()).stdout(end()).stderr(end());
        Self {
            screen: screen.into(),
            child: command.spawn().expect("a running program"),
            shown: String::new(),
        }
    }

    /// Waits until a text is shown.
    pub async fn until(&mut self, text: &str) {
        while !self.shown.contains(text) {
            assert!(self.read().await, "{text:?} is never shown: {}", self.shown);
        }
    }

    /// Types a line.
    pub fn enter(&mut self, line: &str) {
        self.screen
            .write_all(format!("{line}\n").as_bytes())
            .expect("a line");
    }

    /// Waits for the end, and returns the exit code and all that was shown.
    pub async fn end(mut self) -> (Option<i32>, String) {
        while self.read().await {}
        let status = tokio::task::block_in_place(|| self.child.wait()).expect("an end");
        (status.code(), self.shown)
    }

    /// Reads what is shown next. Returns false when the program has ended.
    async fn read(&mut self) -> bool {
        let mut screen = self.screen.try_clone().expect("the same terminal");
        let reading = tokio::task::spawn_blocking(move || {
            let mut bytes = [0; 4096];
            // Once the other end is closed, reading is an error.
            let count = screen.read(&mut bytes).unwrap_or(0);
            String::from_utf8_lossy(&bytes[..count]).into_owned()
        });
        let read = tokio::time::timeout(LIMIT, reading)
            .await
            .expect("something in time");
        let read = read.expect("no panic");
        self.shown += &read;
        !read.is_empty()
    }
}

on_both! {
    async fn the_first_rows_are_shown_in_a_terminal_and_nowhere_else(desk: Desk) {
        desk.write("contacts.csv", table(1..=5));
        let args = ["import", "contacts.csv", "--list", LIST];
        let (code, text) = Terminal::run(desk.command(&args)).end().await;
        assert_eq!(code, Some(0), "{text}");
        assert!(text.contains(&format!("| {} | Person 3", number(3))), "{text}");
        assert!(!text.contains("Person 4"), "{text}");
        assert!(text.contains("Applied: Newsletter has 5 contacts."), "{text}");
        let ran = run(desk.command(&args)).await.ends_with(0);
        assert!(!ran.stderr.contains("Person"), "{ran:?}");
    }

    async fn control_characters_of_a_file_do_not_reach_the_terminal(desk: Desk) {
        desk.write("contacts.csv", format!("phone,name\n{},\"\x1b[31mAda\"\n", number(1)));
        let (_, text) = Terminal::run(desk.command(&["import", "contacts.csv", "--list", LIST])).end().await;
        assert!(text.contains(" [31mAda"), "{text}");
        assert!(!text.contains("\x1b[31m"), "{text}");
    }
}
