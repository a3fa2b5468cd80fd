//! Searches for a sequence on which the service and the model disagree.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use contact_lists::{
    domain::{OrganizationId, percent::Percent},
    repository::organizations::{self, OrganizationChange},
};
use proptest::{
    strategy::Strategy,
    test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner},
};
use test_support::{Client, Database, Organization, Seed, Service, notice, setting};
use tokio::runtime::Handle;

use crate::{
    calls::Step, coverage::Coverage, replica::Replica, sequence::SequenceRun, strategies::sequence,
};

/// How many steps the short form makes on each database.
const SHORT_STEPS: u64 = 2_500;

/// From how many steps on a run must have covered everything.
const COVERING_STEPS: u64 = 20_000;

/// How many sequences run at once on one database.
const WORKERS: u64 = 3;

/// How many percent of a list's members an overwrite of the second organization may remove.
const LIMIT_PERCENT: f64 = 75.0;

/// How long a disagreement may be shrunk, in milliseconds.
const MAX_SHRINK_MS: u32 = 120_000;

/// The time between two lines of progress.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(30);

/// A file system in memory, on systems that have one.
const MEMORY_FOLDER: &str = "/dev/shm";

/// The server, and what the workers share.
struct Runner {
    service: Service,
    name: &'static str,
    start: Instant,
    steps: u64,
    steps_made: AtomicU64,
    sequences: AtomicU64,
    has_failed: AtomicBool,
    last_progress: Mutex<Instant>,
    coverage: Mutex<Coverage>,
}

/// Runs the sequences that are kept in files.
pub async fn run_kept(database: Database) {
    let runner = Runner::start(database, 0).await;
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
        if let Err(error) = runner.try_sequence(&steps).await {
            panic!("{}: {error}", file.display());
        }
    }
}

/// Runs random sequences until there were enough steps, or one fails.
pub async fn run_random(database: Database) {
    let steps = setting("CONTACT_LISTS_MODEL_STEPS", SHORT_STEPS);
    let seed = Seed::from_env();
    let runner = Arc::new(Runner::start(database, steps).await);
    let workers = (0..WORKERS).map(|worker| {
        let (runner, seed) = (Arc::clone(&runner), seed.bytes(worker));
        tokio::task::spawn_blocking(move || runner.work(&seed))
    });
    let workers: Vec<_> = workers.collect();
    let mut failures = Vec::new();
    for worker in workers {
        failures.extend(worker.await.expect("a worker that does not panic"));
    }
    notice(&runner.progress());
    notice(&format!(
        "model on {}: {}",
        runner.name,
        lock(&runner.coverage).figures()
    ));
    if let Some(first) = failures.first() {
        panic!("on {}: {first}", runner.name);
    }
    let missing = lock(&runner.coverage).missing();
    if steps >= COVERING_STEPS {
        assert!(missing.is_empty(), "never happened: {missing:?}");
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Runner {
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
            coverage: Mutex::new(Coverage::default()),
        }
    }

    /// Runs sequence after sequence. Returns the shortest one that fails, if one does.
    fn work(&self, seed: &[u8; 32]) -> Option<String> {
        let config = Config {
            cases: 1,
            max_shrink_iters: 1_000_000,
            max_shrink_time: MAX_SHRINK_MS,
            failure_persistence: None,
            ..Config::default()
        };
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, seed);
        let mut test_runner = TestRunner::new_with_rng(config, rng);
        let handle = Handle::current();
        while self.steps_made.load(Ordering::Relaxed) < self.steps
            && !self.has_failed.load(Ordering::Relaxed)
        {
            let tree = sequence().new_tree(&mut test_runner).expect("a sequence");
            let result = test_runner.run_one(tree, |steps| {
                let tried = handle.block_on(self.try_sequence(&steps));
                tried.map_err(|error| self.fail(error))
            });
            match result {
                Ok(_) => self.show_progress(),
                Err(TestError::Fail(reason, steps)) => {
                    return Some(format!("{reason}\n{}", as_json(&steps)));
                }
                Err(TestError::Abort(reason)) => return Some(reason.to_string()),
            }
        }
        None
    }

    /// Reports the first sequence that fails at once, as shrinking takes its time.
    fn fail(&self, error: String) -> TestCaseError {
        if !self.has_failed.swap(true, Ordering::Relaxed) {
            notice(&format!("model on {}: {error}", self.name));
        }
        TestCaseError::fail(error)
    }

    /// Runs a sequence in two new organizations.
    async fn try_sequence(&self, steps: &[Step]) -> Result<(), String> {
        let replicas = [self.replica(None).await, self.replica(Some("DE")).await];
        let coverage = SequenceRun::new(replicas).run(steps).await?;
        self.steps_made
            .fetch_add(steps.len() as u64, Ordering::Relaxed);
        self.sequences.fetch_add(1, Ordering::Relaxed);
        lock(&self.coverage).merge(coverage);
        Ok(())
    }

    async fn replica(&self, region: Option<&str>) -> Replica {
        let repository = self.service.repository();
        let organization = Organization::create(repository, "Acme", region).await;
        let max_removed_percent = region.map(|_| LIMIT_PERCENT);
        let change = OrganizationChange {
            max_removed_percent: Some(max_removed_percent.and_then(|it| Percent::parse(it).ok())),
            ..OrganizationChange::default()
        };
        let changed = organizations::update(repository, OrganizationId(organization.id), change);
        changed.await.expect("a changed organization");
        let key = format!("Bearer {}", organization.admin_key);
        let client = Client::connect(self.service.address(), Some(&key));
        Replica::new(client, region.is_some(), max_removed_percent)
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

/// A sequence as JSON, a step a line.
fn as_json(steps: &[Step]) -> String {
    let lines = steps
        .iter()
        .map(|step| serde_json::to_string(step).expect("JSON"));
    format!("[\n{}\n]", lines.collect::<Vec<_>>().join(",\n"))
}
