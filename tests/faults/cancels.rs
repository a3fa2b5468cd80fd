//! Calls are cancelled at random, again and again, at every stage: of each update there is all or nothing, repeated it is
//! there once, and what it held - a place, a turn, space, a connection - is free again.

use std::{fmt, time::Duration};

use tokio::{
    task::JoinSet,
    time::{Instant, timeout},
};

use crate::{
    attempts::{Account, Attempt, CONTACTS, Sender, Stored, senders},
    common::{new_id, people, read, repetitions, within},
    random::Random,
    sessions::{Outsider, assert_all_usable},
    support::*,
};

/// How many calls are cancelled, per database.
const CANCELS: (&str, u32) = ("CONTACT_LISTS_CANCELS", 80);

const CALLERS: u32 = 4;
const MAX_CALLS: usize = 32;
const MAX_CONNECTIONS: i64 = 4;

/// At this stage of a call its caller leaves.
#[derive(Clone, Copy, Debug)]
enum Stage {
    /// Before the header.
    Opened,
    /// After the header.
    Headed,
    /// After some contacts.
    MidStream,
    /// So long after all was sent: while it waits for its turn, is applied, or commits.
    Sent(Duration),
}

impl Stage {
    /// A stage at random; one that has sent all leaves before such calls commonly end, or a bit later.
    fn random(random: &mut Random, usual: Duration) -> Self {
        match random.below(8) {
            0 => Self::Opened,
            1 => Self::Headed,
            2 => Self::MidStream,
            _ => Self::Sent(usual.mul_f64(random.below(1300) as f64 / 1000.0)),
        }
    }
}

/// Sends an update as far as a stage, and leaves. True: it was answered before.
async fn send_until(stage: Stage, attempt: &Attempt, caller: &Client) -> bool {
    match stage {
        Stage::Opened => drop(caller.open_silent()),
        Stage::Headed => drop(caller.open(header(&attempt.list).add()).await),
        Stage::MidStream => {
            let stream = caller.open(header(&attempt.list).add()).await;
            stream.send_contacts(people(attempt.first, CONTACTS)).await;
        }
        Stage::Sent(after) => {
            if let Ok(answer) = timeout(after, attempt.send(caller)).await {
                let outcome = answer.expect("nothing fails but by its caller");
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

/// Sends an update and leaves; then sends it again as somebody does who heard no answer.
async fn cancel_one(
    service: &Service,
    sender: &mut Sender,
    kind: u64,
    stage: Stage,
) -> (Attempt, Fate) {
    let attempt = sender.next(kind);
    if send_until(stage, &attempt, &sender.client).await {
        return (attempt, Fate::Acknowledged);
    }
    // A twin that is still at it is waited for.
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
struct Figures {
    cancels: u32,
    calls: u32,
    acknowledged: u32,
    found_applied: u32,
    found_absent: u32,
}

impl fmt::Display for Figures {
    /// Whatever is lost, doubled or left over fails the test.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} cancels, {} calls: {} acknowledged, {} found applied, {} found absent; {} repeated; lost 0, doubled 0, leaked 0",
            self.cancels,
            self.calls,
            self.acknowledged,
            self.found_applied,
            self.found_absent,
            self.found_applied + self.found_absent
        )
    }
}

impl Figures {
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

/// Several callers at once send and leave, until there were so many cancels.
async fn cancel_many(
    service: &Service,
    random: &mut Random,
    count: u32,
    say: &str,
) -> (Account, Figures) {
    let mut senders = senders(service, CALLERS).await;
    let mut account = Account::default();
    let mut figures = Figures::default();
    let usual = usual_time(&mut senders[0], &mut account).await;
    while figures.cancels < count {
        let rounds = senders.iter_mut().map(|sender| {
            let kind = random.below(3);
            let stage = Stage::random(random, usual);
            cancel_one(service, sender, kind, stage)
        });
        for (attempt, fate) in futures_util::future::join_all(rounds.collect::<Vec<_>>()).await {
            account.enter(&attempt);
            let cancels = figures.cancels;
            figures.count(fate);
            if figures.cancels > cancels && figures.cancels.is_multiple_of(250) {
                notice(&format!("{say}: {figures}"));
            }
        }
    }
    notice(&format!("{say}: {figures}"));
    (account, figures)
}

/// How long an update takes here and now, while as many callers are at it.
async fn usual_time(sender: &mut Sender, account: &mut Account) -> Duration {
    let start = Instant::now();
    for _ in 0..4 {
        let attempt = sender.next(2);
        attempt.send(&sender.client).await.expect("an update");
        account.enter(&attempt);
    }
    start.elapsed()
}

/// Whether an update of so many contacts finds the space that it needs. Nothing of it stays.
async fn fits(caller: &Client, list: &str, count: u32) -> bool {
    match caller
        .update(
            header(list).add().validate_only(),
            people(80_000_000, count),
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

/// The most contacts for which the server has space.
async fn most_that_fits(caller: &Client, list: &str) -> u32 {
    let (mut fit, mut too_many) = (1, 4001);
    while too_many - fit > 1 {
        let middle = (fit + too_many) / 2;
        if fits(caller, list, middle).await {
            fit = middle
        } else {
            too_many = middle
        }
    }
    assert!(fit < 4000, "the space has an end");
    fit
}

/// Waits until as many streams as there may be at once are open at once, and ends them.
async fn assert_no_place_kept(service: &Service, list: &str) {
    until("all places are free", async || {
        let streams: JoinSet<_> = (0..MAX_CALLS)
            .map(|_| {
                let (caller, header) = (service.admin(), header(list).add().validate_only());
                async move { caller.open(header).await }
            })
            .collect();
        let streams = streams.join_all().await;
        // Or else one of them was refused, as a call from before had its place still.
        until("all places are taken", async || {
            read(&service.admin()).await.is_err() || streams.iter().any(OpenStream::has_ended)
        })
        .await;
        let mut are_all_open = true;
        for stream in streams {
            stream.send_contacts(people(80_000_000, 1)).await;
            are_all_open &= stream.finish().await.is_ok();
        }
        are_all_open
    })
    .await;
}

/// Nobody reads or writes: a writer from outside gets its turn at once, and the log can be taken over whole.
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
        until("nobody reads an old state", async || {
            database.rows("PRAGMA wal_checkpoint(TRUNCATE)").await == 0
        })
        .await;
    }
}

on_both! {
    async fn calls_cancelled_at_every_stage_leave_all_or_nothing_and_hold_nothing(database: Database) {
        let (mut random, seed) = Random::new();
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
        let say = format!("cancels on {kind}, seed {seed}");
        let count = repetitions(CANCELS.0, CANCELS.1);
        let (account, figures) = cancel_many(&service, &mut random, count, &say).await;
        account.assert_true(&database).await;
        // A run in which all came too early, or too late, has shown nothing.
        assert!(figures.acknowledged + figures.found_applied >= count / 20 && figures.found_absent >= count / 4, "{figures}");
        until("all space is free", async || fits(&admin, &spare, most).await).await;
        assert!(!fits(&admin, &spare, most + 1).await, "no more space than before");
        assert_no_transaction_open(&database).await;
        assert_no_place_kept(&service, &spare).await;
        assert_all_usable(&service, &spare, MAX_CONNECTIONS).await;
        let outcome = admin.update(header(&spare).add().request_id(&new_id()), people(80_000_000, 60)).await;
        assert_eq!(outcome.unwrap().created_count, 60);
    }
}
