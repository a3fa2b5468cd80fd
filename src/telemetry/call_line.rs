//! The line in the log that a call ends with.

use std::time::Duration;

use tracing::{
    Level, event,
    field::{DisplayValue, display},
};

use super::{
    call::{Call, Phase},
    running_call::EndedCall,
};
use crate::domain::update_header::Action;

/// Writes the line at a level, which the log must know when it is compiled. What is not known of the call is left out.
macro_rules! write_at {
    ($level:expr, $ended:expr, $trace_id:expr) => {{
        let (ended, origin, call) = ($ended, $ended.origin, $ended.call);
        event!(
            target: "contact_lists::call",
            parent: None,
            $level,
            method = origin.method,
            status = ended.status,
            reason = ended.reason,
            total_ms = milliseconds(ended.end - ended.start),
            authenticate_ms = phase(call, Phase::Authenticate),
            wait_ms = phase(call, Phase::Wait),
            handle_ms = phase(call, Phase::Handle),
            receive_ms = phase(call, Phase::Receive),
            fold_ms = phase(call, Phase::Fold),
            plan_ms = phase(call, Phase::Plan),
            write_ms = phase(call, Phase::Write),
            commit_ms = phase(call, Phase::Commit),
            read_ms = phase(call, Phase::Read),
            send_ms = phase(call, Phase::Send),
            organization_id = shown(call.organization_id.map(|id| id.0)),
            api_key_id = shown(call.api_key_id),
            contact_list_id = shown(call.contact_list_id),
            contact_id = shown(call.contact_id),
            channel_id = shown(call.channel_id),
            custom_object_id = shown(call.custom_object_id),
            action = call.action.map(Action::name),
            update_id = shown(call.update_id),
            request_id = shown(call.request_id),
            validate_only = call.validate_only.then_some(true),
            replayed = call.replayed.then_some(true),
            received_count = call.counts.map(|counts| counts.received).or(call.received_count),
            created_count = call.counts.map(|counts| counts.created),
            updated_count = call.counts.map(|counts| counts.updated),
            unchanged_count = call.counts.map(|counts| counts.unchanged).or(call.changed_pairs.map(|(_, unchanged)| unchanged)),
            duplicate_count = call.counts.map(|counts| counts.duplicate),
            rejected_count = call.counts.map(|counts| counts.rejected).or(call.rejected_count),
            added_count = call.counts.map(|counts| counts.added),
            removed_count = call.counts.map(|counts| counts.removed),
            opted_in_count = call.counts.map(|counts| counts.opted_in),
            kept_opt_out_count = call.counts.map(|counts| counts.kept_opt_out),
            changed_count = call.changed_pairs.map(|(changed, _)| changed),
            returned_count = call.returned_count,
            x_request_id = origin.x_request_id.as_deref(),
            trace_id = $trace_id.map(|id| display(format!("{id:032x}"))),
            peer = shown(origin.peer),
            error_id = shown(call.error_id),
            cause = call.cause.as_deref(),
            "call.ended"
        );
    }};
}

/// Writes the line: at error for a defect of the service, at warn where something that it needs is not there, at debug for
/// calls that need no key, and else at info.
pub(super) fn write(ended: &EndedCall<'_>, trace_id: Option<u128>) {
    if ended.call.error_id.is_some() {
        write_at!(Level::ERROR, ended, trace_id);
    } else if ended.call.cause.is_some() {
        write_at!(Level::WARN, ended, trace_id);
    } else if ended.origin.is_open {
        write_at!(Level::DEBUG, ended, trace_id);
    } else {
        write_at!(Level::INFO, ended, trace_id);
    }
}

fn shown<T: std::fmt::Display>(value: Option<T>) -> Option<DisplayValue<T>> {
    value.map(display)
}

/// How long a phase took in all, if the call had it.
fn phase(call: &Call, phase: Phase) -> Option<f64> {
    call.duration(phase).map(milliseconds)
}

/// With three decimals, which are microseconds.
fn milliseconds(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}
