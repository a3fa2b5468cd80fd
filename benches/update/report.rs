//! The table.

use std::fmt::Write;

use crate::{
    measure::{Times, median},
    start::Start,
};

/// A line of the table: a work on a database.
pub struct Line {
    /// The database.
    pub database: &'static str,
    /// What was done.
    pub work: &'static str,
    /// With how many contacts a call.
    pub contacts: u64,
    /// What part of the floor's speed is to be reached.
    pub goal: Option<f64>,
    /// How long it took.
    pub times: Times,
}

impl Line {
    /// Contacts per second of the median time.
    pub fn rate(&self, times: &[f64]) -> Option<f64> {
        Some(self.contacts as f64 / median(times)?)
    }
}

/// The table in Markdown.
pub fn markdown(lines: &[Line], large: &[Memory], start: &Start, base: u64) -> String {
    let mut table = format!(
        "Base of {base} contacts, 3 channels, one caller. Contacts per second, medians of interleaved pairs; the ratio is \
        the median of the pairs' own.\n\n\
        | database | work | contacts a call | service | floor | service to floor | goal | row by row | service to row by row | pairs |\n\
        | --- | --- | --: | --: | --: | --: | --: | --: | --: | --: |\n"
    );
    for line in lines {
        let times = &line.times;
        let _ = writeln!(
            table,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            line.database,
            line.work,
            line.contacts,
            shown(line.rate(&times.service), 0),
            shown(line.rate(&times.floor), 0),
            shown(times.ratio(), 2),
            verdict(line),
            shown(line.rate(&times.row_by_row), 0),
            shown(times.times_row_by_row(), 1),
            times.service.len(),
        );
    }
    for line in lines.iter().filter(|line| line.contacts == 1) {
        let milliseconds = |times: &[f64]| shown(median(times).map(|time| time * 1000.0), 2);
        let service = &line.times.service;
        let _ = writeln!(
            table,
            "\nA one-contact call, {}: p50 {} ms, p99 {} ms; the floor's p50 {} ms.",
            line.database,
            milliseconds(service),
            shown(percentile(service, 0.99).map(|time| time * 1000.0), 2),
            milliseconds(&line.times.floor),
        );
    }
    for memory in large {
        let _ = writeln!(
            table,
            "\nOne call with {} contacts, {}: the server's memory rises from {:.0} MiB to {:.0} MiB.",
            memory.contacts,
            memory.database,
            mebibytes(memory.idle_bytes as f64),
            mebibytes(memory.peak_bytes as f64),
        );
    }
    let _ = writeln!(
        table,
        "\nThe binary: {:.0} ms from its start to its first answer (a new SQLite file), {:.1} MiB of memory when idle, \
        {:.1} MiB on the disk.",
        start.seconds * 1000.0,
        mebibytes(start.idle_bytes),
        mebibytes(start.binary_bytes as f64),
    );
    table
}

/// How the server's memory rose in one large call.
pub struct Memory {
    /// The database.
    pub database: &'static str,
    /// How many contacts the call had.
    pub contacts: u64,
    /// Resident memory before.
    pub idle_bytes: u64,
    /// The most that was resident.
    pub peak_bytes: u64,
}

fn verdict(line: &Line) -> String {
    match (line.goal, line.times.ratio()) {
        (Some(goal), Some(ratio)) if ratio >= goal => format!("{goal:.2}: met"),
        (Some(goal), Some(_)) => format!("{goal:.2}: **missed**"),
        _ => String::new(),
    }
}

fn shown(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(String::new, |value| format!("{value:.digits$}"))
}

fn percentile(values: &[f64], part: f64) -> Option<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    values.get((last as f64 * part).round() as usize).copied()
}

fn mebibytes(bytes: f64) -> f64 {
    bytes / 1024.0 / 1024.0
}
