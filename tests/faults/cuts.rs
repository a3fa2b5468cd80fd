//! The connection to the database is cut at random, many times, while several callers send updates. After each cut every
//! update is looked up: those that were answered OK are stored in full, with their records; each of the others is stored in
//! full or not at all, and once when it is repeated with its `request_id`.

use std::{fmt, time::Duration};

use contact_lists::proto::UpdateContactListContactsResponse as Outcome;
use test_support::*;
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};
use tonic::Status;

use crate::{
    attempts::{Attempt, Sender, senders},
    helpers::within,
    ledger::{Ledger, Stored},
    sessions::assert_nothing_left,
};

/// How many cuts the short form has.
const CUT_COUNT: u32 = 24;

const CALLERS: u32 = 4;
const MAX_CONNECTIONS: i64 = 8;

/// The most updates that a caller sends in one round.
const ROUND_CALLS: usize = 4;

/// How long callers go on before the line is cut at the latest.
const ROUND: Duration = Duration::from_millis(500);

/// Sends updates until one fails. Returns the attempts, each with its answer.
async fn send_until_cut(
    mut sender: Sender,
    choices: Vec<usize>,
) -> (Sender, Vec<(Attempt, Result<Outcome, Status>)>) {
    let mut sent = Vec::new();
    for choice in choices {
        let attempt = sender.next(choice);
        let answer = attempt.send(&sender.client).await;
        let failed = answer.is_err();
        sent.push((attempt, answer));
        if failed {
            break;
        }
    }
    (sender, sent)
}

/// Counts of what happened in all rounds.
#[derive(Default)]
struct Statistics {
    cuts: u32,
    calls: u32,
    acknowledged: u32,
    found_applied: u32,
    found_absent: u32,
    repeated: u32,
}

impl fmt::Display for Statistics {
    /// An update that is lost or done twice, or anything left over, has failed the test before.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} cuts, {} calls: {} acknowledged, {} found applied, {} found absent; {} repeated; lost 0, done twice 0, leaked 0",
            self.cuts,
            self.calls,
            self.acknowledged,
            self.found_applied,
            self.found_absent,
            self.repeated
        )
    }
}

/// Breaks the line in one of six ways, at a random moment.
async fn break_line(relay: &Relay, round: u32, random: &mut Random) {
    let bytes = Trigger::Bytes(random.below(160_000));
    let commit = Trigger::Text(b"COMMIT");
    match round % 6 {
        0 => sleep(random_millis(random, 100)).await,
        1 => relay.break_on(Way::Requests, bytes, Fault::Cut),
        2 => relay.break_on(
            Way::Answers,
            Trigger::Bytes(random.below(40_000)),
            Fault::Cut,
        ),
        // Which of several commits it is.
        3 => {
            sleep(random_millis(random, 60)).await;
            relay.break_on(Way::Requests, commit, Fault::Cut);
        }
        4 => {
            sleep(random_millis(random, 60)).await;
            relay.break_on(Way::Answers, commit, Fault::Cut);
        }
        _ => {
            relay.slow_down(random_millis(random, 3));
            sleep(random_millis(random, 60)).await;
            let way = [Way::Requests, Way::Answers][random.below(2)];
            relay.halve(way);
            sleep(random_millis(random, 60)).await;
        }
    }
    if matches!(round % 6, 1..=4) {
        let _ = timeout(ROUND, relay.until_broken()).await;
    }
    relay.cut();
}

fn random_millis(random: &mut Random, limit: usize) -> Duration {
    Duration::from_millis(random.below(limit) as u64)
}

/// The state of a run.
struct Cuts {
    service: Service,
    relay: Relay,
    random: Random,
    senders: Vec<Sender>,
    ledger: Ledger,
    statistics: Statistics,
}

