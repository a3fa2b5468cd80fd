//! `kill -9`, at any moment: of the server, and of PostgreSQL. Callers go on making all kinds of calls until the kill; then
//! everything starts again, and what is stored is what the model has after the calls that were answered, and after each of
//! the others once or not at all; and each that can be repeated is, and acts once.
//!
//! `CONTACT_LISTS_KILLS` is the number of kills of the server on each database; PostgreSQL is killed a fifth as often.

mod callers;
mod logs;
mod moment;
mod office;
mod program;
mod settle;
mod spool;
mod tally;
mod workload;

use office::{Office, Victim};

use crate::{
    random::{Seed, setting},
    support::*,
};

/// How many kills of the server there are where nobody asks for more.
const KILL_COUNT: u64 = 15;

/// How many kills of the server there are for one of PostgreSQL.
const KILLS_PER_POSTGRES_KILL: u64 = 5;

/// After how many kills the test says how far it is.
const REPORT: u64 = 50;

/// The processes of PostgreSQL, and the files that a server has open, are found here.
const PROC: &str = "/proc/self/fd";

on_both! {
    async fn a_killed_server_loses_nothing_and_doubles_nothing(database: Database) {
        let kill_count = setting("CONTACT_LISTS_KILLS", KILL_COUNT);
        kill_again_and_again(database, kill_count, Victim::Server).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_postgresql_loses_nothing_and_doubles_nothing() {
    if !std::path::Path::new(PROC).exists() {
        return notice("the kills of PostgreSQL are skipped: there is no /proc");
    }
    let kill_count = setting("CONTACT_LISTS_KILLS", KILL_COUNT);
    let kill_count = kill_count.div_ceil(KILLS_PER_POSTGRES_KILL).max(5);
    match Database::killable_postgres().await {
        Some(database) => kill_again_and_again(database, kill_count, Victim::Postgres).await,
        None => notice("the kills of PostgreSQL are skipped: it is not installed"),
    }
}

async fn kill_again_and_again(database: Database, kill_count: u64, victim: Victim) {
    let seed = Seed::take();
    let mut office = Office::open(database, victim).await;
    for n in 0..kill_count {
        let round = office.round(seed.random(n)).await;
        if let Err(failure) = round {
            panic!("kill {n}: {failure}");
        }
        if (n + 1) % REPORT == 0 || n + 1 == kill_count {
            office.check_through_calls().await;
            notice(&office.tally.line(victim, office.is_postgres()));
        }
    }
    office.tally.assert_not_blind(victim, kill_count >= REPORT);
}
