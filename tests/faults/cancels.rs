//! Calls are cancelled at random, many times and at every stage. Each update is stored completely or not at all, and exactly
//! once when it is repeated; what it held (a permit, its turn at the list, spool space, a connection) is released.

use std::{fmt, time::Duration};

use test_support::*;
use tokio::{
    task::JoinSet,
    time::{Instant, timeout},
};

use crate::{
    attempts::{Attempt, CONTACTS, Sender, senders},
    helpers::{new_id, numbered_contacts, read, within},
    ledger::{Ledger, Stored},
    sessions::{Outsider, assert_all_usable},
};

/// How many calls the short form cancels on each database.
const CANCEL_COUNT: u32 = 80;

const CALLERS: u32 = 4;
const MAX_CALLS: usize = 32;
const MAX_CONNECTIONS: i64 = 6;

/// The stage of a call at which its caller cancels it.
#[derive(Clone, Copy, Debug)]
enum Stage {
    /// Before the header.
    Opened,
    /// After the header.
    Headed,
    /// After some contacts.
    MidStream,
    /// This long after all was sent: while the update waits for its turn, is applied, or commits.
    Sent(Duration),
}

impl Stage {
    /// A random stage. A caller that has sent everything mostly cancels before such calls usually end, and sometimes a
    /// little later.
    fn random(random: &mut Random, usual: Duration) -> Self {
        match random.below(8) {
            0 => Self::Opened,
            1 => Self::Headed,
            2 => Self::MidStream,
            _ => Self::Sent(usual.mul_f64(random.below(1300) as f64 / 1000.0)),
        }
    }
}

/// Sends an update as far as a stage, and cancels it. Returns whether it was answered before.
async fn send_until(stage: Stage, attempt: &Attempt, caller: &Client) -> bool {
    match stage {
        Stage::Opened => drop(caller.open_silent()),
        Stage::Headed => drop(caller.open(header(&attempt.list).add()).await),
        Stage::MidStream => {
            let stream = caller.open(header(&attempt.list).add()).await;
            stream
                .send_contacts(numbered_contacts(attempt.first, CONTACTS))
                .await;
        }
        Stage::Sent(after) => {
            if let Ok(answer) = timeout(after, attempt.send(caller)).await {
                let outcome = answer.expect("only its caller makes it fail");
                attempt.assert_counts(&outcome);
                return true;
            }
        }
    }
    false
}

/// What became of an update.
enum Fate {
    Acknowledged,
    FoundApplied,
    FoundAbsent,
}

/// Sends an update and cancels it; then sends it again, as a caller does that got no answer.
async fn cancel_one(
    service: &Service,
    sender: &mut Sender,
    choice: usize,
    stage: Stage,
) -> (Attempt, Fate) {
    let attempt = sender.next(choice);
    if send_until(stage, &attempt, &sender.client).await {
        return (attempt, Fate::Acknowledged);
    }
    // The repetition waits for the cancelled call, if that still runs.
    let repeated = within(60, "its turn comes", attempt.send(&sender.client)).await;
    let repeated = repeated.expect("a repetition");
    attempt.assert_counts(&repeated);
    let stored = Stored::of(service.repository(), &attempt).await;
    assert_eq!(
        stored,
        Stored::applied(attempt.kind),
        "{stage:?}: {attempt:?}"
    );
    let fate = if repeated.replayed {
        Fate::FoundApplied
    } else {
        Fate::FoundAbsent
    };
    (attempt, fate)
}

#[derive(Default)]
struct Statistics {
    cancels: u32,
    calls: u32,
    acknowledged: u32,
    found_applied: u32,
    found_absent: u32,
}

impl fmt::Display for Statistics {
    /// An update that is lost or done twice, or anything left over, fails the test.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} cancels, {} calls: {} acknowledged, {} found applied, {} found absent; {} repeated; lost 0, done twice 0, leaked 0",
            self.cancels,
            self.calls,
            self.acknowledged,
            self.found_applied,
            self.found_absent,
            self.found_applied + self.found_absent
        )
    }
}

impl Statistics {
    fn count(&mut self, fate: Fate) {
        self.calls += 1;
        match fate {
            Fate::Acknowledged => self.acknowledged += 1,
            Fate::FoundApplied => self.found_applied += 1,
            Fate::FoundAbsent => self.found_absent += 1,
        }
        self.cancels = self.found_applied + self.found_absent;
    }
}

/// Several callers send and cancel concurrently, until there were this many cancels.
async fn cancel_many(
    service: &Service,
    random: &mut Random,
    count: u32,
    label: &str,
) -> (Ledger, Statistics) {
    let mut senders = senders(service, CALLERS).await;
    let mut ledger = Ledger::default();
    let mut statistics = Statistics::default();
    let usual = usual_time(&mut senders[0], &mut ledger).await;
    while statistics.cancels < count {
        let rounds = senders.iter_mut().map(|sender| {
            let choice = random.below(3);
            let stage = Stage::random(random, usual);
            cancel_one(service, sender, choice, stage)
        });
        for (attempt, fate) in futures_util::future::join_all(rounds.collect::<Vec<_>>()).await {
            ledger.enter(&attempt);
            let cancels = statistics.cancels;
            statistics.count(fate);
            if statistics.cancels > cancels && statistics.cancels.is_multiple_of(250) {
                notice(&format!("{label}: {statistics}"));
            }
        }
    }
    notice(&format!("{label}: {statistics}"));
    (ledger, statistics)
}

