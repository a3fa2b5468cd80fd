//! After a kill: calls that were answered are stored, the others are stored in full or not at all, and repeated ones act once.

use std::collections::VecDeque;

use test_support::*;
use tokio::time::{Duration, Instant, timeout};
use tonic::Status;

use super::{
    callers::Entry,
    harness::{HISTORY, Harness},
    logs::*,
    workload::{SHARED_LIST, numbers},
};
use crate::{
    answers::Recorded,
    calls::Call,
    execute::{AtOnce, Reply},
    values::request_of,
};

/// How many of the updates and reverts that were answered are repeated after a kill.
const REPEAT_COUNT: usize = 4;

/// How long a call may take after everything has started again.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);

impl Harness {
    /// Checks what the calls of a round have left, and repeats those that can be repeated.
    pub async fn check_recovery(
        &mut self,
        mut logs: Logs,
        killed_program: Option<String>,
        mut random: Random,
    ) -> Result<(), String> {
        self.count(&logs);
        if killed_program.is_none() {
            self.caller().until_answered().await;
        }
        // PostgreSQL may still be at a killed server's last commit. A caller need not wait for that.
        let at_once = self.is_postgres() && random.percent(50);
        if at_once {
            self.repeat_at_once(&mut logs).await?;
        }
        if let Some(name) = &killed_program {
            self.check_leaks(name).await?;
        }
        let unanswered = self.look_up_unanswered(&mut logs).await?;
        let unknown = take_unanswered(&mut logs);
        self.apply(logs).await?;
        self.explain(unknown).await?;
        self.repeat(unanswered).await?;
        self.replica.forget_updates();
        self.repeat_answered(&mut random).await
    }

    fn count(&mut self, logs: &Logs) {
        for entry in logs.iter().flatten() {
            self.statistics.call_count += 1;
            self.statistics.acknowledged += u64::from(entry.reply.is_some());
        }
    }

    /// Repeats the updates and reverts without an answer, as a caller does that knows no more than that.
    async fn repeat_at_once(&mut self, logs: &mut Logs) -> Result<(), String> {
        let caller = self.caller();
        for entry in logs.iter_mut().filter_map(|log| log.last_mut()) {
            if entry.call.request().is_some() && entry.reply.is_none() {
                let reply = self.make(&caller, &entry.call).await?;
                match is_replayed(&reply) {
                    true => self.statistics.updates_applied += 1,
                    false => self.statistics.updates_absent += 1,
                }
                entry.reply = Some(first_answer(reply));
            }
        }
        Ok(())
    }

