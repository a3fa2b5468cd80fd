//! The works that are measured, in interleaved pairs of the service and the floor, each on contacts of its own.

use indicatif::ProgressBar;
use sea_orm::DbBackend;
use uuid::Uuid;

use crate::{
    Flags,
    callers::{self, Callers},
    data::{Person, people, renamed},
    floor::Action,
    ground::Ground,
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

/// From this size on a call is measured fewer times: it takes long.
pub const LARGE: u64 = 100_000;

/// The lists of a contestant.
#[derive(Clone, Copy)]
struct Lists {
    /// What is added to.
    small: Uuid,
    /// What has the whole base before each run.
    large: Uuid,
}

/// All works of one caller, on one database.
pub struct Works<'a> {
    ground: Ground,
    flags: &'a Flags,
    progress: &'a ProgressBar,
    base_list: Uuid,
    service: Lists,
    floor: Lists,
    rusqlite: Lists,
    row_by_row: Lists,
}

impl<'a> Works<'a> {
    /// Fills the ground.
    pub async fn begin(
        mut ground: Ground,
        flags: &'a Flags,
        progress: &'a ProgressBar,
    ) -> anyhow::Result<Self> {
        progress.set_message(format!("{}: base of {}", ground.name, ground.base));
        let base_list = ground.make_list("base").await?;
        ground.fill(base_list).await?;
        let service = Lists {
            small: ground.make_list("service").await?,
            large: ground.make_list("service, large").await?,
        };
        let floor = Lists {
            small: ground.make_list("floor").await?,
            large: ground.make_list("floor, large").await?,
        };
        let rusqlite = Lists {
            small: ground.make_list("rusqlite").await?,
            large: ground.make_list("rusqlite, large").await?,
        };
        let small = ground.make_list("row by row").await?;
        let row_by_row = Lists {
            small,
            large: small,
        };
        Ok(Self {
            ground,
            flags,
            progress,
            base_list,
            service,
            floor,
            rusqlite,
            row_by_row,
        })
    }

    /// Measures everything of one caller, and answers the table's lines.
    pub async fn measure(&mut self) -> anyhow::Result<Vec<Line>> {
        let mut lines = self.add().await?;
        lines.extend(self.large_list().await?);
        for size in [1, 10, 100, 1000] {
            lines.push(self.size(size).await?);
        }
        if let Some(profile) = &self.ground.profile {
            profile.print();
        }
        Ok(lines)
    }

    /// Row 4: the largest calls, last of all, as they leave a far larger database.
    pub async fn large_calls(&mut self) -> anyhow::Result<Vec<Line>> {
        let mut lines = Vec::new();
        for size in &self.flags.large_contacts {
            lines.push(self.size(*size).await?);
        }
        Ok(lines)
    }

    /// Row 6, where the database has more than one writer at a time.
    pub async fn callers(&mut self) -> anyhow::Result<Vec<Callers>> {
        if self.ground.backend() == DbBackend::Sqlite {
            return Ok(Vec::new());
        }
        self.progress.set_message("several callers");
        callers::measure(&mut self.ground, self.flags).await
    }

    /// Who the service is held against, in turns.
    fn contestants(&self, pair: usize) -> Vec<Contestant> {
        let mut contestants = vec![Contestant::Service, Contestant::Floor];
        if self.ground.rusqlite.is_some() {
            contestants.push(Contestant::Rusqlite);
        }
        let count = contestants.len();
        contestants.rotate_left(pair % count);
        contestants
    }

