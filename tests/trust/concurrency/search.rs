//! Is there an order, one call after another, in which the model gives every call the answer that it got?

use std::collections::HashSet;

use crate::{
    model::{Call, State},
    world::Reply,
};

/// A call that was made, with what it answered.
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
    calls: &'a [Made],
    /// What the database has in the end.
    end: &'a State,
    /// Whether the reasons of rejected contacts are compared.
    with_reasons: bool,
    /// What has led nowhere: the calls that were made, and the state that they had led to.
    dead_ends: HashSet<(u64, State)>,
    /// How many calls were tried at some place of an order.
    pub tried: u64,
    /// The longest order that gave right answers, for the message when there is no whole one.
    best: Vec<usize>,
    order: Vec<usize>,
    /// Where a whole order gave right answers and a wrong state: that state.
    wrong_end: Option<State>,
}

impl<'a> Search<'a> {
    /// A search for an order of calls that ends in a state.
    pub fn new(calls: &'a [Made], end: &'a State) -> Self {
        assert!(calls.len() <= 64, "too many calls for one search");
        Self {
            calls,
            end,
            with_reasons: true,
            dead_ends: HashSet::new(),
            tried: 0,
            best: Vec::new(),
            order: Vec::new(),
            wrong_end: None,
        }
    }

    /// The same search, which takes every reason of a rejected contact for the same.
    pub fn without_reasons(self) -> Self {
        Self {
            with_reasons: false,
            ..Self::new(self.calls, self.end)
        }
    }

    /// Answers the state that an order leads to; fails with what came closest if there is none.
    pub fn run(&mut self, start: State) -> Result<State, String> {
        match self.extend(0, start) {
            Some(end) => Ok(end),
            None => Err(self.failure()),
        }
    }

    /// Adds one of the calls that are left to the order, and so on.
    fn extend(&mut self, made: u64, state: State) -> Option<State> {
        if self.order.len() > self.best.len() {
            self.best.clone_from(&self.order);
        }
        if self.order.len() == self.calls.len() {
            let ended = State {
                records: Default::default(),
                ..state.clone()
            };
            if ended == *self.end {
                return Some(state);
            }
            self.wrong_end = Some(ended);
            return None;
        }
        if self.dead_ends.contains(&(made, state.clone())) {
            return None;
        }
        for next in self.candidates(made) {
            let mut after = state.clone();
            self.tried += 1;
            if self.is_right(&mut after, &self.calls[next]) {
                self.order.push(next);
                if let Some(end) = self.extend(made | 1 << next, after) {
                    return Some(end);
                }
                self.order.pop();
            }
        }
        self.dead_ends.insert((made, state));
        None
    }

    /// Makes a call in the model, and answers whether that gives the answer that it got.
    fn is_right(&self, state: &mut State, made: &Made) -> bool {
        let expected = state.call(&made.call);
        if self.with_reasons {
            return expected == made.reply.answer;
        }
        expected.without_reasons() == made.reply.answer.clone().without_reasons()
    }

    /// The calls that can come next: none of those that are left was answered before one of them was made.
    fn candidates(&self, made: u64) -> Vec<usize> {
        let left = || (0..self.calls.len()).filter(|n| made & 1 << n == 0);
        let first_end = left().map(|n| self.calls[n].end).min();
        left()
            .filter(|n| Some(self.calls[*n].start) <= first_end)
            .collect()
    }

    fn failure(&self) -> String {
        let mut lines =
            vec!["no order of the calls explains their answers and what is stored".to_owned()];
        for (n, made) in self.calls.iter().enumerate() {
            let place = self.best.iter().position(|best| *best == n);
            let place = place.map_or_else(|| "-".to_owned(), |place| place.to_string());
            let (start, end) = (made.start, made.end);
            lines.push(format!(
                "{place:>3} [{start}, {end}] {:?}\n      {:?}",
                made.call, made.reply.answer
            ));
        }
        if let Some(wrong_end) = &self.wrong_end {
            lines.push(format!("expected {wrong_end:#?}"));
        }
        lines.push(format!("stored {:#?}", self.end));
        lines.join("\n")
    }
}
