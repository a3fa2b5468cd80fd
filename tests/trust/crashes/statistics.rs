//! Counts of what happened in all rounds.

use super::harness::Victim;

/// Counts of what happened.
#[derive(Default)]
pub struct Statistics {
    pub kill_count: u64,
    /// Kills of a server while it started.
    pub kills_in_start: u64,
    /// Kills of a server that kept contacts in a file.
    pub kills_with_spool: u64,
    pub call_count: u64,
    pub acknowledged: u64,
    /// Reverts that were applied.
    pub reverts: u64,
    /// Updates and reverts without an answer that were applied, and that were not.
    pub updates_applied: u64,
    pub updates_absent: u64,
    /// The same of calls without a `request_id`.
    pub others_applied: u64,
    pub others_absent: u64,
    /// Updates and reverts that were made again, and those of them that got the recorded answer.
    pub repeated: u64,
    pub replayed: u64,
}

impl Statistics {
    /// All counts, in a line.
    pub fn line(&self, victim: Victim, is_postgres: bool) -> String {
        let what = match (victim, is_postgres) {
            (Victim::Server, true) => "the server on PostgreSQL",
            (Victim::Server, false) => "the server on SQLite",
            (Victim::Postgres, _) => "PostgreSQL",
        };
        let unknown = self.call_count - self.acknowledged;
        format!(
            "kills of {what}: {} kills ({} with a spool) and {} of a server that was starting, {} calls, {} acknowledged, {} reverts, \
             {unknown} not: updates {} applied, {} absent, others {} applied, {} absent; \
             {} repeated, {} replayed; lost 0, done twice 0, leaked 0",
            self.kill_count,
            self.kills_with_spool,
            self.kills_in_start,
            self.call_count,
            self.acknowledged,
            self.reverts,
            self.updates_applied,
            self.updates_absent,
            self.others_applied,
            self.others_absent,
            self.repeated,
            self.replayed,
        )
    }

    /// Checks that what the test is about did happen.
    pub fn assert_covered(&self, victim: Victim, is_long: bool) {
        assert!(
            self.acknowledged > self.kill_count,
            "hardly a call was answered"
        );
        assert!(
            self.updates_applied + self.updates_absent > 0,
            "no kill met an update"
        );
        assert!(self.replayed > 0, "no update was replayed");
        if is_long {
            assert!(self.reverts > 0, "no update was reverted");
            assert!(
                self.updates_applied > 0,
                "no update without an answer was applied"
            );
            assert!(self.updates_absent > 0, "no update was cut off");
            assert!(
                self.others_applied + self.others_absent > 0,
                "no other call was cut off"
            );
            let has_spools = matches!(victim, Victim::Postgres) || self.kills_with_spool > 0;
            assert!(
                has_spools,
                "no server was killed that kept contacts in a file"
            );
        }
    }
}