/// Measures how long an update takes on this machine while so many callers send updates.
async fn usual_time(sender: &mut Sender, ledger: &mut Ledger) -> Duration {
    let start = Instant::now();
    for _ in 0..4 {
        let attempt = sender.next(2);
        attempt.send(&sender.client).await.expect("an update");
        ledger.enter(&attempt);
    }
    start.elapsed()
}

/// Whether an update of this many contacts finds the spool space that it needs. It changes nothing.
async fn fits(caller: &Client, list: &str, count: u32) -> bool {
    match caller
        .update(
            header(list).add().validate_only(),
            numbered_contacts(80_000_000, count),
        )
        .await
    {
        Ok(_) => true,
        refused => {
            assert_refused(refused, Code::ResourceExhausted, "SPOOL_FULL");
            false
        }
    }
}

/// The most contacts for which the server has spool space.
async fn most_that_fits(caller: &Client, list: &str) -> u32 {
    let (mut fit, mut too_many) = (1, 4001);
    while too_many - fit > 1 {
        let middle = (fit + too_many) / 2;
        if fits(caller, list, middle).await {
            fit = middle;
        } else {
            too_many = middle;
        }
    }
    assert!(fit < 4000, "spool space is limited");
    fit
}

/// Waits until as many streams can be open as are allowed, and ends them.
async fn assert_all_calls_admitted(service: &Service, list: &str) {
    until("all streams are admitted", async || {
        let streams: JoinSet<_> = (0..MAX_CALLS)
            .map(|_| {
                let (caller, header) = (service.admin(), header(list).add().validate_only());
                async move { caller.open(header).await }
            })
            .collect();
        let streams = streams.join_all().await;
        // Unless one of them was refused, as an earlier call was still running.
        until("no further call is admitted", async || {
            read(&service.admin()).await.is_err() || streams.iter().any(OpenStream::has_ended)
        })
        .await;
        let mut are_all_open = true;
        for stream in streams {
            stream.send_contacts(numbered_contacts(80_000_000, 1)).await;
            are_all_open &= stream.finish().await.is_ok();
        }
        are_all_open
    })
    .await;
}

/// Checks that no transaction is open: on SQLite, that another writer can write, and that the whole log can be
/// checkpointed.
async fn assert_no_transaction_open(database: &Database) {
    if database.is_postgres() {
        let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
            AND pid <> pg_backend_pid() AND xact_start IS NOT NULL AND backend_type = 'client backend'";
        until("no transaction is open", async || {
            database.rows(open).await == 0
        })
        .await;
    } else {
        Outsider::lock_lists(database).await.release().await;
        until("no reader holds the log back", async || {
            database.rows("PRAGMA wal_checkpoint(TRUNCATE)").await == 0
        })
        .await;
    }
}

on_both! {
    async fn calls_cancelled_at_every_stage_leave_all_or_nothing_and_hold_nothing(database: Database) {
        let seed = Seed::from_env();
        let mut random = seed.random(0);
        let (max_calls, max_connections) = (MAX_CALLS.to_string(), MAX_CONNECTIONS.to_string());
        let args = [
            "--max-calls", &max_calls, "--max-calls-per-key", &max_calls, "--max-connections", &max_connections,
            "--max-spool-bytes", "600000",
        ];
        let service = Service::start_with(database.clone(), &args).await;
        let admin = service.admin();
        let spare = admin.create_list("Spare").await;
        let most = most_that_fits(&admin, &spare).await;
        let kind = if database.is_postgres() { "PostgreSQL" } else { "SQLite" };
        let label = format!("cancels on {kind}");
        let count = setting("CONTACT_LISTS_CANCELS", CANCEL_COUNT);
        let (ledger, statistics) = cancel_many(&service, &mut random, count, &label).await;
        ledger.assert_matches(&database).await;
        // A run in which all cancels came too early, or too late, has shown nothing.
        assert!(statistics.acknowledged + statistics.found_applied >= count / 20 && statistics.found_absent >= count / 4, "{statistics}");
        until("all spool space is free", async || fits(&admin, &spare, most).await).await;
        assert!(!fits(&admin, &spare, most + 1).await, "no more space than before");
        assert_no_transaction_open(&database).await;
        assert_all_calls_admitted(&service, &spare).await;
        assert_all_usable(&service, &spare, MAX_CONNECTIONS).await;
        let outcome = admin.update(header(&spare).add().request_id(&new_id()), numbered_contacts(80_000_000, 60)).await;
        assert_eq!(outcome.unwrap().created_count, 60);
    }
}
