//! After a kill: what was answered is there, what was not is there in full or not at all, and what is repeated acts once.

use std::collections::VecDeque;

use contact_lists::proto::UpdateContactListContactsResponse as Outcome;
use tokio::time::{Duration, Instant, timeout};
use tonic::Status;

use super::{
    callers::Entry,
    logs::*,
    office::{HISTORY, Office},
    workload::{SHARED_LIST, numbers},
};
use crate::{
    model::{Call, Update},
    random::Random,
    support::*,
    wire::request_of,
    world::{AtOnce, Reply},
};

/// How many of the updates that were answered are repeated after a kill.
const REPEAT_COUNT: usize = 4;

/// How long a call may take after everything has started again.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);

impl Office {
    /// Checks what the calls of a round have left, and repeats those that can be.
    pub async fn settle(
        &mut self,
        mut logs: Logs,
        killed_program: Option<String>,
        mut random: Random,
    ) -> Result<(), String> {
        self.count(&logs);
        if killed_program.is_none() {
            until_serving(&self.caller()).await;
        }
        // A killed server's last commit may still be under way in PostgreSQL. A caller need not wait for that.
        let at_once = self.is_postgres() && random.percent(50);
        if at_once {
            self.repeat_at_once(&mut logs).await?;
        }
        if let Some(name) = &killed_program {
            self.check_leaks(name).await?;
        }
        let cut_off = self.cut_off_updates(&mut logs).await?;
        let unclear = take_cut_off(&mut logs);
        self.apply(logs).await?;
        self.explain(unclear).await?;
        self.repeat(cut_off).await?;
        self.repeat_answered(&mut random).await
    }

    fn count(&mut self, logs: &Logs) {
        for entry in logs.iter().flatten() {
            self.tally.call_count += 1;
            self.tally.acknowledged += u64::from(entry.reply.is_some());
        }
    }

    /// Repeats the updates without an answer as a caller would who knows nothing.
    async fn repeat_at_once(&mut self, logs: &mut Logs) -> Result<(), String> {
        let caller = self.caller();
        for entry in logs.iter_mut().filter_map(|log| log.last_mut()) {
            if let (Call::Update(update), None) = (&entry.call, &entry.reply) {
                let reply = self.make(&caller, update).await?;
                match is_replayed(&reply) {
                    true => self.tally.updates_applied += 1,
                    false => self.tally.updates_absent += 1,
                }
                entry.reply = Some(first_answer(reply));
            }
        }
        Ok(())
    }

    /// Nothing of a killed program is left: no file, no connection, no transaction, no lock.
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

    /// Looks up the updates without an answer. Those that are recorded get their answers; the others are taken out of the
    /// logs, as if they had not been made. Answers both, with the outcomes of those that are recorded.
    async fn cut_off_updates(
        &mut self,
        logs: &mut Logs,
    ) -> Result<Vec<(Update, Option<Outcome>)>, String> {
        let caller = self.caller();
        let mut cut_off = Vec::new();
        for log in logs {
            let Some(Entry {
                call: Call::Update(update),
                reply: None,
            }) = log.last().cloned()
            else {
                continue;
            };
            let request = update.request.expect("a request_id");
            let recorded = self.look(&caller, &Call::ReadUpdate(request)).await;
            let recorded =
                recorded.map_err(|status| format!("no look at {request}: {status:?}"))?;
            let last = log.len() - 1;
            match recorded.outcome.clone() {
                Some(outcome) => {
                    self.tally.updates_applied += 1;
                    log[last].reply = Some(recorded);
                    cut_off.push((update, Some(outcome)));
                }
                None => {
                    self.tally.updates_absent += 1;
                    log.pop();
                    cut_off.push((update, None));
                }
            }
        }
        Ok(cut_off)
    }

