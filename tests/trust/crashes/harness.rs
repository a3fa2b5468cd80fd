//! The harness of a run: a database, a server that is killed again and again, and what should be stored by now.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use sea_orm::DatabaseConnection;
use test_support::*;
use tokio::{sync::mpsc, task::JoinSet};

use super::{
    callers::{Entry, call_until_killed},
    kill_point::KillPoint,
    program::TemporaryFolder,
    spool::open_large_stream,
    statistics::Statistics,
    workload::{CALLER_COUNT, CHANNEL_COUNT, SHARED_LIST, Workload},
};
use crate::{answers::Recorded, calls::Call, id_map::IdMap, replica::Replica, stored::Reader};

/// What is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Victim {
    Server,
    Postgres,
}

/// How many answered updates and reverts are kept to be repeated.
pub const HISTORY: usize = 100;

/// A database, and a server that is killed again and again.
pub struct Harness {
    pub database: Database,
    pub connection: DatabaseConnection,
    pub temporary: TemporaryFolder,
    pub program: Program,
    /// The program's name at PostgreSQL.
    program_name: String,
    pub ids: Arc<IdMap>,
    victim: Victim,
    key: String,
    requests: Arc<AtomicU32>,
    /// What should be stored.
    pub replica: Replica,
    /// How many updates should be recorded: of all lists, and of the shared one.
    pub record_count: i64,
    pub shared_record_count: usize,
    /// Some updates and reverts that were answered, with their answers.
    pub history: VecDeque<(Call, Recorded)>,
    pub statistics: Statistics,
}

impl Harness {
    /// Sets everything up.
    pub async fn start(database: Database, victim: Victim) -> Self {
        let mut setup = Service::start(database.clone()).await;
        let key = setup.key(Scope::Admin).await;
        let (admin, sizes) = (setup.admin(), (SHARED_LIST + 1, CHANNEL_COUNT));
        let ids = IdMap::create(setup.organization_id(), &admin, sizes).await;
        setup.shutdown().await;
        let temporary = TemporaryFolder::new();
        Self {
            connection: database.connect().await,
            program: temporary.start(&database, "first"),
            program_name: "first".to_owned(),
            database,
            temporary,
            victim,
            key,
            requests: Arc::default(),
            replica: Replica::new(&ids),
            ids: Arc::new(ids),
            record_count: 0,
            shared_record_count: 0,
            history: VecDeque::new(),
            statistics: Statistics::default(),
        }
    }

    /// Whether the database is PostgreSQL.
    pub fn is_postgres(&self) -> bool {
        self.database.is_postgres()
    }

    /// Reads what is stored.
    pub fn reader(&self) -> Reader<'_> {
        Reader {
            connection: &self.connection,
            ids: &self.ids,
        }
    }

    /// A caller.
    pub fn caller(&self) -> Client {
        self.program.client(&self.key)
    }

    /// Lets the callers make calls until a kill, starts everything again, and checks what is stored.
    pub async fn round(&mut self, mut random: Random) -> Result<(), String> {
        let killed = Arc::new(AtomicBool::new(false));
        let (events, mut happened) = mpsc::unbounded_channel();
        let mut callers = JoinSet::new();
        for caller in 0..CALLER_COUNT {
            let workload = Workload::new(caller, random.fork(), self.requests.clone());
            let (ids, client) = (self.ids.clone(), self.caller());
            let log = call_until_killed(ids, client, workload, killed.clone(), events.clone());
            callers.spawn(async move { (caller, log.await) });
        }
        drop(events);
        let spooling = self.spool_sometimes().await;
        let kill_point = KillPoint::random(&mut random);
        kill_point.wait(&mut happened, &self.reader()).await;
        killed.store(true, Ordering::SeqCst);
        let killed_program = self.kill(&mut random).await;
        let mut logs = callers.join_all().await;
        drop(spooling);
        logs.sort_by_key(|(caller, _)| *caller);
        let logs: Result<Vec<Vec<Entry>>, String> = logs.into_iter().map(|(_, log)| log).collect();
        self.check_recovery(logs?, killed_program, random).await
    }

    /// In some rounds, opens a stream that the server spools to a file.
    async fn spool_sometimes(&mut self) -> Option<OpenStream> {
        if self.victim == Victim::Postgres || self.statistics.kill_count % 8 != 7 {
            return None;
        }
        self.statistics.kills_with_spool += 1;
        let caller = self.caller();
        let stream = open_large_stream(&self.ids, &self.program, &caller, &self.temporary);
        Some(stream.await)
    }

    /// Kills the victim and starts it again. Returns the name of a server that was killed.
    async fn kill(&mut self, random: &mut Random) -> Option<String> {
        self.statistics.kill_count += 1;
        if self.victim == Victim::Postgres {
            self.database.kill_postgres();
            // Sometimes the server is killed too.
            let both = random.percent(25);
            if both {
                self.program.kill();
            }
            self.database.start_postgres_again().await;
            return if both {
                Some(self.start_again(random))
            } else {
                None
            };
        }
        self.program.kill();
        Some(self.start_again(random))
    }

    fn start_again(&mut self, random: &mut Random) -> String {
        if random.percent(10) {
            self.statistics.kills_in_start += 1;
            let wait = Duration::from_millis(random.below(80) as u64);
            self.temporary.kill_in_start(&self.database, wait);
        }
        let name = format!("server-{}", self.statistics.kill_count);
        self.program = self.temporary.start(&self.database, &name);
        std::mem::replace(&mut self.program_name, name)
    }
}
