//! Words about the logs that callers keep, and about answers that come again.

use contact_lists::proto::UpdateContactListContactsResponse as Outcome;

use super::{
    callers::Entry,
    workload::{SHARED_LIST, numbers},
};
use crate::{
    model::{Answer, Call, State, Update},
    support::*,
    world::Reply,
};

/// The calls of all callers, in their order.
pub type Logs = Vec<Vec<Entry>>;

/// Takes the calls without an answer out of the logs.
pub fn take_cut_off(logs: &mut Logs) -> Vec<Call> {
    let logs = logs.iter_mut();
    logs.filter_map(|log| Some(log.pop_if(|last| last.reply.is_none())?.call))
        .collect()
}

/// The request of an update of the shared list that was applied.
pub fn shared_request(entry: &Entry) -> Option<u32> {
    match (&entry.call, &entry.reply) {
        (
            Call::Update(update),
            Some(Reply {
                outcome: Some(_), ..
            }),
        ) if update.list == SHARED_LIST => update.request,
        _ => None,
    }
}

/// The model keeps no records here: the office does.
pub fn without_request(call: &Call) -> Call {
    match call {
        Call::Update(update) => Call::Update(Update {
            request: None,
            ..update.clone()
        }),
        other => other.clone(),
    }
}

pub fn is_replayed(reply: &Reply) -> bool {
    reply
        .outcome
        .as_ref()
        .is_some_and(|outcome| outcome.replayed)
}

/// A replay as the answer that it repeats.
pub fn first_answer(mut reply: Reply) -> Reply {
    if let (Answer::Updated(updated), Some(outcome)) = (&mut reply.answer, &mut reply.outcome) {
        (updated.replayed, outcome.replayed) = (false, false);
    }
    reply
}

pub fn assert_replay(update: &Update, reply: &Reply, recorded: &Outcome) -> Result<(), String> {
    let expected = Outcome {
        replayed: true,
        ..recorded.clone()
    };
    match &reply.outcome {
        Some(outcome) if *outcome == expected => Ok(()),
        _ => Err(format!(
            "{update:?}\nwas recorded as {recorded:?}\nand is replayed as {reply:?}"
        )),
    }
}

/// Waits until calls are answered again.
pub async fn until_serving(caller: &Client) {
    until("calls are answered", async || {
        let request = contact_lists::proto::ListChannelsRequest::default();
        caller.channels.clone().list_channels(request).await.is_ok()
    })
    .await;
}

/// Where two states differ, in a few lines.
pub fn difference(expected: &State, stored: &State) -> String {
    let mut lines = vec!["what is stored is not what the calls have left".to_owned()];
    for n in numbers() {
        let (one, other) = (expected.people.get(&n), stored.people.get(&n));
        if one != other {
            lines.push(format!("number {n}: expected {one:?}, stored {other:?}"));
        }
    }
    lines.truncate(12);
    let State {
        lists,
        channels,
        number_opt_outs,
        ..
    } = expected;
    lines.push(format!(
        "expected {lists:?} {channels:?} {number_opt_outs:?}"
    ));
    let State {
        lists,
        channels,
        number_opt_outs,
        ..
    } = stored;
    lines.push(format!("stored {lists:?} {channels:?} {number_opt_outs:?}"));
    lines.join("\n")
}
