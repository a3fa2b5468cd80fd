//! What a command prints, without the control characters that a file or a name can have.

use std::{
    borrow::Cow,
    fmt::Display,
    io::{self, Write, stderr, stdout},
};

use anyhow::anyhow;
use thiserror::Error;

/// What reads standard output wants no more of it, as `head`: nothing that went wrong.
#[derive(Debug, Error)]
#[error("standard output is closed")]
pub struct OutputClosed;

/// Prints a line to standard output.
pub fn print(line: impl Display) -> anyhow::Result<()> {
    writeln!(stdout(), "{}", cleaned(&line.to_string())).map_err(cannot_write)
}

/// The error of a command that cannot write its output.
pub fn cannot_write(error: io::Error) -> anyhow::Error {
    match error.kind() {
        io::ErrorKind::BrokenPipe => OutputClosed.into(),
        _ => anyhow!(error).context("cannot write the output"),
    }
}

/// Says something on standard error, if anybody listens.
pub fn note(line: impl Display) {
    let _ = writeln!(stderr(), "{}", cleaned(&line.to_string()));
}

/// A text in which control characters are spaces, but for those between lines and between fields.
pub fn cleaned(text: &str) -> Cow<'_, str> {
    let is_harmful = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\t');
    match text.contains(is_harmful) {
        true => text.replace(is_harmful, " ").into(),
        false => text.into(),
    }
}
