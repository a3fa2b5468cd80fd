//! A round: an organization of its own, a few calls one after another, then some at once, and a look at what is there.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use sea_orm::DatabaseConnection;
use tokio::{sync::Barrier, task::JoinSet};
use tonic::transport::{Channel, Endpoint};

use super::{
    search::{Made, Search},
    tally::Tally,
    workload::{CHANNEL_COUNT, LIST_COUNT, NUMBERS, Workload},
};
use crate::{
    model::{Call, State},
    observed::Reader,
    random::Random,
    support::*,
    world::{AtOnce, Pace, Stage, World},
};

/// How many connections the callers have; each call of a round is made over another one.
const CONNECTION_COUNT: usize = 12;

/// Where the rounds take place.
pub struct Arena<'a> {
    service: &'a Service,
    connections: Vec<Channel>,
    database: DatabaseConnection,
}

/// Ticks with each call that is made and each that is answered.
type Clock = Arc<AtomicU64>;

/// Waits a little before each stage of a stream, so that others get between.
#[derive(Clone)]
struct Dawdling {
    /// The waits, in µs. Used from the front.
    waits: Arc<std::sync::Mutex<Vec<u64>>>,
}

impl Pace for Dawdling {
    async fn at(&self, _: Stage) {
        let wait = self.waits.lock().unwrap().pop().unwrap_or_default();
        if wait > 0 {
            tokio::time::sleep(Duration::from_micros(wait)).await;
        }
    }
}

