//! The tables.

use std::fmt::Write;

use crate::{
    callers::Callers,
    growth::{Growth, LARGE_BASE},
    measure::{Times, median},
    start::Start,
};

/// A line of the table: a scenario on a database.
pub struct Line {
    /// The database.
    pub database: &'static str,
    /// What was measured.
    pub scenario: &'static str,
    /// How many contacts a call has.
    pub contacts: u64,
    /// The goal: a fraction of the floor's speed.
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

/// Everything that was measured.
pub struct Report {
    start: Start,
    base: u64,
    /// Scenarios of one caller.
    pub lines: Vec<Line>,
    /// Memory in large calls.
    pub memory: Vec<Memory>,
    /// The same scenarios on an empty and on a large base.
    pub growth: Vec<Growth>,
    /// Several concurrent callers.
    pub callers: Vec<Callers>,
}

impl Report {
    /// A report of the start only.
    pub fn new(start: Start, base: u64) -> Self {
        Self {
            start,
            base,
            lines: Vec::new(),
            memory: Vec::new(),
            growth: Vec::new(),
            callers: Vec::new(),
        }
    }

    /// The tables in Markdown.
    pub fn markdown(&self) -> String {
        let mut tables = self.scenarios();
        self.add_large_calls(&mut tables);
        self.add_growth(&mut tables);
        self.add_callers(&mut tables);
        self.add_one_contact(&mut tables);
        let _ = writeln!(
            tables,
            "\nThe binary: {:.0} ms from its start to its first answer (a new SQLite file), {:.1} MiB of memory when \
            idle, {:.1} MiB on the disk.",
            self.start.seconds * 1000.0,
            mebibytes(self.start.idle_bytes),
            mebibytes(self.start.binary_bytes as f64),
        );
        tables
    }

    fn scenarios(&self) -> String {
        let mut table = format!(
            "One caller, a base of {} contacts, 3 channels. Contacts per second, medians of interleaved pairs; the ratio \
            is the median of the pairs' own.\n\n\
            | database | scenario | contacts a call | service | floor | service / floor | goal | rusqlite | row by row \
            | service / row by row | pairs |\n\
            | --- | --- | --: | --: | --: | --: | --: | --: | --: | --: | --: |\n",
            self.base
        );
        for line in &self.lines {
            let times = &line.times;
            let _ = writeln!(
                table,
                "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
                line.database,
                line.scenario,
                line.contacts,
                shown(line.rate(&times.service), 0),
                shown(line.rate(&times.floor), 0),
                shown(times.ratio(), 2),
                verdict(line),
                shown(line.rate(&times.rusqlite), 0),
                shown(line.rate(&times.row_by_row), 0),
                shown(times.times_row_by_row(), 1),
                times.service.len(),
            );
        }
        table
    }

    fn add_large_calls(&self, table: &mut String) {
        for memory in &self.memory {
            let _ = writeln!(
                table,
                "\nOne call with {} contacts, {}: the server's memory rises from {:.0} MiB to {:.0} MiB.",
                memory.contacts,
                memory.database,
                mebibytes(memory.idle_bytes as f64),
                mebibytes(memory.peak_bytes as f64),
            );
        }
    }

    fn add_growth(&self, table: &mut String) {
        if self.growth.is_empty() {
            return;
        }
        let _ = write!(
            table,
            "\nThe same calls of 4000 on an empty base and on one of {LARGE_BASE}: milliseconds, and how many times as long.\n\n\
            | database | scenario | service, empty | service, large | service grows | floor, empty | floor, large | floor grows |\n\
            | --- | --- | --: | --: | --: | --: | --: | --: |\n"
        );
        for growth in &self.growth {
            let ms = |times: &[f64]| shown(median(times).map(|time| time * 1000.0), 0);
            let (empty, large) = (&growth.empty.times, &growth.large.times);
            let _ = writeln!(
                table,
                "| {} | {} | {} | {} | {} | {} | {} | {} |",
                growth.empty.database,
                growth.empty.scenario,
                ms(&empty.service),
                ms(&large.service),
                shown(growth.service(), 2),
                ms(&empty.floor),
                ms(&large.floor),
                shown(growth.floor(), 2),
            );
        }
    }

    fn add_callers(&self, table: &mut String) {
        let Some(one) = self.callers.first().and_then(Callers::rate) else {
            return;
        };
        table.push_str(
            "\nCallers at once on PostgreSQL, each with a list of its own and calls of 1000 new contacts, of which each is \
            in two calls.\n\n\
            | callers | contacts per second, in sum | to one caller | p50 of a call | p99 of a call | failed calls |\n\
            | --: | --: | --: | --: | --: | --: |\n",
        );
        for callers in &self.callers {
            let ms = |part| {
                shown(
                    percentile(&callers.calls, part).map(|time| time * 1000.0),
                    0,
                )
            };
            let _ = writeln!(
                table,
                "| {} | {} | {} | {} ms | {} ms | {} |",
                callers.count,
                shown(callers.rate(), 0),
                shown(callers.rate().map(|rate| rate / one), 2),
                ms(0.5),
                ms(0.99),
                callers.failed,
            );
        }
    }

    fn add_one_contact(&self, table: &mut String) {
        for line in self.lines.iter().filter(|line| line.contacts == 1) {
            let ms =
                |times: &[f64], part| shown(percentile(times, part).map(|time| time * 1000.0), 2);
            let (service, floor) = (&line.times.service, &line.times.floor);
            let _ = writeln!(
                table,
                "\nA one-contact call, {}: p50 {} ms, p99 {} ms; the floor's p50 {} ms.",
                line.database,
                ms(service, 0.5),
                ms(service, 0.99),
                ms(floor, 0.5),
            );
        }
    }
}

/// The server's memory in one large call.
pub struct Memory {
    /// The database.
    pub database: &'static str,
    /// How many contacts the call had.
    pub contacts: u64,
    /// Resident memory before.
    pub idle_bytes: u64,
    /// The largest resident memory.
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
