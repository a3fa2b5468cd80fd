//! `kill -9`, at any moment: of the server, and of PostgreSQL. Callers make all kinds of calls until the kill. Then everything
//! starts again, and what is stored must be what the reference model has after the calls that were answered, and after each
//! of the others once or not at all. Calls that can be repeated are, and act once.
//!
//! `CONTACT_LISTS_KILLS` is the number of kills of the server on each database; PostgreSQL is killed a fifth as often.

mod callers;
mod harness;
mod kill_point;
mod logs;
mod program;
mod recovery;
mod spool;
mod statistics;
mod undo;
mod workload;

use harness::{Harness, Victim};
use test_support::*;

/// How many kills of the server the short form has on each database.
const KILL_COUNT: u64 = 15;

/// How many kills of the server there are for one of PostgreSQL.
const KILLS_PER_POSTGRES_KILL: u64 = 5;

/// After how many kills the test reports its progress.
const REPORT: u64 = 50;

/// Where the processes of PostgreSQL and the open files of a server are found.
const PROC: &str = "/proc/self/fd";

on_both! {
    async fn a_killed_server_loses_nothing_and_does_nothing_twice(database: Database) {
        let kill_count = setting("CONTACT_LISTS_KILLS", KILL_COUNT);
        kill_again_and_again(database, kill_count, Victim::Server).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_postgresql_loses_nothing_and_does_nothing_twice() {
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
    let seed = Seed::from_env();
    let mut harness = Harness::start(database, victim).await;
    for n in 0..kill_count {
        let round = harness.round(seed.random(n)).await;
        if let Err(error) = round {
            panic!("kill {n}: {error}");
        }
        if (n + 1) % REPORT == 0 || n + 1 == kill_count {
            harness.check_through_calls().await;
            notice(&harness.statistics.line(victim, harness.is_postgres()));
        }
    }
    harness
        .statistics
        .assert_covered(victim, kill_count >= REPORT);
}
