//! The logs that callers keep, and answers that are replayed.

use super::{
    callers::Entry,
    workload::{SHARED_LIST, numbers},
};
use crate::{answers::Recorded, calls::Call, execute::Reply, snapshot::Snapshot};

/// The calls of each caller, in order.
pub type Logs = Vec<Vec<Entry>>;

/// Removes the calls without an answer from the logs, and returns them.
pub fn take_unanswered(logs: &mut Logs) -> Vec<Call> {
    let logs = logs.iter_mut();
    logs.filter_map(|log| Some(log.pop_if(|last| last.reply.is_none())?.call))
        .collect()
}

/// The request of an applied update of the shared list.
pub fn shared_request(entry: &Entry) -> Option<u32> {
    match (&entry.call, &entry.reply) {
        (
            Call::Update(update),
            Some(Reply {
                recorded: Some(_), ..
            }),
        ) if update.list == SHARED_LIST => update.request,
        _ => None,
    }
}

/// Whether a reply is a recorded outcome.
pub fn is_replayed(reply: &Reply) -> bool {
    reply.recorded.as_ref().is_some_and(Recorded::is_replayed)
}

/// Returns the reply that a replay repeats.
pub fn first_answer(mut reply: Reply) -> Reply {
    if let Some(recorded) = reply.recorded {
        let first = recorded.with_replayed(false);
        reply.answer = first.answer();
        reply.recorded = Some(first);
    }
    reply
}

/// Checks that the reply to a call is its recorded answer.
pub fn check_replay(call: &Call, reply: &Reply, recorded: &Recorded) -> Result<(), String> {
    match &reply.recorded {
        Some(replayed) if *replayed == recorded.clone().with_replayed(true) => Ok(()),
        _ => Err(format!(
            "{call:?}\nwas recorded as {recorded:?}\nand is replayed as {reply:?}"
        )),
    }
}

/// How two snapshots differ, in a few lines.
pub fn difference(expected: &Snapshot, stored: &Snapshot) -> String {
    let mut lines = vec!["what is stored is not the result of the calls".to_owned()];
    for n in numbers() {
        let (one, other) = (expected.contacts.get(&n), stored.contacts.get(&n));
        if one != other {
            lines.push(format!("number {n}: expected {one:?}, stored {other:?}"));
        }
    }
    lines.truncate(12);
    let Snapshot {
        lists,
        channels,
        number_opt_outs,
        ..
    } = expected;
    lines.push(format!(
        "expected {lists:?} {channels:?} {number_opt_outs:?}"
    ));
    let Snapshot {
        lists,
        channels,
        number_opt_outs,
        ..
    } = stored;
    lines.push(format!("stored {lists:?} {channels:?} {number_opt_outs:?}"));
    lines.join("\n")
}
