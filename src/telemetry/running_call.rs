//! Calls from start to end.

use std::{net::SocketAddr, time::Instant};

use super::{
    call::{Call, CallRecord},
    call_line,
    metrics::CallMetrics,
    trace_parent::TraceParent,
    traces::Traces,
};

/// Where the ends of a server's calls are told. Cheap to clone.
#[derive(Clone)]
pub struct Calls {
    metrics: CallMetrics,
    traces: Option<Traces>,
}

/// What is known of a call at its start.
#[derive(Debug)]
pub struct Origin {
    /// The call's name.
    pub method: &'static str,
    /// Whether it needs no key.
    pub is_open: bool,
    /// Where it comes from.
    pub peer: Option<SocketAddr>,
    /// The caller's own name for it.
    pub x_request_id: Option<String>,
    /// The caller's span.
    pub trace_parent: Option<TraceParent>,
}

/// A call that has ended.
pub(super) struct EndedCall<'a> {
    pub origin: &'a Origin,
    pub call: &'a Call,
    pub status: &'static str,
    pub reason: Option<&'static str>,
    pub start: Instant,
    pub end: Instant,
}

/// A call that is running. Dropped before its end, it was cancelled.
pub struct RunningCall {
    calls: Calls,
    origin: Origin,
    record: CallRecord,
    start: Instant,
    has_ended: bool,
}

impl Calls {
    /// Counts calls in `metrics`, and sends their spans to `traces`, if there is a collector for them.
    pub fn new(metrics: CallMetrics, traces: Option<Traces>) -> Self {
        Self { metrics, traces }
    }

    /// Begins a call.
    pub fn begin(&self, origin: Origin) -> RunningCall {
        self.metrics.begin(&origin);
        RunningCall {
            calls: self.clone(),
            origin,
            record: CallRecord::default(),
            start: Instant::now(),
            has_ended: false,
        }
    }
}

impl RunningCall {
    /// Returns its name.
    pub fn method(&self) -> &'static str {
        self.origin.method
    }

    /// Returns its record.
    pub fn record(&self) -> &CallRecord {
        &self.record
    }

    /// Ends it with a status, and the reason of an error.
    pub fn end(mut self, status: &'static str, reason: Option<&'static str>) {
        self.tell(status, reason);
    }

    /// The one place that makes of a record what operators see.
    fn tell(&mut self, status: &'static str, reason: Option<&'static str>) {
        self.has_ended = true;
        let (mut call, end) = (self.record.lock(), Instant::now());
        // A call that fails or is cancelled ends in the middle of a phase.
        call.end_phase(end);
        let ended = EndedCall {
            origin: &self.origin,
            call: &call,
            status,
            reason,
            start: self.start,
            end,
        };
        self.calls.metrics.end(&ended);
        let parent = self.origin.trace_parent.as_ref();
        let trace_id = match &self.calls.traces {
            Some(traces) if !self.origin.is_open => Some(traces.add(&ended)),
            _ => parent.map(|parent| parent.trace_id),
        };
        call_line::write(&ended, trace_id);
    }
}

impl Drop for RunningCall {
    fn drop(&mut self) {
        if !self.has_ended {
            self.tell("CANCELLED", None);
        }
    }
}
