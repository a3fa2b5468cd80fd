//! Counts of what happened in all rounds.

use std::collections::BTreeMap;

use test_support::Service;

use super::workload::{THEMES, Theme};
use crate::{answers::Answer, calls::Call, execute::Reply};

/// How many calls in a thousand may lose a race even after the service's retries, where no channel is deleted meanwhile.
const ABORTED_PER_MILLE: u64 = 1;

/// Counts of what happened.
#[derive(Default)]
pub struct Statistics {
    pub round_count: u64,
    pub call_count: u64,
    /// Calls that were made again, as they had lost a race: in rounds with a `DeleteChannel`, and in others.
    pub aborted_beside_deletion: u64,
    pub aborted_otherwise: u64,
    /// Rounds whose calls have an order only if the reasons of rejected contacts don't matter.
    pub unordered_reasons: u64,
    /// The most steps that a search took.
    pub most_tried: u64,
    themes: BTreeMap<Theme, u64>,
    answers: BTreeMap<String, u64>,
}

impl Statistics {
    /// Counts a round of a theme.
    pub fn round(&mut self, theme: Theme) {
        self.round_count += 1;
        *self.themes.entry(theme).or_default() += 1;
    }

    /// Counts a search for an order.
    pub fn searched(&mut self, tried: u64) {
        self.most_tried = self.most_tried.max(tried);
    }

    /// Counts an answer.
    pub fn answer(&mut self, call: &Call, reply: &Reply) {
        self.call_count += 1;
        let answer = match &reply.answer {
            Answer::Updated(_) if matches!(call, Call::ReadUpdate(_)) => "read",
            Answer::Updated(updated) if updated.outcome.replayed => "replayed",
            Answer::Updated(updated) if !updated.recorded => "validated",
            Answer::Updated(_) => "applied",
            Answer::Reverted(_) if matches!(call, Call::ReadUpdate(_)) => "read",
            Answer::Reverted(reverted) if reverted.replayed => "revert replayed",
            Answer::Reverted(_) => "reverted",
            Answer::Refused(refused) => &refused.reason,
            Answer::Done => "done",
            Answer::Preferences(_) => "opted in or out",
            Answer::Members(_) | Answer::List { .. } | Answer::Contact(..) => "read",
        };
        *self.answers.entry(answer.to_owned()).or_default() += 1;
    }

    /// All counts, in a line.
    pub fn line(&self, service: &Service) -> String {
        let database = if service.database().is_postgres() {
            "PostgreSQL"
        } else {
            "SQLite"
        };
        let answers: Vec<_> = self
            .answers
            .iter()
            .map(|(answer, n)| format!("{answer} {n}"))
            .collect();
        format!(
            "races on {database}: {} rounds, {} calls; {}; aborted {} beside a deletion of a channel, {} otherwise; \
             at most {} steps to an order; {} rounds with reasons of rejections that have none; without an order 0",
            self.round_count,
            self.call_count,
            answers.join(", "),
            self.aborted_beside_deletion,
            self.aborted_otherwise,
            self.most_tried,
            self.unordered_reasons,
        )
    }

    /// Checks that what the test is about did happen, and that hardly a call lost a race.
    pub fn assert_covered(&self, is_long: bool) {
        let most = 2 + self.call_count * ABORTED_PER_MILLE / 1000;
        assert!(
            self.aborted_otherwise <= most,
            "{} calls lost a race",
            self.aborted_otherwise
        );
        let most = 1 + self.round_count / 20;
        assert!(
            self.unordered_reasons <= most,
            "{} rounds have reasons without an order",
            self.unordered_reasons
        );
        if !is_long {
            return;
        }
        for theme in THEMES {
            assert!(
                self.themes.contains_key(&theme),
                "no round was of {theme:?}"
            );
        }
        for answer in [
            "CONTACTS_REJECTED",
            "CONTACT_LIST_NOT_ACTIVE",
            "REQUEST_ID_REUSED",
            "RESOURCE_ALREADY_EXISTS",
            "RESOURCE_IN_USE",
            "RESOURCE_NOT_FOUND",
            "UPDATE_NOT_LATEST",
            "applied",
            "reverted",
            "revert replayed",
            "replayed",
            "validated",
        ] {
            assert!(
                self.answers.contains_key(answer),
                "no call was answered {answer}"
            );
        }
        assert!(self.most_tried > 100, "the calls did not overlap");
    }
}
