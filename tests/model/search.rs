//! Looks for a sequence on which the service and the model disagree.

use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use proptest::{
    strategy::Strategy,
    test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner},
};
use tokio::runtime::Handle;

use crate::{
    calls::Step,
    draw::sequence,
    run::Run,
    side::Side,
    support::{Client, Database, Organization, Service, notice},
    tally::Tally,
};

/// How many steps the short form makes on each database.
const SHORT_STEPS: u64 = 2_500;

/// From how many steps on a run must have met everything.
const TELLING_STEPS: u64 = 20_000;

/// How many sequences run at once on one database.
const WORKERS: u64 = 3;

/// How long a disagreement may be shrunk, in milliseconds.
const MAX_SHRINK_MS: u32 = 120_000;

/// How much time lies between two lines of progress.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(30);

/// A file system in memory, where there is one.
const MEMORY_FOLDER: &str = "/dev/shm";

/// The server, and what the workers know together.
struct Search {
    service: Service,
    name: &'static str,
    start: Instant,
    steps: u64,
    steps_made: AtomicU64,
    sequences: AtomicU64,
    has_failed: AtomicBool,
    last_progress: Mutex<Instant>,
    tally: Mutex<Tally>,
}

/// Runs the sequences that are kept in files.
pub async fn kept(database: Database) {
    let search = Search::start(database, 0).await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/model/kept");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the folder of kept sequences")
        .map(|entry| entry.expect("a file").path())
        .collect();
    files.sort();
    for file in files {
        let json = fs::read_to_string(&file).expect("a kept sequence");
        let steps: Vec<Step> = serde_json::from_str(&json)
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        if let Err(error) = search.try_sequence(&steps).await {
            panic!("{}: {error}", file.display());
        }
    }
}

/// Runs random sequences until there were enough steps or one fails.
pub async fn random(database: Database) {
    let steps = setting("CONTACT_LISTS_MODEL_STEPS").unwrap_or(SHORT_STEPS);
    let seed = setting("CONTACT_LISTS_MODEL_SEED").unwrap_or_else(|| {
        u64::from_le_bytes(
            uuid::Uuid::new_v4().as_bytes()[8..]
                .try_into()
                .expect("8 bytes"),
        )
    });
    let search = Arc::new(Search::start(database, steps).await);
    let workers = (0..WORKERS).map(|worker| {
        let search = Arc::clone(&search);
        tokio::task::spawn_blocking(move || search.work(seed, worker))
    });
    let workers: Vec<_> = workers.collect();
    let mut failures = Vec::new();
    for worker in workers {
        failures.extend(worker.await.expect("a worker that does not panic"));
    }
    notice(&search.progress());
    notice(&format!(
        "model on {}: {}",
        search.name,
        lock(&search.tally).figures()
    ));
    if let Some(failure) = failures.first() {
        panic!("on {}, seed {seed}: {failure}", search.name);
    }
    let missing = lock(&search.tally).missing();
    if steps >= TELLING_STEPS {
        assert!(missing.is_empty(), "never happened: {missing:?}");
    }
}

/// An environment variable that is a number.
fn setting(name: &str) -> Option<u64> {
    let value = env::var(name).ok()?;
    Some(
        value
            .parse()
            .unwrap_or_else(|_| panic!("{name} is not a number: {value}")),
    )
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Search {
    async fn start(database: Database, steps: u64) -> Self {
        let name = if database.is_postgres() {
            "PostgreSQL"
        } else {
            "SQLite"
        };
        let memory = Path::new(MEMORY_FOLDER);
        let database = if !database.is_postgres() && memory.is_dir() {
            Database::sqlite_in(memory)
        } else {
            database
        };
        Self {
            service: Service::start(database).await,
            name,
            start: Instant::now(),
            steps,
            steps_made: AtomicU64::new(0),
            sequences: AtomicU64::new(0),
            has_failed: AtomicBool::new(false),
            last_progress: Mutex::new(Instant::now()),
            tally: Mutex::new(Tally::default()),
        }
    }

    /// One worker: sequence after sequence. Answers the shortest one that fails, if one does.
    fn work(&self, seed: u64, worker: u64) -> Option<String> {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        bytes[8..16].copy_from_slice(&worker.to_le_bytes());
        let config = Config {
            cases: 1,
            max_shrink_iters: 1_000_000,
            max_shrink_time: MAX_SHRINK_MS,
            failure_persistence: None,
            ..Config::default()
        };
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let mut runner = TestRunner::new_with_rng(config, rng);
        let handle = Handle::current();
        while self.steps_made.load(Ordering::Relaxed) < self.steps
            && !self.has_failed.load(Ordering::Relaxed)
        {
            let mut error = String::new();
            let tree = sequence().new_tree(&mut runner).expect("a sequence");
            let result = runner.run_one(tree, |steps| {
                let tried = handle.block_on(self.try_sequence(&steps));
                tried.map_err(|error| self.fail(error))
            });
            match result {
                Ok(_) => self.show_progress(),
                Err(TestError::Fail(reason, steps)) => {
                    error.push_str(&format!("{reason}\n{}", as_json(&steps)));
                    return Some(error);
                }
                Err(TestError::Abort(reason)) => return Some(reason.to_string()),
            }
        }
        None
    }

    /// A sequence fails. The first one is told at once, as shrinking takes its time.
    fn fail(&self, error: String) -> TestCaseError {
        if !self.has_failed.swap(true, Ordering::Relaxed) {
            notice(&format!("model on {}: {error}", self.name));
        }
        TestCaseError::fail(error)
    }

    /// Runs a sequence in two new organizations.
    async fn try_sequence(&self, steps: &[Step]) -> Result<(), String> {
        let sides = [self.side(None).await, self.side(Some("DE")).await];
        let tally = Run::new(sides).all(steps).await?;
        self.steps_made
            .fetch_add(steps.len() as u64, Ordering::Relaxed);
        self.sequences.fetch_add(1, Ordering::Relaxed);
        lock(&self.tally).merge(tally);
        Ok(())
    }

    async fn side(&self, region: Option<&str>) -> Side {
        let organization = Organization::create(self.service.repository(), "Acme", region).await;
        let key = format!("Bearer {}", organization.admin_key);
        let client = Client::connect(self.service.address(), Some(&key));
        Side::new(client, region.is_some())
    }

    fn show_progress(&self) {
        let mut last = lock(&self.last_progress);
        if last.elapsed() > PROGRESS_INTERVAL {
            *last = Instant::now();
            notice(&self.progress());
        }
    }

    fn progress(&self) -> String {
        let (made, sequences) = (
            self.steps_made.load(Ordering::Relaxed),
            self.sequences.load(Ordering::Relaxed),
        );
        let seconds = self.start.elapsed().as_secs_f64();
        let speed = made as f64 / seconds;
        let name = self.name;
        format!(
            "model on {name}: {made} steps in {sequences} sequences, {seconds:.0} s, {speed:.0} steps/s"
        )
    }
}

/// A sequence as it is kept: a step a line.
fn as_json(steps: &[Step]) -> String {
    let lines = steps
        .iter()
        .map(|step| serde_json::to_string(step).expect("JSON"));
    format!("[\n{}\n]", lines.collect::<Vec<_>>().join(",\n"))
}