impl Cuts {
    async fn round(&mut self, round: u32) {
        let mut running = JoinSet::new();
        for sender in self.senders.drain(..) {
            let count = 1 + self.random.below(ROUND_CALLS);
            let choices = (0..count).map(|_| self.random.below(3)).collect();
            running.spawn(send_until_cut(sender, choices));
        }
        break_line(&self.relay, round, &mut self.random).await;
        let sent = within(60, "every call ends", running.join_all()).await;
        self.statistics.cuts += 1;
        // The database finishes what it still does for lost connections before anything is looked up.
        assert_nothing_left(self.service.database(), 0).await;
        self.relay.mend();
        self.service.admin().until_answered().await;
        for (sender, sent) in sent {
            let attempts: Vec<Attempt> = sent.iter().map(|(attempt, _)| attempt.clone()).collect();
            for (n, (attempt, answer)) in sent.into_iter().enumerate() {
                let later = &attempts[n + 1..];
                self.check_attempt(&sender.client, attempt, answer, later)
                    .await;
            }
            self.senders.push(sender);
        }
        assert_nothing_left(self.service.database(), MAX_CONNECTIONS).await;
        self.ledger.assert_matches(self.service.database()).await;
    }

    /// Checks what became of an update, and repeats it if its caller does not know.
    async fn check_attempt(
        &mut self,
        caller: &Client,
        attempt: Attempt,
        answer: Result<Outcome, Status>,
        later: &[Attempt],
    ) {
        self.statistics.calls += 1;
        self.ledger.enter(&attempt);
        let stored = Stored::of(self.service.repository(), &attempt).await;
        let is_applied = stored == Stored::applied(attempt.kind)
            || later.iter().any(|later| later.undoes(&attempt))
                && stored == Stored::undone(attempt.kind);
        match answer {
            Ok(outcome) => {
                self.statistics.acknowledged += 1;
                assert!(is_applied, "lost: {attempt:?} was answered OK: {stored:?}");
                attempt.assert_counts(&outcome);
                return;
            }
            refused => assert_refused(refused, Code::Unavailable, "DATABASE_UNAVAILABLE"),
        };
        let is_absent = stored == Stored::absent(attempt.kind);
        assert!(
            is_applied || is_absent,
            "stored by half: {attempt:?}: {stored:?}"
        );
        self.statistics.found_applied += u32::from(is_applied);
        self.statistics.found_absent += u32::from(is_absent);
        let repeated = attempt.send(caller).await.expect("a repetition");
        self.statistics.repeated += 1;
        assert_eq!(repeated.replayed, is_applied, "{attempt:?}");
        attempt.assert_counts(&repeated);
        let stored = Stored::of(self.service.repository(), &attempt).await;
        assert_eq!(stored, Stored::applied(attempt.kind), "{attempt:?}");
    }
}

on_both! {
    async fn cuts_of_the_line_to_the_database_lose_nothing_and_do_nothing_twice(database: Database) {
        let Some(relay) = Relay::start(&database).await else { return };
        let seed = Seed::from_env();
        let random = seed.random(0);
        let max_connections = MAX_CONNECTIONS.to_string();
        let args = ["--max-connections", max_connections.as_str()];
        let service = Service::start_behind(database, &relay, &args).await;
        let count = setting("CONTACT_LISTS_CUTS", CUT_COUNT);
        let senders = senders(&service, CALLERS).await;
        let (ledger, statistics) = Default::default();
        let mut cuts = Cuts { service, relay, random, senders, ledger, statistics };
        for round in 0..count {
            cuts.round(round).await;
            if (round + 1) % 100 == 0 {
                notice(&format!("cuts of the line: {}", cuts.statistics));
            }
        }
        notice(&format!("cuts of the line: {}", cuts.statistics));
        let Statistics { acknowledged, found_applied, found_absent, .. } = cuts.statistics;
        // A run in which no update was cut off, or every one, has shown nothing.
        assert!(acknowledged >= count / 4 && found_absent >= count / 2 && found_applied > count / 50, "{}", cuts.statistics);
    }
}
