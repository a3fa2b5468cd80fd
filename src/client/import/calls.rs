//! The calls of an import, one after another: as many as the server's limit of contacts asks for.

use anyhow::{anyhow, bail};
use sha2::{Digest, Sha256};
use tonic::Code;
use uuid::{Builder, Uuid};

use super::{
    contacts::{ContactRows, Contacts},
    progress::Progress,
    read_on_thread,
    rejected::Rejections,
    retries::{Unsent, with_retries},
    state::StateFile,
    stream::{Part, SendError, send},
    summary::{Planned, Summary},
};
use crate::{
    client::{connect::Connection, error},
    proto::{
        ContactListUpdate, GetContactListUpdateRequest, UpdateContactListContactsHeader as Header,
        UpdateContactListContactsResponse as Outcome, get_contact_list_update_request::Reference,
        update_contact_list_contacts_header::RejectionPolicy,
    },
};

/// How often all contacts of a call are sent again to see more of its rejected ones. Nobody mends as many rows as that shows.
const MAX_LISTINGS: usize = 4;

/// How many contacts at the start of a file are looked at before all are sent.
const LOOKED_AT: u64 = 1000;

/// The calls of an import.
pub struct Calls {
    /// The server.
    pub connection: Connection,
    /// What is sent.
    pub contacts: Contacts,
    /// The header of every call, but for its request_id.
    pub header: Header,
    /// How many contacts the file has.
    pub contact_count: u64,
    /// How many contacts a call has.
    pub contacts_per_call: u64,
    /// What the calls' request_ids are derived from; `None` if nothing is applied.
    pub request_id: Option<Uuid>,
    /// Whether an earlier run can have applied some of the calls.
    pub is_resumed: bool,
    /// How far the import is.
    pub progress: Progress,
    /// What a dry run is for.
    pub planned: Option<Planned>,
}

/// Why an import has not ended.
pub struct CallsError {
    /// What is wrong.
    pub error: anyhow::Error,
    /// Whether it is certain that nothing was applied.
    pub is_unapplied: bool,
}

impl Calls {
    /// Takes what is known once the contact list is there: the header, the id that is given, and what an earlier run left.
    pub fn prepare(&mut self, header: Header, request_id: Option<Uuid>, state: Option<&StateFile>) {
        let kept = state.map(|it| &it.state);
        let request_id = request_id.or(kept.map(|it| it.request_id));
        self.request_id = (!header.validate_only).then(|| request_id.unwrap_or_else(Uuid::new_v4));
        self.contacts_per_call = kept.map_or(self.contacts_per_call, |it| it.contacts_per_call);
        self.is_resumed = state.is_some_and(|it| it.is_resumed);
        self.header = header;
    }

    /// Makes the calls that no earlier run has made. Adds up their outcomes, and collects the rejected contacts.
    pub async fn run(&mut self, rejections: &mut Rejections) -> Result<Summary, CallsError> {
        let mut summary = Summary::default();
        let mut rows = None;
        for index in 0..self.contact_count.div_ceil(self.contacts_per_call).max(1) {
            let start = index * self.contacts_per_call;
            let part = Part {
                start,
                end: (start + self.contacts_per_call).min(self.contact_count),
                offset: 0,
            };
            let made = self.one(index, part, &mut rows, rejections).await;
            let (outcome, unlisted_count) = made.map_err(|error| CallsError {
                is_unapplied: error.is_unapplied && summary.call_count == 0,
                ..error
            })?;
            summary.add(outcome, unlisted_count, self.planned.as_ref());
            self.progress.set(part.end);
        }
        Ok(summary)
    }

    /// Whether an earlier run has applied the first call.
    pub async fn is_applied(&mut self) -> anyhow::Result<bool> {
        match self.request_id {
            Some(id) if self.is_resumed => {
                let recorded = self.recorded(&id.to_string()).await;
                Ok(recorded.map_err(|it| it.error)?.is_some())
            }
            _ => Ok(false),
        }
    }

    /// Makes one call. Returns its outcome, and how many rejected contacts are not listed.
    async fn one(
        &mut self,
        index: u64,
        part: Part,
        rows: &mut Option<ContactRows>,
        rejections: &mut Rejections,
    ) -> Result<(Outcome, u64), CallsError> {
        let request_id = self.request_id.map(|id| derived(id, index).to_string());
        let mut outcome = match &request_id {
            Some(id) if self.is_resumed => self.recorded(id).await?,
            _ => None,
        };
        if outcome.is_none() {
            // The import's own calls change the version.
            let expected_version = self.header.expected_version.filter(|_| index == 0);
            let header = Header {
                request_id,
                expected_version,
                ..self.header.clone()
            };
            outcome = match self.send(header, part, rows).await {
                Err(Unsent {
                    error: SendError::Status(status),
                    is_certain: true,
                }) if error::is_for_rejected_contacts(&status) => {
                    let listed = self.look_again(part).await?;
                    self.list(part, &listed, rejections).await?;
                    return Err(CallsError {
                        error: error::sentence(status),
                        is_unapplied: true,
                    });
                }
                sent => Some(sent?),
            };
        }
        let outcome = outcome.unwrap_or_default();
        let unlisted_count = self.list(part, &outcome, rejections).await?;
        Ok((outcome, unlisted_count))
    }

