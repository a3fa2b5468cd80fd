//! A measured and checked run of a contestant, and the statistics of many runs.

use std::time::{Duration, Instant};

use anyhow::Context;
use uuid::Uuid;

use crate::{
    check::{Effect, Totals, check_people},
    data::{Person, sorted},
    database::Database,
    floor::{Action, Update},
    row_by_row, rusqlite_floor,
};

/// An implementation that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Contestant {
    /// The service, over TCP.
    Service,
    /// The best plain SQL.
    Floor,
    /// The same with rusqlite's prepared statements, on SQLite only.
    Rusqlite,
    /// The obvious implementation.
    RowByRow,
}

/// An update, and the rows that it must leave.
pub struct Run<'a> {
    /// The scenario, for the profile.
    pub scenario: &'static str,
    /// The list.
    pub list: Uuid,
    /// What the update does to it.
    pub action: Action,
    /// The people.
    pub people: &'a [Person],
    /// How many of them are new.
    pub created: u64,
    /// How many of the others change.
    pub changed: u64,
}

impl Run<'_> {
    /// Runs it, measures it, and checks the rows.
    pub async fn by(&self, who: Contestant, database: &mut Database) -> anyhow::Result<Duration> {
        let before = Totals::of(database, self.list).await?;
        let prepared = match who {
            Contestant::Service => Vec::new(),
            _ => sorted(self.people),
        };
        if let Some(profile) = &mut database.profile {
            profile.forget().await?;
        }
        database.empty_write_ahead_log().await?;
        let start = Instant::now();
        let mut time = None;
        match who {
            Contestant::Service => {
                let caller = &mut database.caller;
                time = Some(caller.update(self.list, self.action, self.people).await?);
            }
            Contestant::Floor => {
                let floor = &mut database.floor;
                let (tenant, action) = (database.tenant, self.action);
                floor.update(tenant, self.list, action, &prepared).await?;
            }
            Contestant::Rusqlite => {
                let update = Update::new(database.tenant, self.list, self.action);
                let connection = database.rusqlite.as_mut().context("only on SQLite")?;
                tokio::task::block_in_place(|| {
                    rusqlite_floor::update(connection, update, &prepared)
                })?;
            }
            Contestant::RowByRow => {
                row_by_row::add(&database.db, database.tenant, self.list, &prepared).await?;
            }
        }
        let time = time.unwrap_or_else(|| start.elapsed());
        if let Some(profile) = &mut database.profile {
            profile.note(self.scenario, who, time).await?;
        }
        self.check(who, database, before).await?;
        Ok(time)
    }

    async fn check(
        &self,
        who: Contestant,
        database: &Database,
        before: Totals,
    ) -> anyhow::Result<()> {
        let count = self.people.len() as i64;
        let members = match self.action {
            Action::Add => before.members + self.created as i64,
            Action::Remove => before.members - count,
            Action::Overwrite => count,
        };
        let mut expected = before.after(Effect {
            created: self.created,
            changed: self.changed,
            members,
        });
        let after = Totals::of(database, self.list).await?;
        if who == Contestant::RowByRow {
            // What one would write first keeps no journal.
            expected.journal_bytes = before.journal_bytes;
        }
        anyhow::ensure!(
            after == expected,
            "{who:?}, {}: {after:?} is not {expected:?}",
            self.scenario
        );
        let are_members = self.action != Action::Remove;
        check_people(database, self.list, self.people, are_members).await
    }
}

/// How long the runs of each contestant took, in seconds. The service's and the floor's runs at the same position are a pair.
#[derive(Debug, Default, Clone)]
pub struct Times {
    pub service: Vec<f64>,
    pub floor: Vec<f64>,
    pub rusqlite: Vec<f64>,
    pub row_by_row: Vec<f64>,
}

impl Times {
    /// Adds a run.
    pub fn add(&mut self, who: Contestant, time: Duration) {
        let times = match who {
            Contestant::Service => &mut self.service,
            Contestant::Floor => &mut self.floor,
            Contestant::Rusqlite => &mut self.rusqlite,
            Contestant::RowByRow => &mut self.row_by_row,
        };
        times.push(time.as_secs_f64());
    }

    /// The median over the pairs of the floor's time divided by the service's: 1 is as fast as the floor.
    pub fn ratio(&self) -> Option<f64> {
        let pairs = self.floor.iter().zip(&self.service);
        median(
            &pairs
                .map(|(floor, service)| floor / service)
                .collect::<Vec<_>>(),
        )
    }

    /// How many times as fast as row by row the service is.
    pub fn times_row_by_row(&self) -> Option<f64> {
        Some(median(&self.row_by_row)? / median(&self.service)?)
    }
}

/// The median.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => None,
        count if count.is_multiple_of(2) => {
            Some(f64::midpoint(values[count / 2 - 1], values[count / 2]))
        }
        count => Some(values[count / 2]),
    }
}
