//! The scenarios that are measured, in interleaved pairs of the service and the floor, each on contacts of its own.

use indicatif::ProgressBar;
use sea_orm::DbBackend;
use uuid::Uuid;

use crate::{
    Flags,
    callers::{self, Callers},
    data::{Person, people, renamed},
    database::Database,
    floor::Action,
    measure::{Contestant, Run, Times},
    report::Line,
};

const NEW: &str = "new";
const UNCHANGED: &str = "the same again, unchanged";
const RENAMED: &str = "the same, all with a changed name";
const OVERWRITE: &str = "overwrite a list of the whole base";
const REMOVE: &str = "remove from a list of the whole base";
const ONE: &str = "one new contact";
const SIZE: &str = "new, by size";

/// From this size on, a call is measured fewer times, since it takes long.
pub const LARGE: u64 = 100_000;

/// The lists of a contestant.
#[derive(Clone, Copy)]
struct Lists {
    /// The list that contacts are added to.
    small: Uuid,
    /// The list that has the whole base before each run.
    large: Uuid,
}

/// All scenarios of one caller, on one database.
pub struct Scenarios<'a> {
    database: Database,
    flags: &'a Flags,
    progress: &'a ProgressBar,
    base_list: Uuid,
    service: Lists,
    floor: Lists,
    rusqlite: Lists,
    row_by_row: Lists,
}

impl<'a> Scenarios<'a> {
    /// Fills the database.
    pub async fn begin(
        mut database: Database,
        flags: &'a Flags,
        progress: &'a ProgressBar,
    ) -> anyhow::Result<Self> {
        progress.set_message(format!("{}: base of {}", database.name, database.base));
        let base_list = database.make_list("base").await?;
        database.fill(base_list).await?;
        let service = Lists {
            small: database.make_list("service").await?,
            large: database.make_list("service, large").await?,
        };
        let floor = Lists {
            small: database.make_list("floor").await?,
            large: database.make_list("floor, large").await?,
        };
        let rusqlite = Lists {
            small: database.make_list("rusqlite").await?,
            large: database.make_list("rusqlite, large").await?,
        };
        let small = database.make_list("row by row").await?;
        let row_by_row = Lists {
            small,
            large: small,
        };
        Ok(Self {
            database,
            flags,
            progress,
            base_list,
            service,
            floor,
            rusqlite,
            row_by_row,
        })
    }

    /// Measures all scenarios of one caller but the largest calls. Returns the table's lines.
    pub async fn measure(&mut self) -> anyhow::Result<Vec<Line>> {
        let mut lines = self.add().await?;
        lines.extend(self.large_list().await?);
        for size in [1, 10, 100, 1000] {
            lines.push(self.size(size).await?);
        }
        if let Some(profile) = &self.database.profile {
            profile.print();
        }
        Ok(lines)
    }

    /// Row 4: the largest calls. They come last, since they leave a far larger database.
    pub async fn large_calls(&mut self) -> anyhow::Result<Vec<Line>> {
        let mut lines = Vec::new();
        for size in &self.flags.large_contacts {
            lines.push(self.size(*size).await?);
        }
        Ok(lines)
    }

    /// Row 6, on the database that has more than one writer at a time.
    pub async fn callers(&mut self) -> anyhow::Result<Vec<Callers>> {
        if self.database.backend() == DbBackend::Sqlite {
            return Ok(Vec::new());
        }
        self.progress.set_message("several callers");
        callers::measure(&mut self.database, self.flags).await
    }

    /// The contestants of a pair. Each comes first in turn.
    fn contestants(&self, pair: usize) -> Vec<Contestant> {
        let mut contestants = vec![Contestant::Service, Contestant::Floor];
        if self.database.rusqlite.is_some() {
            contestants.push(Contestant::Rusqlite);
        }
        let count = contestants.len();
        contestants.rotate_left(pair % count);
        contestants
    }

