//! Where PostgreSQL's time goes, by scenario and contestant: from `pg_stat_statements`.

use std::{collections::BTreeMap, time::Duration};

use sqlx::{Connection, PgConnection};

use crate::measure::Contestant;

/// How many characters of a statement are shown.
const TEXT_LENGTH: usize = 110;

/// The statements of the runs so far.
pub struct Profile {
    connection: PgConnection,
    runs: BTreeMap<(&'static str, Contestant), Runs>,
}

#[derive(Default)]
struct Runs {
    count: f64,
    wall_ms: f64,
    /// Calls, milliseconds and rows by statement.
    statements: BTreeMap<String, (i64, f64, i64)>,
}

impl Profile {
    /// Starts to profile.
    pub async fn start(url: &str) -> anyhow::Result<Self> {
        let mut connection = PgConnection::connect(url).await?;
        sqlx::query("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
            .execute(&mut connection)
            .await?;
        Ok(Self {
            connection,
            runs: BTreeMap::new(),
        })
    }

    /// Discards the statistics of what was before a run.
    pub async fn forget(&mut self) -> anyhow::Result<()> {
        sqlx::query("SELECT pg_stat_statements_reset()")
            .execute(&mut self.connection)
            .await?;
        Ok(())
    }

    /// Adds a run's statements.
    pub async fn note(
        &mut self,
        scenario: &'static str,
        who: Contestant,
        time: Duration,
    ) -> anyhow::Result<()> {
        let statements: Vec<(String, i64, f64, i64)> = sqlx::query_as(
            "SELECT query, calls, total_plan_time + total_exec_time, rows FROM pg_stat_statements \
            WHERE query NOT LIKE '%pg_stat_statements%'",
        )
        .fetch_all(&mut self.connection)
        .await?;
        let runs = self.runs.entry((scenario, who)).or_default();
        runs.count += 1.0;
        runs.wall_ms += time.as_secs_f64() * 1000.0;
        for (query, calls, ms, rows) in statements {
            let text = query.split_whitespace().collect::<Vec<_>>().join(" ");
            let sum = runs.statements.entry(text).or_default();
            *sum = (sum.0 + calls, sum.1 + ms, sum.2 + rows);
        }
        Ok(())
    }

    /// Prints the mean of the runs, the longest statements first.
    pub fn print(&self) {
        for ((scenario, who), runs) in &self.runs {
            let inside: f64 = runs.statements.values().map(|(_, ms, _)| ms).sum();
            println!(
                "\n{scenario}, {who:?}: {:.1} ms, of which {:.1} ms in PostgreSQL",
                runs.wall_ms / runs.count,
                inside / runs.count
            );
            let mut statements: Vec<_> = runs.statements.iter().collect();
            statements.sort_by(|(_, one), (_, other)| other.1.total_cmp(&one.1));
            for (text, (calls, ms, rows)) in statements {
                let text: String = text.chars().take(TEXT_LENGTH).collect();
                println!(
                    "{:>9.2} ms {:>6.1} × {:>8.0} rows  {text}",
                    ms / runs.count,
                    *calls as f64 / runs.count,
                    *rows as f64 / runs.count
                );
            }
        }
    }
}
