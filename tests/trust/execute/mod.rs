//! Makes the tests' calls at the service.

mod others;
mod update;

use contact_lists::proto::UpdateContactListContactsResponse as Outcome;
use test_support::Client;
use tonic::Status;
use tonic_types::StatusExt;

use crate::{
    answers::{Answer, Updated},
    calls::Call,
    id_map::IdMap,
};

pub use update::{AtOnce, Pace, Stage};

/// The reasons for which calls may be refused here: each is one that a caller can act on.
const REFUSALS: [&str; 6] = [
    "CONTACTS_REJECTED",
    "CONTACT_LIST_NOT_ACTIVE",
    "REQUEST_ID_REUSED",
    "RESOURCE_ALREADY_EXISTS",
    "RESOURCE_IN_USE",
    "RESOURCE_NOT_FOUND",
];

/// How often a call is made that loses races.
const MAX_ATTEMPTS: u64 = 10;

/// What the service returned.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    pub answer: Answer,
    /// An update's whole outcome, to be compared with its replays.
    pub outcome: Option<Outcome>,
    /// How often the call was made before that lost a race.
    pub aborted_count: u64,
}

impl IdMap {
    /// Makes a call, again if it lost a race. Fails only where the service does.
    pub async fn execute(
        &self,
        caller: &Client,
        call: &Call,
        pace: impl Pace,
    ) -> Result<Reply, Status> {
        let mut aborted_count = 0;
        loop {
            let status = match self.try_execute(caller, call, pace.clone()).await {
                Ok((answer, outcome)) => {
                    return Ok(Reply {
                        answer,
                        outcome,
                        aborted_count,
                    });
                }
                Err(status) => status,
            };
            let reason = status.get_details_error_info().map(|info| info.reason);
            match reason.as_deref() {
                Some("CONCURRENT_CHANGE") if aborted_count + 1 < MAX_ATTEMPTS => aborted_count += 1,
                Some(reason) if REFUSALS.contains(&reason) => {
                    return Ok(Reply {
                        answer: Answer::Refused((&status).into()),
                        outcome: None,
                        aborted_count,
                    });
                }
                _ => return Err(status),
            }
        }
    }

    async fn try_execute(
        &self,
        caller: &Client,
        call: &Call,
        pace: impl Pace,
    ) -> Result<(Answer, Option<Outcome>), Status> {
        let outcome = match call {
            Call::Update(update) => self.update(caller, update, pace).await?,
            Call::ReadUpdate(request) => self.read_update(caller, *request).await?,
            _ => return Ok((self.other(caller, call).await?, None)),
        };
        let updated = Updated::new(outcome.clone(), !outcome.update_id.is_empty());
        Ok((Answer::Updated(updated), Some(outcome)))
    }
}
