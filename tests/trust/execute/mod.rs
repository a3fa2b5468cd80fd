//! Makes the tests' calls at the service.

mod others;
mod revert;
mod update;

use test_support::Client;
use tonic::Status;
use tonic_types::StatusExt;

use crate::{
    answers::{Answer, Recorded},
    calls::Call,
    id_map::IdMap,
};

pub use update::{AtOnce, Pace, Stage};

use revert::{read_update, revert_update};

/// The reasons for which calls may be refused here: each is one that a caller can act on.
const REFUSALS: [&str; 8] = [
    "CONTACTS_REJECTED",
    "CONTACT_LIST_NOT_ACTIVE",
    "REQUEST_ID_REUSED",
    "RESOURCE_ALREADY_EXISTS",
    "RESOURCE_IN_USE",
    "RESOURCE_NOT_FOUND",
    "UPDATE_NOT_LATEST",
    "UPDATE_NOT_REVERTIBLE",
];

/// How often a call is made that loses races.
const MAX_ATTEMPTS: u64 = 10;

/// What the service returned.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    pub answer: Answer,
    /// The whole answer to an update or a revert, to be compared with its replays.
    pub recorded: Option<Recorded>,
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
                Ok((answer, recorded)) => {
                    return Ok(Reply {
                        answer,
                        recorded,
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
                        recorded: None,
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
    ) -> Result<(Answer, Option<Recorded>), Status> {
        let recorded = match call {
            Call::Update(update) => Recorded::Update(self.update(caller, update, pace).await?),
            Call::Revert(revert) => Recorded::Revert(revert_update(caller, *revert).await?),
            Call::ReadUpdate(request) => read_update(caller, *request).await?,
            _ => return Ok((self.other(caller, call).await?, None)),
        };
        Ok((recorded.answer(), Some(recorded)))
    }
}