impl Dawdling {
    fn random(random: &mut Random) -> Self {
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

impl<'a> Arena<'a> {
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

    /// Makes the calls of a round, and looks for an order of them.
    pub async fn round(&self, random: Random, tally: &mut Tally) -> Result<(), String> {
        let organization = self.service.other_organization().await;
        let callers = self.callers(&organization.admin_key);
        let mut world =
            World::create(organization.id, &callers[0], (LIST_COUNT, CHANNEL_COUNT)).await;
        let mut workload = Workload::new(random);
        let clock = Clock::default();
        let mut start = world.model();
        let first_calls = workload.first_calls();
        let mut made = make_in_turn(&world, &callers[0], &clock, first_calls).await?;
        learn_origins(&mut world, &callers[0], &mut start, &mut made).await?;
        workload.origins = world.origins.len() as u32;
        let world = Arc::new(world);
        let calls = workload.calls();
        let beside_deletion = calls
            .iter()
            .any(|call| matches!(call, Call::DeleteChannel(_)));
        made.extend(make_at_once(&world, &callers, &clock, calls, &mut workload.random).await?);
        let looks = looks(&made);
        made.extend(make_in_turn(&world, &callers[0], &clock, looks).await?);

        let reader = Reader {
            connection: &self.database,
            world: &world,
        };
        let end = reader.state(NUMBERS).await?;
        let end = self.explain(&made, &end, start, tally)?;
        compare_replays(&made, &end)?;
        let aborted_count = world.aborted_count.load(Ordering::Relaxed);
        if beside_deletion {
            tally.aborted_beside_deletion += aborted_count;
        } else {
            tally.aborted_else += aborted_count;
        }
        tally.round(workload.theme);
        made.iter()
            .for_each(|made| tally.answer(&made.call, &made.reply));
        Ok(())
    }

    /// Looks for an order of the calls, and answers the state that it leads to.
    ///
    /// On PostgreSQL, updates of different lists run side by side, and what one finds missing may come before it commits.
    /// Where it would write what is missing, a unique key stops it. Where it only says why a contact is rejected (of an
    /// external_id that somebody else is about to store: that it is not the contact's, rather than whose it is), nothing
    /// does. So there each of two updates may have looked before the other was there, and their reasons have no order.
    fn explain(
        &self,
        made: &[Made],
        end: &State,
        start: State,
        tally: &mut Tally,
    ) -> Result<State, String> {
        let mut search = Search::new(made, end);
        let strict = search.run(start.clone());
        tally.searched(search.tried);
        if strict.is_ok() || !self.service.database().is_postgres() || updated_lists(made) < 2 {
            return strict;
        }
        let mut search = search.without_reasons();
        let end = search
            .run(start)
            .map_err(|_| strict.expect_err("a failure"))?;
        tally.unordered_reasons += 1;
        Ok(end)
    }

    fn callers(&self, key: &str) -> Vec<Client> {
        let authorization = format!("Bearer {key}");
        let connections = self.connections.iter();
        connections
            .map(|connection| Client::over(connection.clone(), Some(&authorization)))
            .collect()
    }
}

/// How many lists updates were made of.
fn updated_lists(made: &[Made]) -> usize {
    let lists = made.iter().filter_map(|made| match &made.call {
        Call::Update(update) => Some(update.list),
        _ => None,
    });
    lists.collect::<std::collections::BTreeSet<u8>>().len()
}

/// Learns the ids of the contacts that there are, and tells the model: the order of what was made begins after that.
async fn learn_origins(
    world: &mut World,
    caller: &Client,
    model: &mut State,
    made: &mut Vec<Made>,
) -> Result<(), String> {
    for made in made.drain(..) {
        let answer = model.call(&made.call);
        if answer != made.reply.answer {
            return Err(format!(
                "{:?} was answered {:?}, not {answer:?}",
                made.call, made.reply.answer
            ));
        }
    }
    for (origin, (n, person)) in (0..).zip(&mut model.people) {
        let contact = caller
            .contact(&number(*n))
            .await
            .contact
            .expect("the contact");
        world.origins.push(contact.id);
        person.origin = Some(origin);
    }
    Ok(())
}

/// What shows the outcome through the calls: all lists, all numbers, all request_ids.
fn looks(made: &[Made]) -> Vec<Call> {
    let lists = (0..LIST_COUNT).flat_map(|list| [Call::ReadMembers(list), Call::ReadList(list)]);
    let mut looks: Vec<Call> = lists.chain(NUMBERS.map(Call::ReadPerson)).collect();
    for made in made {
        if let Call::Update(update) = &made.call
            && let Some(request) = update.request
            && !looks.contains(&Call::ReadUpdate(request))
        {
            looks.extend([Call::ReadUpdate(request), made.call.clone()]);
        }
    }
    looks
}

async fn make(
    world: &World,
    caller: &Client,
    clock: &Clock,
    call: Call,
    pace: impl Pace,
) -> Result<Made, String> {
    let start = clock.fetch_add(1, Ordering::SeqCst);
    let reply = world.make(caller, &call, pace).await;
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
    world: &World,
    caller: &Client,
    clock: &Clock,
    calls: Vec<Call>,
) -> Result<Vec<Made>, String> {
    let mut made = Vec::new();
    for call in calls {
        made.push(make(world, caller, clock, call, AtOnce).await?);
    }
    Ok(made)
}

async fn make_at_once(
    world: &Arc<World>,
    callers: &[Client],
    clock: &Clock,
    calls: Vec<Call>,
    random: &mut Random,
) -> Result<Vec<Made>, String> {
    let ready = Arc::new(Barrier::new(calls.len()));
    let mut running = JoinSet::new();
    for (call, caller) in calls.into_iter().zip(callers) {
        let (world, caller, clock) = (world.clone(), caller.clone(), clock.clone());
        let (ready, pace) = (ready.clone(), Dawdling::random(random));
        running.spawn(async move {
            ready.wait().await;
            make(&world, &caller, &clock, call, pace).await
        });
    }
    running.join_all().await.into_iter().collect()
}

/// Checks that whoever called with the same request_id and the same contacts got the same answer, to the last field.
fn compare_replays(made: &[Made], end: &State) -> Result<(), String> {
    for (request, record) in &end.records {
        let twins = made.iter().filter(|made| match &made.call {
            Call::Update(update) => *update == record.update,
            Call::ReadUpdate(read) => read == request,
            _ => false,
        });
        let answers = twins.filter_map(|twin| twin.reply.outcome.clone());
        let mut answers = answers.map(|mut outcome| {
            outcome.replayed = false;
            outcome
        });
        let first = answers.next();
        if !answers.all(|answer| Some(&answer) == first.as_ref()) {
            return Err(format!(
                "the answers to request {request} differ: {made:#?}"
            ));
        }
    }
    Ok(())
}
