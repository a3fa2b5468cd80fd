//! Row 6: several concurrent callers with a list each, whose contacts overlap.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use uuid::Uuid;

use crate::{
    Flags, data::Person, database::Database, floor::Action, measure::median, service::Caller,
};

/// How many callers there are.
const CALLERS: [usize; 3] = [1, 4, 16];

/// How many calls all callers make together: a multiple of each of [`CALLERS`].
const CALLS: usize = 32;

/// How many contacts each call has. It shares half of them with the call before, and the other half with the one after.
const CALL_CONTACTS: usize = 1000;

/// The calls of a number of callers.
pub struct Callers {
    /// How many callers there are.
    pub count: usize,
    /// Seconds that all calls of a round took, one value per round.
    pub seconds: Vec<f64>,
    /// Seconds of each call.
    pub calls: Vec<f64>,
    /// How many calls failed.
    pub failed: usize,
}

impl Callers {
    /// Contacts per second of all callers together.
    pub fn rate(&self) -> Option<f64> {
        Some((CALLS * CALL_CONTACTS) as f64 / median(&self.seconds)?)
    }
}

/// Measures rounds of the same calls by 1, 4 and 16 callers.
pub async fn measure(database: &mut Database, flags: &Flags) -> anyhow::Result<Vec<Callers>> {
    let mut measured = CALLERS.map(|count| Callers {
        count,
        seconds: Vec::new(),
        calls: Vec::new(),
        failed: 0,
    });
    let mut lists = Vec::new();
    for number in 0..CALLERS[2] {
        lists.push(database.make_list(&format!("caller {number}")).await?);
    }
    for round in 0..=flags.pairs() {
        for callers in &mut measured {
            let half = CALL_CONTACTS / 2;
            let people = database.new_people((half * (CALLS + 1)) as u64);
            let calls: Vec<Vec<Person>> = (0..CALLS)
                .map(|call| people[call * half..call * half + CALL_CONTACTS].to_vec())
                .collect();
            database.vacuum(false).await?;
            let (time, calls) = run(&database.caller, &lists[..callers.count], calls).await?;
            // The first round warms up.
            if round > 0 {
                callers.failed += calls.iter().filter(|time| time.is_none()).count();
                callers.seconds.push(time.as_secs_f64());
                callers
                    .calls
                    .extend(calls.iter().flatten().map(Duration::as_secs_f64));
            }
        }
    }
    Ok(measured.into())
}

/// Runs the calls. Calls that overlap go to different callers, so that they run concurrently. Returns how long all took, and
/// each; None for a call that failed.
async fn run(
    caller: &Caller,
    lists: &[Uuid],
    mut calls: Vec<Vec<Person>>,
) -> anyhow::Result<(Duration, Vec<Option<Duration>>)> {
    let mut shares: Vec<Vec<Vec<Person>>> = vec![Vec::new(); lists.len()];
    for (number, call) in calls.drain(..).enumerate() {
        shares[number % lists.len()].push(call);
    }
    let mut running = JoinSet::new();
    let start = Instant::now();
    for (list, share) in lists.iter().copied().zip(shares) {
        let mut caller = caller.clone();
        running.spawn(async move {
            let mut times = Vec::new();
            for people in share {
                times.push(caller.update(list, Action::Add, &people).await.ok());
            }
            times
        });
    }
    let times = running.join_all().await;
    Ok((start.elapsed(), times.into_iter().flatten().collect()))
}