    /// Rows 1, 2 and 9: new contacts, the same again, the same with other names. The first pair warms up and counts for
    /// nothing.
    pub async fn add(&mut self) -> anyhow::Result<Vec<Line>> {
        let count = self.flags.contacts;
        let mut times = [NEW, UNCHANGED, RENAMED].map(|work| (work, Times::default()));
        for pair in 0..=self.flags.pairs() {
            self.progress
                .set_message(format!("{}: adding, pair {pair}", self.ground.name));
            let mut contestants = self.contestants(pair);
            if pair <= self.flags.row_by_row_runs() && pair > 0 && self.ground.base > 0 {
                contestants.push(Contestant::RowByRow);
            }
            let given: Vec<_> = contestants
                .into_iter()
                .map(|who| (who, self.ground.fresh(count)))
                .collect();
            for (work, times) in &mut times {
                let changed = *work == RENAMED;
                for (who, people) in &given {
                    let people = if changed { &renamed(people) } else { people };
                    let created = if *work == NEW { count } else { 0 };
                    let time = self.run(*who, work, people, created).await?;
                    if pair > 0 {
                        times.add(*who, time);
                    }
                }
            }
            self.ground.tidy(false).await?;
            self.progress.inc(3);
        }
        let lines = times.into_iter().map(|(work, times)| {
            let goal = Some(0.8);
            self.line(work, count, goal, times)
        });
        Ok(lines.collect())
    }

    /// Row 3: what happens to a list of the whole base.
    async fn large_list(&mut self) -> anyhow::Result<Vec<Line>> {
        let count = self.flags.contacts.min(self.ground.base / 4);
        let mut times = [(REMOVE, Action::Remove), (OVERWRITE, Action::Overwrite)]
            .map(|(work, action)| (work, action, Times::default()));
        for pair in 0..=self.flags.pairs() {
            self.progress
                .set_message(format!("{}: a large list, pair {pair}", self.ground.name));
            for (work, action, times) in &mut times {
                for who in self.contestants(pair) {
                    let list = self.lists(who).large;
                    self.ground.copy_members(self.base_list, list).await?;
                }
                self.ground.tidy(false).await?;
                for (place, who) in (0_u64..).zip(self.contestants(pair)) {
                    let first = (3 * pair as u64 + place) * count % (self.ground.base - count);
                    let run = Run {
                        work,
                        list: self.lists(who).large,
                        action: *action,
                        people: &people(first..first + count),
                        created: 0,
                    };
                    let time = run.by(who, &mut self.ground).await?;
                    if pair > 0 {
                        times.add(who, time);
                    }
                }
            }
            self.progress.inc(2);
        }
        let lines = times
            .into_iter()
            .map(|(work, _, times)| self.line(work, count, Some(0.8), times));
        Ok(lines.collect())
    }

    /// Row 7 (a size of 1) and the plot: new contacts, so many a call.
    async fn size(&mut self, size: u64) -> anyhow::Result<Line> {
        let work = if size == 1 { ONE } else { SIZE };
        let pairs = self.flags.pairs_of(size);
        let mut times = Times::default();
        // The first pair warms up; the largest calls need no warming.
        for pair in usize::from(size >= LARGE)..=pairs {
            self.progress.set_message(format!(
                "{}: {size} contacts a call, pair {pair}",
                self.ground.name
            ));
            let mut contestants = self.contestants(pair);
            if size >= LARGE {
                contestants.retain(|who| *who != Contestant::Rusqlite);
            }
            if size < self.flags.contacts && pair <= 9 {
                contestants.push(Contestant::RowByRow);
            }
            for who in contestants {
                let people = self.ground.fresh(size);
                let time = self.run(who, work, &people, size).await?;
                if pair > 0 {
                    times.add(who, time);
                }
            }
        }
        self.ground.tidy(false).await?;
        self.progress.inc(1);
        let goal = (size > self.flags.contacts).then_some(0.8);
        Ok(self.line(work, size, goal, times))
    }

    /// An add to the contestant's own list.
    async fn run(
        &mut self,
        who: Contestant,
        work: &'static str,
        people: &[Person],
        created: u64,
    ) -> anyhow::Result<std::time::Duration> {
        let run = Run {
            work,
            list: self.lists(who).small,
            action: Action::Add,
            people,
            created,
        };
        run.by(who, &mut self.ground).await
    }

    fn lists(&self, who: Contestant) -> Lists {
        match who {
            Contestant::Service => self.service,
            Contestant::Floor => self.floor,
            Contestant::Rusqlite => self.rusqlite,
            Contestant::RowByRow => self.row_by_row,
        }
    }

    fn line(&self, work: &'static str, contacts: u64, goal: Option<f64>, times: Times) -> Line {
        Line {
            database: self.ground.name,
            work,
            contacts,
            goal,
            times,
        }
    }
}
