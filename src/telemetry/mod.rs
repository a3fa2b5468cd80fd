//! What operators see of the service: the log, metrics and traces.
//!
//! A call has one record, which the layers and its handler fill in. When the call ends, its line in the log, its metrics and
//! its spans are made of it.

mod call;
mod call_line;
mod log;
mod metrics;
mod running_call;
mod trace_parent;
mod traces;

pub use self::{
    call::{Call, CallRecord, Phase, begin_phase, note},
    log::{LogFormat, start},
    metrics::{
        CallMetrics, Connections, DatabaseMetrics, JobMetrics, MetricDescription, Metrics, Pool,
        ProcessMetrics, Queue,
    },
    running_call::{Calls, Origin, RunningCall},
    trace_parent::TraceParent,
    traces::Traces,
};