    /// Checks that nothing of a killed server is left: no file, no connection, no transaction, no lock.
    async fn check_leaks(&self, name: &str) -> Result<(), String> {
        let leaks = self.temporary.leaks();
        if !leaks.is_empty() {
            return Err(format!("the killed server has left {leaks:?}"));
        }
        if !self.is_postgres() {
            let sql = "SELECT integrity_check = 'ok' FROM pragma_integrity_check";
            return match self.database.rows(sql).await {
                1 => Ok(()),
                _ => Err("the database's file is damaged".to_owned()),
            };
        }
        let connections = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name IN ('{name}', 'contact-lists')"
        );
        until("no connection of the killed server is left", async || {
            self.database.rows(&connections).await == 0
        })
        .await;
        let locks = "SELECT count(*) FROM pg_locks WHERE pid IS NULL OR pid NOT IN (SELECT pid FROM pg_stat_activity)";
        until("no lock of the killed server is left", async || {
            self.database.rows(locks).await == 0
        })
        .await;
        match self
            .database
            .rows("SELECT count(*) FROM pg_prepared_xacts")
            .await
        {
            0 => Ok(()),
            _ => Err("a prepared transaction is left".to_owned()),
        }
    }

    /// Looks up the updates and reverts without an answer. Those that are recorded get their answers; the others are removed from the
    /// logs, as if they had not been made. Returns both, with the answers of those that are recorded.
    async fn look_up_unanswered(
        &mut self,
        logs: &mut Logs,
    ) -> Result<Vec<(Call, Option<Recorded>)>, String> {
        let caller = self.caller();
        let mut unanswered = Vec::new();
        for log in logs {
            let Some(Entry { call, reply: None }) = log.last().cloned() else {
                continue;
            };
            let Some(request) = call.request() else {
                continue;
            };
            let recorded = self.read(&caller, &Call::ReadUpdate(request)).await;
            let found = recorded
                .map_err(|status| format!("request {request} can't be read: {status:?}"))?;
            let last = log.len() - 1;
            match found.recorded.clone() {
                Some(recorded) => {
                    self.statistics.updates_applied += 1;
                    log[last].reply = Some(found);
                    unanswered.push((call, Some(recorded)));
                }
                None => {
                    self.statistics.updates_absent += 1;
                    log.pop();
                    unanswered.push((call, None));
                }
            }
        }
        Ok(unanswered)
    }

    /// Makes the answered calls on the replica, and compares the answers. Each caller's calls come in order, and the updates
    /// of the shared list in the order of their records.
    async fn apply(&mut self, logs: Logs) -> Result<(), String> {
        let reader = self.reader();
        let shared = reader.requests(SHARED_LIST).await;
        let new = shared
            .get(self.shared_record_count..)
            .ok_or("records are gone")?;
        let mut order: VecDeque<u32> = new.iter().map(|id| request_of(*id)).collect();
        self.shared_record_count = shared.len();
        let mut logs: Vec<VecDeque<Entry>> = logs.into_iter().map(VecDeque::from).collect();
        loop {
            let mut is_stuck = true;
            for log in &mut logs {
                while let Some(entry) = log.front() {
                    if let Some(request) = shared_request(entry) {
                        if order.front() != Some(&request) {
                            break;
                        }
                        order.pop_front();
                    }
                    is_stuck = false;
                    let entry = log.pop_front().expect("the entry");
                    self.apply_one(entry)?;
                }
            }
            if is_stuck {
                break;
            }
        }
        let left: Vec<_> = logs.iter().filter_map(VecDeque::front).collect();
        if !left.is_empty() || !order.is_empty() {
            return Err(format!(
                "the shared list's records {order:?} are not those of {left:#?}"
            ));
        }
        Ok(())
    }

    fn apply_one(&mut self, entry: Entry) -> Result<(), String> {
        let reply = entry.reply.expect("an answer");
        let expected = self.replica.call(&self.ids, &entry.call);
        if expected != reply.answer {
            return Err(format!(
                "{:?}\nwas answered {:?}\nnot {expected:?}",
                entry.call, reply.answer
            ));
        }
        if let Some(recorded) = reply.recorded {
            self.statistics.reverts += u64::from(matches!(recorded, Recorded::Revert(_)));
            self.record_count += 1;
            self.history.push_back((entry.call, recorded));
            if self.history.len() > HISTORY {
                self.history.pop_front();
            }
        }
        Ok(())
    }

    /// Checks that what is stored is what the replica has after some of the calls of which it is unknown whether they were
    /// applied.
    async fn explain(&mut self, unknown: Vec<Call>) -> Result<(), String> {
        let reader = self.reader();
        let stored = reader.snapshot(numbers()).await?;
        let record_count = reader.record_count().await;
        if record_count != self.record_count {
            let expected = self.record_count;
            return Err(format!(
                "{record_count} updates are recorded, and {expected} were applied"
            ));
        }
        for applied in 0_u32..1 << unknown.len() {
            let mut replica = self.replica.clone();
            for (n, call) in unknown.iter().enumerate() {
                if applied & 1 << n != 0 {
                    replica.call(&self.ids, call);
                }
            }
            if replica.snapshot(&self.ids) == stored {
                self.replica = replica;
                self.statistics.others_applied += u64::from(applied.count_ones());
                self.statistics.others_absent +=
                    unknown.len() as u64 - u64::from(applied.count_ones());
                return Ok(());
            }
        }
        Err(format!(
            "{}; not answered: {unknown:?}",
            difference(&self.replica.snapshot(&self.ids), &stored)
        ))
    }

    /// Repeats the calls without an answer: those that are recorded are replayed, the others act now.
    async fn repeat(&mut self, unanswered: Vec<(Call, Option<Recorded>)>) -> Result<(), String> {
        let caller = self.caller();
        for (call, recorded) in unanswered {
            let reply = self.make(&caller, &call).await?;
            if let Some(recorded) = recorded {
                check_replay(&call, &reply, &recorded)?;
                continue;
            }
            if is_replayed(&reply) {
                return Err(format!(
                    "{call:?} was not recorded, and is replayed: {reply:?}"
                ));
            }
            let entry = Entry {
                call,
                reply: Some(reply),
            };
            self.shared_record_count += usize::from(shared_request(&entry).is_some());
            self.apply_one(entry)?;
        }
        Ok(())
    }

    /// Repeats some of the updates and reverts that were answered.
    async fn repeat_answered(&mut self, random: &mut Random) -> Result<(), String> {
        let caller = self.caller();
        for _ in 0..REPEAT_COUNT.min(self.history.len()) {
            let (call, recorded) = self.history[random.below(self.history.len())].clone();
            let reply = self.make(&caller, &call).await?;
            check_replay(&call, &reply, &recorded)?;
        }
        Ok(())
    }

    /// Makes a reading call, again while the database is unavailable: a machine that stalls can keep a new server from it.
    async fn read(&self, caller: &Client, call: &Call) -> Result<Reply, Status> {
        let start = Instant::now();
        loop {
            match self.ids.execute(caller, call, AtOnce).await {
                Err(status)
                    if status.code() == Code::Unavailable && start.elapsed() < ANSWER_LIMIT => {}
                answer => return answer,
            }
        }
    }

    async fn make(&mut self, caller: &Client, call: &Call) -> Result<Reply, String> {
        let reply = timeout(ANSWER_LIMIT, self.ids.execute(caller, call, AtOnce)).await;
        let reply = reply.map_err(|_| format!("no answer to {call:?}"))?;
        let reply = reply.map_err(|status| format!("{call:?} failed: {status:?}"))?;
        self.statistics.repeated += 1;
        self.statistics.replayed += u64::from(is_replayed(&reply));
        Ok(reply)
    }

    /// Reads through the API: the lists with their members, and some contacts with all that belongs to them.
    pub async fn check_through_calls(&self) {
        let (caller, mut replica) = (self.caller(), self.replica.clone());
        for list in 0..=SHARED_LIST {
            let read = self
                .read(&caller, &Call::ReadList(list))
                .await
                .expect("a list");
            assert_eq!(read.answer, replica.call(&self.ids, &Call::ReadList(list)));
            let read = caller.members(self.ids.list(list)).await;
            let members = replica.members(&self.ids, list);
            let mut expected: Vec<String> = members.map(number).collect();
            expected.sort();
            assert_eq!(phones(&read), expected, "list {list}");
        }
        for n in numbers().step_by(7) {
            let call = Call::ReadContact(n);
            let read = self.read(&caller, &call).await.expect("a contact");
            assert_eq!(read.answer, replica.call(&self.ids, &call));
        }
    }
}
