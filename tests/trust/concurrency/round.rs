//! A round: a new organization, a few calls one after another, then some concurrently, and reads of what they have left.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use sea_orm::DatabaseConnection;
use test_support::*;
use tokio::{sync::Barrier, task::JoinSet};
use tonic::transport::{Channel, Endpoint};

use super::{
    search::{Made, Search},
    statistics::Statistics,
    workload::{CHANNEL_COUNT, LIST_COUNT, NUMBERS, Workload},
};
use crate::{
    answers::Recorded,
    calls::Call,
    execute::{AtOnce, Pace, Stage},
    id_map::IdMap,
    replica::Replica,
    snapshot::Snapshot,
    stored::Reader,
};

/// How many connections there are. Each of the concurrent calls has one of its own.
const CONNECTION_COUNT: usize = 12;

/// A service, and connections to it and to its database.
pub struct Harness<'a> {
    service: &'a Service,
    connections: Vec<Channel>,
    database: DatabaseConnection,
}

/// Ticks with each call that is made, and with each answer.
type Clock = Arc<AtomicU64>;

/// Waits a little at each stage of a stream, so that other calls come between.
#[derive(Clone)]
struct RandomWaits {
    /// The waits that remain, in microseconds.
    waits: Arc<std::sync::Mutex<Vec<u64>>>,
}

impl Pace for RandomWaits {
    async fn at(&self, _: Stage) {
        let wait = self.waits.lock().unwrap().pop().unwrap_or_default();
        if wait > 0 {
            tokio::time::sleep(Duration::from_micros(wait)).await;
        }
    }
}

impl RandomWaits {
    fn new(random: &mut Random) -> Self {
        let wait = |random: &mut Random| {
            if random.percent(60) {
                0
            } else {
                random.below(4000) as u64
            }
        };
        let waits = (0..3).map(|_| wait(random)).collect();
        Self {
            waits: Arc::new(std::sync::Mutex::new(waits)),
        }
    }
}

impl<'a> Harness<'a> {
    /// Connects to the service and to its database.
    pub async fn new(service: &'a Service) -> Self {
        let endpoint = Endpoint::from_shared(format!("http://{}", service.address()));
        let endpoint = endpoint.expect("an address");
        Self {
            service,
            connections: (0..CONNECTION_COUNT)
                .map(|_| endpoint.connect_lazy())
                .collect(),
            database: service.database().connect().await,
        }
    }

    /// Makes the calls of a round, and searches for an order of them.
    pub async fn round(&self, random: Random, statistics: &mut Statistics) -> Result<(), String> {
        let organization = self.service.other_organization().await;
        let callers = self.callers(&organization.admin_key);
        let sizes = (LIST_COUNT, CHANNEL_COUNT);
        let mut ids = IdMap::create(organization.id, &callers[0], sizes).await;
        let mut workload = Workload::new(random);
        let clock = Clock::default();
        let mut start = Replica::new(&ids);
        let setup = make_in_turn(&ids, &callers[0], &clock, workload.first_calls()).await?;
        learn_contacts(&mut ids, &callers[0], &mut start, setup).await?;
        workload.known_count = ids.known.len() as u32;
        let ids = Arc::new(ids);
        let calls = workload.calls();
        let beside_deletion = calls
            .iter()
            .any(|call| matches!(call, Call::DeleteChannel(_)));
        let random = &mut workload.random;
        let mut made = make_concurrently(&ids, &callers, &clock, calls, random).await?;
        let reads = final_reads(&made);
        made.extend(make_in_turn(&ids, &callers[0], &clock, reads).await?);

        let reader = Reader {
            connection: &self.database,
            ids: &ids,
        };
        let stored = reader.snapshot(NUMBERS).await?;
        self.find_order(&ids, &made, &stored, start, statistics)?;
        compare_replays(&made)?;
        let aborted_count: u64 = made.iter().map(|made| made.reply.aborted_count).sum();
        if beside_deletion {
            statistics.aborted_beside_deletion += aborted_count;
        } else {
            statistics.aborted_otherwise += aborted_count;
        }
        statistics.round(workload.theme);
        made.iter()
            .for_each(|made| statistics.answer(&made.call, &made.reply));
        Ok(())
    }

    /// Searches for an order of the calls.
    ///
    /// On PostgreSQL, updates of different lists run in parallel, and a contact that one of them does not find may be
    /// created before it commits. Where it would create the contact too, a unique key stops it. Where the contact only
    /// matters for the reason of a rejection (`EXTERNAL_ID_MISMATCH` or `PHONE_TAKEN`), nothing does. So two updates may
    /// each have read before the other committed, and then their reasons have no order.
    fn find_order(
        &self,
        ids: &IdMap,
        made: &[Made],
        stored: &Snapshot,
        start: Replica,
        statistics: &mut Statistics,
    ) -> Result<(), String> {
        let mut search = Search::new(ids, made, stored);
        let strict = search.run(start.clone());
        statistics.searched(search.tried);
        if strict.is_ok() || !self.service.database().is_postgres() || updated_lists(made) < 2 {
            return strict;
        }
        let mut search = search.without_reasons();
        if search.run(start).is_err() {
            return strict;
        }
        statistics.unordered_reasons += 1;
        Ok(())
    }