    /// Makes the answered calls in the model, and compares the answers. Each caller's calls come in their order, and the
    /// updates of the shared list in that of their records.
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
        let expected = self.model.call(&without_request(&entry.call));
        if expected != reply.answer {
            return Err(format!(
                "{:?}\nwas answered {:?}\nnot {expected:?}",
                entry.call, reply.answer
            ));
        }
        if let (Call::Update(update), Some(outcome)) = (entry.call, reply.outcome) {
            self.record_count += 1;
            self.history.push_back((update, outcome));
            if self.history.len() > HISTORY {
                self.history.pop_front();
            }
        }
        Ok(())
    }

    /// What is stored is what the model has, after some of the calls without an answer that no record tells of.
    async fn explain(&mut self, unclear: Vec<Call>) -> Result<(), String> {
        let reader = self.reader();
        let stored = reader.state(numbers()).await?;
        let record_count = reader.record_count().await;
        if record_count != self.record_count {
            let expected = self.record_count;
            return Err(format!(
                "{record_count} updates are recorded, and {expected} were applied"
            ));
        }
        for applied in 0_u32..1 << unclear.len() {
            let mut model = self.model.clone();
            for (n, call) in unclear.iter().enumerate() {
                if applied & 1 << n != 0 {
                    model.call(call);
                }
            }
            if model == stored {
                self.model = model;
                self.tally.others_applied += u64::from(applied.count_ones());
                self.tally.others_absent += unclear.len() as u64 - u64::from(applied.count_ones());
                return Ok(());
            }
        }
        Err(format!(
            "{}; not answered: {unclear:?}",
            difference(&self.model, &stored)
        ))
    }

    /// Repeats the updates without an answer: those that are recorded are replayed, the others act now.
    async fn repeat(&mut self, cut_off: Vec<(Update, Option<Outcome>)>) -> Result<(), String> {
        let caller = self.caller();
        for (update, recorded) in cut_off {
            let reply = self.make(&caller, &update).await?;
            if let Some(recorded) = recorded {
                assert_replay(&update, &reply, &recorded)?;
                continue;
            }
            if is_replayed(&reply) {
                return Err(format!(
                    "{update:?} was not recorded, and is replayed: {reply:?}"
                ));
            }
            if update.list == SHARED_LIST && reply.outcome.is_some() {
                self.shared_record_count += 1;
            }
            self.apply_one(Entry {
                call: Call::Update(update),
                reply: Some(reply),
            })?;
        }
        Ok(())
    }

    /// Repeats some of the updates that were answered.
    async fn repeat_answered(&mut self, random: &mut Random) -> Result<(), String> {
        let caller = self.caller();
        for _ in 0..REPEAT_COUNT.min(self.history.len()) {
            let (update, outcome) = self.history[random.below(self.history.len())].clone();
            let reply = self.make(&caller, &update).await?;
            assert_replay(&update, &reply, &outcome)?;
        }
        Ok(())
    }

    /// Reads, again while the database is out of reach: a machine that stalls keeps a new server from it for a while.
    async fn look(&self, caller: &Client, call: &Call) -> Result<Reply, Status> {
        let start = Instant::now();
        loop {
            match self.world.make(caller, call, AtOnce).await {
                Err(status)
                    if status.code() == Code::Unavailable && start.elapsed() < ANSWER_LIMIT => {}
                answer => return answer,
            }
        }
    }

    async fn make(&mut self, caller: &Client, update: &Update) -> Result<Reply, String> {
        let call = Call::Update(update.clone());
        let reply = timeout(ANSWER_LIMIT, self.world.make(caller, &call, AtOnce)).await;
        let reply = reply.map_err(|_| format!("no answer to {call:?}"))?;
        let reply = reply.map_err(|status| format!("{call:?} failed: {status:?}"))?;
        self.tally.repeated += 1;
        self.tally.replayed += u64::from(is_replayed(&reply));
        Ok(reply)
    }

    /// Reads everything through the calls: the lists with their members, and some people with all that belongs to them.
    pub async fn check_through_calls(&self) {
        let (caller, mut model) = (self.caller(), self.model.clone());
        for list in 0..=SHARED_LIST {
            let read = self
                .look(&caller, &Call::ReadList(list))
                .await
                .expect("a list");
            assert_eq!(read.answer, model.call(&Call::ReadList(list)));
            let members = caller.members(&self.world.lists[usize::from(list)]).await;
            let expected: Vec<String> = model.members(list).map(number).collect();
            assert_eq!(phones(&members), expected, "list {list}");
        }
        for n in numbers().step_by(7) {
            let call = Call::ReadPerson(n);
            let read = self.look(&caller, &call).await.expect("a contact");
            assert_eq!(read.answer, model.call(&call));
        }
    }
}
