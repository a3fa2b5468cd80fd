//! How fast the main call is, held against the **floor**: the best plain SQL that leaves the same rows. Measured on a fresh
//! SQLite file and a throw-away PostgreSQL, both with full durability; the service is the real server, asked over TCP.
//!
//! `cargo bench` runs the whole table; `cargo bench -- --short` takes under three minutes. The table and a plot are written
//! to `target/bench/`.

mod check;
mod data;
mod floor;
mod floor_postgres;
mod floor_sqlite;
mod ground;
mod large;
mod measure;
mod plot;
mod postgres;
mod profile;
mod report;
mod row_by_row;
mod service;
mod start;
mod works;

use std::{fs, path::Path};

use anyhow::Context;
use clap::{Parser, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};

use crate::{ground::Ground, works::Works};

/// What is measured, and how often.
#[derive(Debug, Parser)]
#[command(
    name = "update",
    about = "Measures UpdateContactListContacts against its floor"
)]
pub struct Flags {
    /// Finish within three minutes: fewer pairs, a smaller base
    #[arg(long)]
    short: bool,
    /// How many pairs of a service's and a floor's run
    #[arg(long)]
    pairs: Option<usize>,
    /// How many contacts there are before
    #[arg(long)]
    base: Option<u64>,
    /// How many contacts a call has
    #[arg(long, default_value_t = 4000)]
    contacts: u64,
    /// How many contacts the largest call has; 0 leaves it out, as --short does
    #[arg(long, default_value_t = 100_000)]
    max_contacts: u64,
    /// Only this database
    #[arg(long, value_enum)]
    database: Option<Database>,
    /// Print where PostgreSQL's time goes, statement by statement
    #[arg(long)]
    profile: bool,
    /// What `cargo bench` says
    #[arg(long, hide = true)]
    bench: bool,
}

/// A database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Database {
    Sqlite,
    Postgres,
}

impl Flags {
    /// How many contacts there are before.
    fn base(&self) -> u64 {
        self.base
            .unwrap_or(if self.short { 20_000 } else { 100_000 })
    }

    /// How many pairs are measured.
    fn pairs(&self) -> usize {
        self.pairs.unwrap_or(if self.short { 3 } else { 9 })
    }

    /// How many pairs of calls with so many contacts.
    fn pairs_of(&self, size: u64) -> usize {
        match size {
            1 if self.short => 50,
            1 => 300,
            100_000.. => 3,
            _ => self.pairs(),
        }
    }

    /// How often row by row runs: it is slow, and nobody waits for its last digit.
    fn row_by_row_runs(&self) -> usize {
        if self.short { 1 } else { 3 }
    }

    /// The sizes of calls beside the usual one.
    fn sizes(&self) -> Vec<u64> {
        let mut sizes = vec![1, 10, 100, 1000];
        if self.max_contacts > 0 {
            sizes.push(self.max_contacts);
        }
        sizes
    }

    fn steps(&self) -> u64 {
        5 * (self.pairs() as u64 + 1) + self.sizes().len() as u64
    }

    fn wants(&self, database: Database) -> bool {
        self.database.is_none_or(|only| only == database)
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut flags = Flags::parse();
    if flags.short {
        flags.max_contacts = 0;
    }
    let temporary = Path::new(env!("CARGO_TARGET_TMPDIR"));
    fs::create_dir_all(temporary)?;
    let progress = ProgressBar::new(2 * flags.steps()).with_style(ProgressStyle::with_template(
        "{elapsed_precise} {wide_bar} {pos}/{len} {msg}",
    )?);

    progress.set_message("starting the binary");
    let start = start::measure(temporary).await?;
    let (mut lines, mut large) = (Vec::new(), Vec::new());
    let mut grounds = Vec::new();
    if flags.wants(Database::Sqlite) {
        grounds.push(Ground::sqlite(temporary, &flags).await?);
    }
    if flags.wants(Database::Postgres) {
        match Ground::postgres(&flags).await? {
            Some(ground) => grounds.push(ground),
            None => progress.println("PostgreSQL is not installed: left out"),
        }
    }
    for mut ground in grounds {
        if flags.max_contacts > 0 {
            large.push(large::memory(&mut ground, temporary, &flags).await?);
        }
        let works = Works::begin(ground, &flags, &progress).await?;
        lines.extend(works.measure().await?);
    }
    progress.finish_and_clear();

    let folder = temporary
        .parent()
        .context("no target folder")?
        .join("bench");
    fs::create_dir_all(&folder)?;
    let table = report::markdown(&lines, &large, &start, flags.base());
    fs::write(folder.join("table.md"), &table)?;
    fs::write(folder.join("plot.svg"), plot::svg(&lines))?;
    println!("{table}\nWritten to {}", folder.display());
    Ok(())
}
