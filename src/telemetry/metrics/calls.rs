//! What is measured of calls.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
};
use strum::IntoEnumIterator;

use super::{
    super::{
        call::Phase,
        running_call::{EndedCall, Origin},
    },
    Metrics, durations,
};
use crate::{
    domain::{update_outcome::Counts, violation::Reason},
    error::reason_name,
};

/// The contract's numbers of what is wrong with a contact end before this one, and begin with that of [`Reason::FieldRequired`].
const CONTACT_REASONS_END: i32 = 100;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByResult {
    method: &'static str,
    status: &'static str,
    /// Empty for a call that ended without an error of the service.
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByMethod {
    method: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByPhase {
    method: &'static str,
    phase: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByOutcome {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByChange {
    change: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByReason {
    reason: &'static str,
}

/// What is measured of calls. Cheap to clone; all clones count together.
#[derive(Debug, Clone)]
pub struct CallMetrics {
    running: Gauge,
    ended: Family<ByResult, Counter>,
    durations: Family<ByMethod, Histogram, fn() -> Histogram>,
    phases: Family<ByPhase, Histogram, fn() -> Histogram>,
    contacts: Family<ByOutcome, Counter>,
    members: Family<ByChange, Counter>,
    opt_ins: Counter,
    kept_opt_outs: Counter,
    rejections: Family<ByReason, Counter>,
    replays: Counter,
    defects: Counter,
}

impl Default for CallMetrics {
    fn default() -> Self {
        let metrics = Self {
            running: Gauge::default(),
            ended: Family::default(),
            durations: Family::new_with_constructor(durations),
            phases: Family::new_with_constructor(durations),
            contacts: Family::default(),
            members: Family::default(),
            opt_ins: Counter::default(),
            kept_opt_outs: Counter::default(),
            rejections: Family::default(),
            replays: Counter::default(),
            defects: Counter::default(),
        };
        // So that the first one is an increase.
        metrics.count(&Counts::default());
        let numbers = Reason::FieldRequired as i32..CONTACT_REASONS_END;
        for reason in numbers.filter_map(|number| Reason::try_from(number).ok()) {
            metrics.count_rejections(reason, 0);
        }
        metrics
    }
}

impl CallMetrics {
    /// Adds them to `metrics`.
    #[rustfmt::skip] // A table: a row for each metric.
    pub fn register(&self, metrics: &mut Metrics) {
        metrics.add("running_calls", "Calls that are running, but for those that need no key", self.running.clone());
        metrics.add("calls_total", "Calls that have ended, by method, status and reason", self.ended.clone());
        metrics.add("internal_errors_total", "Calls that ended with INTERNAL, which is a defect of the service", self.defects.clone());
        metrics.add("call_duration_seconds", "How long calls took, by method", self.durations.clone());
        metrics.add("call_phase_duration_seconds", "How long the phases of calls took, by method and phase", self.phases.clone());
        metrics.add("contacts_total", "Contacts of applied updates, by outcome", self.contacts.clone());
        metrics.add("members_total", "Contacts that applied updates added to lists or removed from them", self.members.clone());
        metrics.add("opt_ins_total", "Pairs of a contact and a channel that applied updates opted in", self.opt_ins.clone());
        metrics.add("kept_opt_outs_total", "Pairs of a contact and a channel that an opt-out kept applied updates from opting in", self.kept_opt_outs.clone());
        metrics.add("rejected_contacts_total", "Contacts that updates and OptOutContacts rejected, applied or not, by reason: one with several counts for each", self.rejections.clone());
        metrics.add("replayed_updates_total", "Updates answered with the recorded outcome of the same request_id", self.replays.clone());
    }

    /// Counts a call that begins.
    pub(in crate::telemetry) fn begin(&self, origin: &Origin) {
        if !origin.is_open {
            self.running.inc();
        }
    }

    /// Counts a call that ends.
    pub(in crate::telemetry) fn end(&self, ended: &EndedCall<'_>) {
        let (method, call) = (ended.origin.method, ended.call);
        if !ended.origin.is_open {
            self.running.dec();
        }
        let result = ByResult {
            method,
            status: ended.status,
            reason: ended.reason.unwrap_or_default(),
        };
        self.ended.get_or_create(&result).inc();
        if call.error_id.is_some() {
            self.defects.inc();
        }
        let duration = (ended.end - ended.start).as_secs_f64();
        self.durations
            .get_or_create(&ByMethod { method })
            .observe(duration);
        for phase in Phase::iter() {
            if let Some(duration) = call.duration(phase) {
                let labels = ByPhase {
                    method,
                    phase: phase.name(),
                };
                self.phases
                    .get_or_create(&labels)
                    .observe(duration.as_secs_f64());
            }
        }
        if call.validate_only {
            return;
        }
        for (reason, count) in &call.rejected_by_reason {
            self.count_rejections(*reason, *count);
        }
        match call.counts {
            Some(_) if call.replayed => {
                self.replays.inc();
            }
            Some(counts) => self.count(&counts),
            None => {}
        }
    }

    fn count_rejections(&self, reason: Reason, count: u64) {
        let reason = reason_name(reason);
        let rejections = self.rejections.get_or_create(&ByReason { reason });
        rejections.inc_by(count);
    }

    /// Counts what an applied update did.
    fn count(&self, counts: &Counts) {
        for (outcome, count) in [
            ("created", counts.created),
            ("updated", counts.updated),
            ("unchanged", counts.unchanged),
            ("duplicate", counts.duplicate),
            ("rejected", counts.rejected),
        ] {
            self.contacts
                .get_or_create(&ByOutcome { outcome })
                .inc_by(count);
        }
        for (change, count) in [("added", counts.added), ("removed", counts.removed)] {
            self.members
                .get_or_create(&ByChange { change })
                .inc_by(count);
        }
        self.opt_ins.inc_by(counts.opted_in);
        self.kept_opt_outs.inc_by(counts.kept_opt_out);
    }
}