    fn callers(&self, key: &str) -> Vec<Client> {
        let authorization = format!("Bearer {key}");
        let connections = self.connections.iter();
        connections
            .map(|connection| Client::over(connection.clone(), Some(&authorization)))
            .collect()
    }
}

/// How many lists the calls update.
fn updated_lists(made: &[Made]) -> usize {
    let lists = made.iter().filter_map(|made| match &made.call {
        Call::Update(update) => Some(update.list),
        _ => None,
    });
    lists.collect::<BTreeSet<u8>>().len()
}

/// Checks the calls that set the round up, applies them to the replica, and learns the ids of the contacts that they created.
async fn learn_contacts(
    ids: &mut IdMap,
    caller: &Client,
    replica: &mut Replica,
    setup: Vec<Made>,
) -> Result<(), String> {
    for Made { call, reply, .. } in setup {
        let expected = replica.call(ids, &call);
        if expected != reply.answer {
            let answer = reply.answer;
            return Err(format!("{call:?} returned {answer:?}, not {expected:?}"));
        }
    }
    for n in replica.snapshot(ids).contacts.into_keys() {
        let found = caller.contact(&number(n)).await.contact;
        let id = found.expect("the contact").id;
        replica.set_id(n, &id);
        ids.known.push(id);
    }
    Ok(())
}

/// Reads of all lists, all numbers and all request_ids.
fn final_reads(made: &[Made]) -> Vec<Call> {
    let lists = (0..LIST_COUNT).flat_map(|list| [Call::ReadMembers(list), Call::ReadList(list)]);
    let mut reads: Vec<Call> = lists.chain(NUMBERS.map(Call::ReadContact)).collect();
    for made in made {
        if let Some(request) = made.call.request()
            && !reads.contains(&Call::ReadUpdate(request))
        {
            reads.extend([Call::ReadUpdate(request), made.call.clone()]);
        }
    }
    reads
}

async fn make(
    ids: &IdMap,
    caller: &Client,
    clock: &Clock,
    call: Call,
    pace: impl Pace,
) -> Result<Made, String> {
    let start = clock.fetch_add(1, Ordering::SeqCst);
    let reply = ids.execute(caller, &call, pace).await;
    let end = clock.fetch_add(1, Ordering::SeqCst);
    match reply {
        Ok(reply) => Ok(Made {
            call,
            reply,
            start,
            end,
        }),
        Err(status) => Err(format!("{call:?} failed: {status:?}")),
    }
}

async fn make_in_turn(
    ids: &IdMap,
    caller: &Client,
    clock: &Clock,
    calls: Vec<Call>,
) -> Result<Vec<Made>, String> {
    let mut made = Vec::new();
    for call in calls {
        made.push(make(ids, caller, clock, call, AtOnce).await?);
    }
    Ok(made)
}

async fn make_concurrently(
    ids: &Arc<IdMap>,
    callers: &[Client],
    clock: &Clock,
    calls: Vec<Call>,
    random: &mut Random,
) -> Result<Vec<Made>, String> {
    let ready = Arc::new(Barrier::new(calls.len()));
    let mut running = JoinSet::new();
    for (call, caller) in calls.into_iter().zip(callers) {
        let (ids, caller, clock) = (ids.clone(), caller.clone(), clock.clone());
        let (ready, pace) = (ready.clone(), RandomWaits::new(random));
        running.spawn(async move {
            ready.wait().await;
            make(&ids, &caller, &clock, call, pace).await
        });
    }
    running.join_all().await.into_iter().collect()
}

/// Checks that all calls with the same request_id that were answered OK got the same outcome, to the last field.
fn compare_replays(made: &[Made]) -> Result<(), String> {
    let mut answers: BTreeMap<u32, Recorded> = BTreeMap::new();
    for made in made {
        let request = match &made.call {
            Call::ReadUpdate(request) => Some(*request),
            call => call.request(),
        };
        if let (Some(request), Some(recorded)) = (request, &made.reply.recorded) {
            let answer = recorded.clone().with_replayed(false);
            let first = answers.entry(request).or_insert_with(|| answer.clone());
            if *first != answer {
                return Err(format!(
                    "request {request} has the answers {first:?} and {answer:?}"
                ));
            }
        }
    }
    Ok(())
}