    /// Fails if the first contacts of a large file would all be rejected for their phones: the others are then not sent. Only
    /// the server knows the organization's region, and is asked if no phone is valid without one.
    pub async fn check_phones(&mut self) -> anyhow::Result<()> {
        if self.contact_count.min(self.contacts_per_call) < LOOKED_AT
            || self.header.contact_list_id.is_empty()
        {
            return Ok(());
        }
        let contacts = self.contacts.clone();
        if read_on_thread(move || contacts.has_valid_phone(LOOKED_AT)).await? {
            return Ok(());
        }
        let part = Part {
            start: 0,
            end: LOOKED_AT,
            offset: 0,
        };
        // What else is wrong shows when all are sent.
        let Ok(outcome) = self.dry_run(part).await else {
            return Ok(());
        };
        let mut violations = outcome.rejected_contacts.iter().map(|it| {
            let mut violations = it.violations.iter();
            violations.find(|violation| violation.field == "phone")
        });
        let first = violations.next().flatten();
        let all = outcome.rejected_contacts.len() as u64 == LOOKED_AT
            && violations.all(|violation| violation.is_some());
        match first.filter(|_| all) {
            Some(violation) => bail!(
                "the phones of the first {LOOKED_AT} contacts are all rejected: the first one {}. If they are national numbers, \
                 say --region; if phones are in another column, --map phone=COLUMN. Nothing was changed",
                violation.message
            ),
            None => Ok(()),
        }
    }

    /// What would happen to a part of the contacts.
    pub async fn dry_run(&mut self, part: Part) -> Result<Outcome, CallsError> {
        self.validate(self.header.clone(), part).await
    }

    /// What would happen to a part of the contacts, whatever it removes and whatever version the list has by now.
    async fn look_again(&mut self, part: Part) -> Result<Outcome, CallsError> {
        let header = Header {
            expected_version: None,
            max_removed_count: None,
            max_removed_percent: Some(100.0),
            ..self.header.clone()
        };
        self.validate(header, part).await
    }

    async fn validate(&mut self, mut header: Header, part: Part) -> Result<Outcome, CallsError> {
        header.validate_only = true;
        header.set_rejection_policy(RejectionPolicy::Skip);
        Ok(self.send(header, part, &mut None).await?)
    }

    /// Collects the rejected contacts of a call. A response lists only the first of many; the others are found by asking what
    /// would happen to the same contacts, those behind the last listed one first, a few times. Returns how many are not found
    /// even so: the import has been applied, and does not fail for that.
    async fn list(
        &mut self,
        mut part: Part,
        outcome: &Outcome,
        rejections: &mut Rejections,
    ) -> Result<u64, CallsError> {
        let all = u64::try_from(outcome.rejected_count).unwrap_or(0);
        let mut outcome = outcome.clone();
        let mut listed_count = 0;
        for listing in 0.. {
            let before_wrap = part.count() - part.offset;
            let mut next_offset = part.offset;
            for rejected in outcome.rejected_contacts {
                let index = u64::try_from(rejected.index).unwrap_or(0);
                if index < before_wrap {
                    rejections.add(part.index_in_file(index), rejected.violations)?;
                    listed_count += 1;
                    next_offset = part.offset + index + 1;
                }
            }
            let has_more = next_offset > part.offset && next_offset < part.count();
            if listed_count >= all || !has_more || listing == MAX_LISTINGS {
                break;
            }
            part.offset = next_offset;
            outcome = match self.look_again(part).await {
                Ok(outcome) => outcome,
                Err(_) => break,
            };
        }
        Ok(all.saturating_sub(listed_count))
    }

    /// The outcome of a call that an earlier run made; `None` if it was not applied.
    async fn recorded(&mut self, request_id: &str) -> Result<Option<Outcome>, CallsError> {
        let request = GetContactListUpdateRequest {
            reference: Some(Reference::RequestId(request_id.to_owned())),
        };
        match self.connection.lists.get_contact_list_update(request).await {
            Ok(response) => {
                let update: ContactListUpdate = response
                    .into_inner()
                    .contact_list_update
                    .unwrap_or_default();
                let outcome = update.outcome.unwrap_or_default();
                Ok(Some(Outcome {
                    replayed: true,
                    ..outcome
                }))
            }
            Err(status) if status.code() == Code::NotFound => Ok(None),
            Err(status) => Err(CallsError {
                error: error::sentence(status),
                is_unapplied: false,
            }),
        }
    }

    /// Sends a call, and again if that can help.
    async fn send(
        &mut self,
        header: Header,
        part: Part,
        rows: &mut Option<ContactRows>,
    ) -> Result<Outcome, Unsent> {
        // Where contacts are only looked at again, for those that a response did not list, nothing moves on.
        let progress = (part.offset == 0).then_some(&self.progress);
        let (connection, contacts) = (&mut self.connection, &self.contacts);
        with_retries(&self.progress, async || {
            send(connection, header.clone(), contacts, part, rows, progress).await
        })
        .await
    }
}

impl From<Unsent> for CallsError {
    fn from(Unsent { error, is_certain }: Unsent) -> Self {
        Self {
            error: error.into(),
            is_unapplied: is_certain,
        }
    }
}

impl From<std::io::Error> for CallsError {
    fn from(error: std::io::Error) -> Self {
        Self {
            error: anyhow!(error).context("cannot keep the rejected contacts in a temporary file"),
            is_unapplied: false,
        }
    }
}

/// The request_id of the call with this index. The first call's is the import's own.
fn derived(id: Uuid, index: u64) -> Uuid {
    if index == 0 {
        return id;
    }
    let digest = Sha256::new()
        .chain_update(id.as_bytes())
        .chain_update(index.to_be_bytes())
        .finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    Builder::from_random_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_has_a_request_id_of_its_own_and_the_same_in_every_run() {
        let id = Uuid::from_u128(1);
        assert_eq!(derived(id, 0), id);
        assert_eq!(derived(id, 1), derived(id, 1));
        assert_ne!(derived(id, 1), derived(id, 2));
        assert_ne!(derived(id, 1), derived(Uuid::from_u128(2), 1));
    }
}
