//! Is there an order, one call after another, in which the reference model gives every call the answer that it got?

use std::collections::HashSet;

use crate::{
    calls::Call,
    execute::Reply,
    id_map::IdMap,
    replica::{Fingerprint, Replica},
    snapshot::Snapshot,
};

/// A call that was made, with what it returned.
#[derive(Clone, Debug)]
pub struct Made {
    pub call: Call,
    pub reply: Reply,
    /// When it was made and when it was answered, on a clock that ticks with each of these.
    pub start: u64,
    pub end: u64,
}

/// The search for an order.
pub struct Search<'a> {
    ids: &'a IdMap,
    calls: &'a [Made],
    /// What the database has in the end.
    stored: &'a Snapshot,
    /// Whether an update is reverted: what undo needs is not in a fingerprint.
    has_reverts: bool,
    /// Whether the reasons of rejected contacts are compared.
    with_reasons: bool,
    /// What has led nowhere: a set of calls, and all that they have left.
    dead_ends: HashSet<(u64, Fingerprint)>,
    /// How many calls were tried at some position of an order.
    pub tried: u64,
    /// The longest order with the right answers, for the message when there is no complete one.
    best: Vec<usize>,
    order: Vec<usize>,
    /// The snapshot after a complete order that gave the right answers but should have left something else.
    wrong_end: Option<Snapshot>,
}

impl<'a> Search<'a> {
    /// A search for an order of calls after which this is stored.
    pub fn new(ids: &'a IdMap, calls: &'a [Made], stored: &'a Snapshot) -> Self {
        assert!(calls.len() <= 64, "too many calls for one search");
        Self {
            ids,
            calls,
            stored,
            has_reverts: calls.iter().any(|it| matches!(it.call, Call::Revert(_))),
            with_reasons: true,
            dead_ends: HashSet::new(),
            tried: 0,
            best: Vec::new(),
            order: Vec::new(),
            wrong_end: None,
        }
    }

    /// The same search, in which the reasons of rejected contacts don't matter.
    pub fn without_reasons(self) -> Self {
        Self {
            with_reasons: false,
            ..Self::new(self.ids, self.calls, self.stored)
        }
    }

    /// Searches. Fails with what came closest if there is no order.
    pub fn run(&mut self, start: Replica) -> Result<(), String> {
        if self.extend(0, start) {
            Ok(())
        } else {
            Err(self.error())
        }
    }

    /// Adds one of the remaining calls to the order, and so on. Returns whether that completes it.
    fn extend(&mut self, made: u64, replica: Replica) -> bool {
        if self.order.len() > self.best.len() {
            self.best.clone_from(&self.order);
        }
        if self.order.len() == self.calls.len() {
            let end = replica.snapshot(self.ids);
            let is_right = end == *self.stored;
            self.wrong_end = (!is_right).then_some(end);
            return is_right;
        }
        let position = (made, replica.fingerprint(self.ids));
        if !self.has_reverts && self.dead_ends.contains(&position) {
            return false;
        }
        for next in self.candidates(made) {
            let mut after = replica.clone();
            self.tried += 1;
            if self.is_right(&mut after, &self.calls[next]) {
                self.order.push(next);
                if self.extend(made | 1 << next, after) {
                    return true;
                }
                self.order.pop();
            }
        }
        self.dead_ends.insert(position);
        false
    }

    /// Makes a call on the replica. Returns whether that gives the answer that the call got.
    fn is_right(&self, replica: &mut Replica, made: &Made) -> bool {
        let expected = replica.call(self.ids, &made.call);
        if self.with_reasons {
            return expected == made.reply.answer;
        }
        expected.without_reasons() == made.reply.answer.clone().without_reasons()
    }

    /// The calls that can come next: those that were made before any remaining one was answered.
    fn candidates(&self, made: u64) -> Vec<usize> {
        let remaining = || (0..self.calls.len()).filter(|n| made & 1 << n == 0);
        let first_end = remaining().map(|n| self.calls[n].end).min();
        remaining()
            .filter(|n| Some(self.calls[*n].start) <= first_end)
            .collect()
    }

    fn error(&self) -> String {
        let mut lines =
            vec!["no order of the calls explains their answers and what is stored".to_owned()];
        for (n, made) in self.calls.iter().enumerate() {
            let position = self.best.iter().position(|best| *best == n);
            let position = position.map_or_else(|| "-".to_owned(), |it| it.to_string());
            let (start, end) = (made.start, made.end);
            lines.push(format!(
                "{position:>3} [{start}, {end}] {:?}\n      {:?}",
                made.call, made.reply.answer
            ));
        }
        if let Some(wrong_end) = &self.wrong_end {
            lines.push(format!("expected {wrong_end:#?}"));
        }
        lines.push(format!("stored {:#?}", self.stored));
        lines.join("\n")
    }
}
