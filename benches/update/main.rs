//! How fast the main call is, compared with the **floor**: the best plain SQL that leaves the same rows. Measured on a new
//! SQLite file and a throw-away PostgreSQL, both with full durability; the service is the real server, called over TCP.
//!
//! `cargo bench` runs the whole table; `cargo bench -- --short` takes under three minutes. The table and a plot are written
//! to `target/bench/`.

mod callers;
mod check;
mod data;
mod database;
mod floor;
mod floor_journal;
mod floor_postgres;
mod floor_sqlite;
mod growth;
mod import;
mod large;
mod measure;
mod plot;
mod postgres;
mod profile;
mod report;
mod row_by_row;
mod rusqlite_floor;
mod scenarios;
mod service;
mod start;

use std::{fs, path::Path};

use clap::{Parser, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use mimalloc::MiMalloc;

use crate::{database::Database, report::Report, scenarios::Scenarios};

/// The program's allocator.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

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
    /// How many contacts are stored before
    #[arg(long)]
    base: Option<u64>,
    /// How many contacts a call has
    #[arg(long, default_value_t = 4000)]
    contacts: u64,
    /// How many contacts the largest calls have; --short leaves them out
    #[arg(long, value_delimiter = ',', default_values_t = [100_000, 1_000_000])]
    large_contacts: Vec<u64>,
    /// Leave out the base of a million contacts, as --short does
    #[arg(long)]
    no_growth: bool,
    /// Measure nothing but `contact-lists import` with files of this many contacts, against the benchmark's caller
    #[arg(long, value_name = "CONTACTS")]
    import: Option<u64>,
    /// Only this database
    #[arg(long, value_enum)]
    database: Option<Engine>,
    /// Print where PostgreSQL's time goes, statement by statement, and the service's own log
    #[arg(long)]
    profile: bool,
    /// Passed by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

/// A database engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    /// Creates a database. None where PostgreSQL is not installed.
    async fn create(
        self,
        folder: &Path,
        flags: &Flags,
        base: u64,
    ) -> anyhow::Result<Option<Database>> {
        match self {
            Self::Sqlite => Database::sqlite(folder, flags, base).await.map(Some),
            Self::Postgres => Database::postgres(flags, base).await,
        }
    }
}

impl Flags {
    /// How many contacts are stored before.
    fn base(&self) -> u64 {
        self.base
            .unwrap_or(if self.short { 20_000 } else { 100_000 })
    }

    /// How many pairs are measured.
    fn pairs(&self) -> usize {
        self.pairs.unwrap_or(if self.short { 3 } else { 9 })
    }

    /// How many pairs of calls of this size are measured.
    fn pairs_of(&self, size: u64) -> usize {
        match size {
            1 if self.short => 50,
            1 => 300,
            scenarios::LARGE.. => 3,
            _ => self.pairs(),
        }
    }

    /// How often row by row runs: rarely, since it is slow and its exact figure does not matter.
    fn row_by_row_runs(&self) -> usize {
        if self.short { 1 } else { 3 }
    }

    /// How many contacts a call may have.
    fn largest_call(&self) -> u64 {
        let large = self.large_contacts.iter().copied().max().unwrap_or(0);
        large.max(self.contacts).max(self.import.unwrap_or(0))
    }

    fn steps(&self) -> u64 {
        let adds = if self.no_growth { 1 } else { 3 };
        (3 * adds + 2) * (self.pairs() as u64 + 1) + 4 + self.large_contacts.len() as u64
    }

    fn wants(&self, engine: Engine) -> bool {
        self.database.is_none_or(|only| only == engine)
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut flags = Flags::parse();
    if flags.short {
        flags.large_contacts.clear();
        flags.no_growth = true;
    }
    if flags.profile {
        let filter = tracing_subscriber::EnvFilter::new("contact_lists=info");
        tracing_subscriber::fmt().with_env_filter(filter).init();
    }
    let temporary = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let folder = temporary.with_file_name("bench");
    fs::create_dir_all(temporary)?;
    fs::create_dir_all(&folder)?;
    if let Some(contacts) = flags.import {
        println!("{}", import::measure(temporary, &flags, contacts).await?);
        return Ok(());
    }
    let progress = progress(&flags)?;

    progress.set_message("starting the binary");
    let mut report = Report::new(start::measure(temporary).await?, flags.base());
    for engine in [Engine::Sqlite, Engine::Postgres] {
        if !flags.wants(engine) {
            continue;
        }
        let Some(database) = engine.create(temporary, &flags, flags.base()).await? else {
            progress.println("PostgreSQL is not installed: left out");
            continue;
        };
        let mut scenarios = Scenarios::begin(database, &flags, &progress).await?;
        report.lines.extend(scenarios.measure().await?);
        report.callers.extend(scenarios.callers().await?);
        write(&report, &folder)?;
        report.lines.extend(scenarios.large_calls().await?);
        drop(scenarios);
        write(&report, &folder)?;
        for size in &flags.large_contacts {
            if let Some(mut empty) = engine.create(temporary, &flags, 0).await? {
                progress.set_message(format!("{}: memory in a call of {size}", empty.name));
                let memory = large::memory(&mut empty, temporary, *size).await?;
                report.memory.push(memory);
            }
        }
        if flags.no_growth {
            continue;
        }
        let empty = engine.create(temporary, &flags, 0).await?;
        let large = engine.create(temporary, &flags, growth::LARGE_BASE).await?;
        if let (Some(empty), Some(large)) = (empty, large) {
            let growth = growth::measure(empty, large, &flags, &progress).await?;
            report.growth.extend(growth);
        }
    }
    progress.finish_and_clear();
    write(&report, &folder)?;
    println!("{}\nWritten to {}", report.markdown(), folder.display());
    Ok(())
}

/// A bar of as many steps as there are runs.
fn progress(flags: &Flags) -> anyhow::Result<ProgressBar> {
    let style = ProgressStyle::with_template("{elapsed_precise} {wide_bar} {pos}/{len} {msg}")?;
    Ok(ProgressBar::new(2 * flags.steps()).with_style(style))
}

/// Writes what was measured so far, so that an interrupted run keeps it.
fn write(report: &Report, folder: &Path) -> anyhow::Result<()> {
    fs::write(folder.join("table.md"), report.markdown())?;
    fs::write(folder.join("plot.svg"), plot::svg(&report.lines))?;
    Ok(())
}
