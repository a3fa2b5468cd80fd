//! The database's line is cut at random, again and again, while several callers send updates. After each cut every update is
//! looked up: what was answered OK is there in full, with its record; the rest is absent in full or there in full, and
//! repeated with its `request_id` it is there once.

use std::{fmt, time::Duration};

use contact_lists::proto::UpdateContactListContactsResponse as Outcome;
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};
use tonic::Status;

use crate::{
    attempts::{Account, Attempt, Sender, Stored, senders},
    common::{repetitions, until_serving_calls, within},
    random::Random,
    sessions::assert_nothing_left,
    support::*,
};

/// How many cuts there are.
const CUTS: (&str, u32) = ("CONTACT_LISTS_CUTS", 24);

const CALLERS: u32 = 4;
const MAX_CONNECTIONS: i64 = 8;

/// The most updates that a caller sends in one round.
const ROUND_CALLS: u32 = 4;

/// How long callers go on before the line is cut at the latest.
const ROUND: Duration = Duration::from_millis(500);

/// Sends updates until one fails. The caller's attempts, each with its answer.
async fn send_until_cut(
    mut sender: Sender,
    kinds: Vec<u64>,
) -> (Sender, Vec<(Attempt, Result<Outcome, Status>)>) {
    let mut sent = Vec::new();
    for n in kinds {
        let attempt = sender.next(n);
        let answer = attempt.send(&sender.client).await;
        let failed = answer.is_err();
        sent.push((attempt, answer));
        if failed {
            break;
        }
    }
    (sender, sent)
}

/// What all rounds together came to.
#[derive(Default)]
struct Figures {
    cuts: u32,
    calls: u32,
    acknowledged: u32,
    found_applied: u32,
    found_absent: u32,
    repeated: u32,
}

impl fmt::Display for Figures {
    /// Whatever is lost, doubled or left over has failed the test before.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} cuts, {} calls: {} acknowledged, {} found applied, {} found absent; {} repeated; lost 0, doubled 0, leaked 0",
            self.cuts,
            self.calls,
            self.acknowledged,
            self.found_applied,
            self.found_absent,
            self.repeated
        )
    }
}

/// Breaks the line in one of six ways, at a random place.
async fn break_line(relay: &Relay, round: u32, random: &mut Random) {
    let bytes = Bait::Bytes(random.below(160_000) as usize);
    let commit = Bait::Text(b"COMMIT");
    match round % 6 {
        0 => sleep(Duration::from_millis(random.below(100))).await,
        1 => relay.set_trap(Way::Requests, bytes, Fault::Cut),
        2 => relay.set_trap(
            Way::Answers,
            Bait::Bytes(random.below(40_000) as usize),
            Fault::Cut,
        ),
        // Which of several commits it is.
        3 => {
            sleep(Duration::from_millis(random.below(60))).await;
            relay.set_trap(Way::Requests, commit, Fault::Cut);
        }
        4 => {
            sleep(Duration::from_millis(random.below(60))).await;
            relay.set_trap(Way::Answers, commit, Fault::Cut);
        }
        _ => {
            relay.slow_down(Duration::from_millis(random.below(3)));
            sleep(Duration::from_millis(random.below(60))).await;
            let way = [Way::Requests, Way::Answers][random.below(2) as usize];
            relay.halve(way);
            sleep(Duration::from_millis(random.below(60))).await;
        }
    }
    if matches!(round % 6, 1..=4) {
        let _ = timeout(ROUND, relay.until_sprung()).await;
    }
    relay.cut();
}

struct Cuts {
    service: Service,
    relay: Relay,
    random: Random,
    senders: Vec<Sender>,
    account: Account,
    figures: Figures,
}

impl Cuts {
    async fn round(&mut self, round: u32) {
        let mut running = JoinSet::new();
        for sender in self.senders.drain(..) {
            let count = 1 + self.random.below(ROUND_CALLS.into());
            let kinds = (0..count).map(|_| self.random.below(3)).collect();
            running.spawn(send_until_cut(sender, kinds));
        }
        break_line(&self.relay, round, &mut self.random).await;
        let sent = within(60, "every call ends", running.join_all()).await;
        self.figures.cuts += 1;
        // What the database still does for those who are cut off is done before anything is looked up.
        assert_nothing_left(self.service.database(), 0).await;
        self.relay.mend();
        until_serving_calls(&self.service.admin()).await;
        for (sender, sent) in sent {
            let attempts: Vec<Attempt> = sent.iter().map(|(attempt, _)| attempt.clone()).collect();
            for (n, (attempt, answer)) in sent.into_iter().enumerate() {
                let later = &attempts[n + 1..];
                self.settle(&sender.client, attempt, answer, later).await;
            }
            self.senders.push(sender);
        }
        assert_nothing_left(self.service.database(), MAX_CONNECTIONS).await;
        self.account.assert_true(self.service.database()).await;
    }

    /// Finds out what became of an update, and repeats it if its caller does not know.
    async fn settle(
        &mut self,
        caller: &Client,
        attempt: Attempt,
        answer: Result<Outcome, Status>,
        later: &[Attempt],
    ) {
        self.figures.calls += 1;
        self.account.enter(&attempt);
        let stored = Stored::of(self.service.repository(), &attempt).await;
        let is_applied = stored == Stored::applied(attempt.kind)
            || later.iter().any(|later| later.undoes(&attempt))
                && stored == Stored::undone(attempt.kind);
        match answer {
            Ok(outcome) => {
                self.figures.acknowledged += 1;
                assert!(is_applied, "lost: {attempt:?} was answered OK: {stored:?}");
                attempt.assert_counts(&outcome);
                return;
            }
            refused => assert_refused(refused, Code::Unavailable, "DATABASE_UNAVAILABLE"),
        };
        let is_absent = stored == Stored::absent(attempt.kind);
        assert!(is_applied || is_absent, "by half: {attempt:?}: {stored:?}");
        self.figures.found_applied += u32::from(is_applied);
        self.figures.found_absent += u32::from(is_absent);
        let repeated = attempt.send(caller).await.expect("a repetition");
        self.figures.repeated += 1;
        assert_eq!(repeated.replayed, is_applied, "{attempt:?}");
        attempt.assert_counts(&repeated);
        let stored = Stored::of(self.service.repository(), &attempt).await;
        assert_eq!(stored, Stored::applied(attempt.kind), "{attempt:?}");
    }
}

on_both! {
    async fn nothing_is_lost_or_doubled_by_cuts_of_the_database_s_line(database: Database) {
        let Some(relay) = Relay::start(&database).await else { return };
        let (random, seed) = Random::new();
        let max_connections = MAX_CONNECTIONS.to_string();
        let args = ["--max-connections", max_connections.as_str()];
        let service = Service::start_behind(database, &relay, &args).await;
        let count = repetitions(CUTS.0, CUTS.1);
        let senders = senders(&service, CALLERS).await;
        let (account, figures) = Default::default();
        let mut cuts = Cuts { service, relay, random, senders, account, figures };
        for round in 0..count {
            cuts.round(round).await;
            if (round + 1) % 100 == 0 {
                notice(&format!("cuts of the line, seed {seed}: {}", cuts.figures));
            }
        }
        notice(&format!("cuts of the line, seed {seed}: {}", cuts.figures));
        let Figures { acknowledged, found_applied, found_absent, .. } = cuts.figures;
        // A run that cut nothing off, or everything, has shown nothing.
        assert!(acknowledged >= count / 4 && found_absent >= count / 2 && found_applied > count / 50, "{}", cuts.figures);
    }
}