    /// Rows 1, 2 and 9: new contacts, the same again, the same with other names. The first pair warms up and does not count.
    pub async fn add(&mut self) -> anyhow::Result<Vec<Line>> {
        let count = self.flags.contacts;
        let mut times = [NEW, UNCHANGED, RENAMED].map(|scenario| (scenario, Times::default()));
        for pair in 0..=self.flags.pairs() {
            self.progress
                .set_message(format!("{}: adding, pair {pair}", self.database.name));
            let mut contestants = self.contestants(pair);
            if pair <= self.flags.row_by_row_runs() && pair > 0 && self.database.base > 0 {
                contestants.push(Contestant::RowByRow);
            }
            let given: Vec<_> = contestants
                .into_iter()
                .map(|who| (who, self.database.new_people(count)))
                .collect();
            for (scenario, times) in &mut times {
                let is_renamed = *scenario == RENAMED;
                for (who, people) in &given {
                    let people = if is_renamed { &renamed(people) } else { people };
                    let created = if *scenario == NEW { count } else { 0 };
                    let changed = if is_renamed { count } else { 0 };
                    let effect = (created, changed);
                    let time = self.run(*who, scenario, people, effect).await?;
                    if pair > 0 {
                        times.add(*who, time);
                    }
                }
            }
            self.database.vacuum(false).await?;
            self.progress.inc(3);
        }
        let lines = times.into_iter().map(|(scenario, times)| {
            let goal = Some(0.8);
            self.line(scenario, count, goal, times)
        });
        Ok(lines.collect())
    }

    /// Row 3: updates of a list of the whole base.
    async fn large_list(&mut self) -> anyhow::Result<Vec<Line>> {
        let count = self.flags.contacts.min(self.database.base / 4);
        let mut times = [(REMOVE, Action::Remove), (OVERWRITE, Action::Overwrite)]
            .map(|(scenario, action)| (scenario, action, Times::default()));
        for pair in 0..=self.flags.pairs() {
            self.progress
                .set_message(format!("{}: a large list, pair {pair}", self.database.name));
            for (scenario, action, times) in &mut times {
                for who in self.contestants(pair) {
                    let list = self.lists(who).large;
                    self.database.copy_members(self.base_list, list).await?;
                }
                self.database.vacuum(false).await?;
                for (place, who) in (0_u64..).zip(self.contestants(pair)) {
                    let first = (3 * pair as u64 + place) * count % (self.database.base - count);
                    let run = Run {
                        scenario,
                        list: self.lists(who).large,
                        action: *action,
                        people: &people(first..first + count),
                        created: 0,
                        changed: 0,
                    };
                    let time = run.by(who, &mut self.database).await?;
                    if pair > 0 {
                        times.add(who, time);
                    }
                }
            }
            self.progress.inc(2);
        }
        let lines = times
            .into_iter()
            .map(|(scenario, _, times)| self.line(scenario, count, Some(0.8), times));
        Ok(lines.collect())
    }

    /// Row 7 (size 1) and the plot: new contacts by size of the call.
    async fn size(&mut self, size: u64) -> anyhow::Result<Line> {
        let scenario = if size == 1 { ONE } else { SIZE };
        let pairs = self.flags.pairs_of(size);
        let mut times = Times::default();
        // The first pair warms up; the largest calls need no warm-up.
        for pair in usize::from(size >= LARGE)..=pairs {
            self.progress.set_message(format!(
                "{}: {size} contacts a call, pair {pair}",
                self.database.name
            ));
            let mut contestants = self.contestants(pair);
            if size >= LARGE {
                contestants.retain(|who| *who != Contestant::Rusqlite);
            }
            if size < self.flags.contacts && pair <= 9 {
                contestants.push(Contestant::RowByRow);
            }
            for who in contestants {
                let people = self.database.new_people(size);
                let time = self.run(who, scenario, &people, (size, 0)).await?;
                if pair > 0 {
                    times.add(who, time);
                }
            }
        }
        self.database.vacuum(false).await?;
        self.progress.inc(1);
        let goal = (size > self.flags.contacts).then_some(0.8);
        Ok(self.line(scenario, size, goal, times))
    }

    /// An add to the contestant's own list.
    async fn run(
        &mut self,
        who: Contestant,
        scenario: &'static str,
        people: &[Person],
        (created, changed): (u64, u64),
    ) -> anyhow::Result<std::time::Duration> {
        let run = Run {
            scenario,
            list: self.lists(who).small,
            action: Action::Add,
            people,
            created,
            changed,
        };
        run.by(who, &mut self.database).await
    }

    fn lists(&self, who: Contestant) -> Lists {
        match who {
            Contestant::Service => self.service,
            Contestant::Floor => self.floor,
            Contestant::Rusqlite => self.rusqlite,
            Contestant::RowByRow => self.row_by_row,
        }
    }

    fn line(&self, scenario: &'static str, contacts: u64, goal: Option<f64>, times: Times) -> Line {
        Line {
            database: self.database.name,
            scenario,
            contacts,
            goal,
            times,
        }
    }
}
