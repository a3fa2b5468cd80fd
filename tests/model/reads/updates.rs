//! Recorded updates and reverts.

use contact_lists::proto::{
    ContactListUpdate, GetContactListUpdateRequest, ListContactListUpdatesRequest,
    UpdateContactListContactsResponse as Outcome, get_contact_list_update_request,
};
use test_support::model::CallNumber;
use tonic::Code;

use super::{Checked, PAGE_SIZE, unexpected};
use crate::{
    compare::same,
    replica::{Replica, request_id},
};

impl Replica {
    /// Compares all recorded updates, and the update that each `request_id` of the pool leads to.
    pub(super) async fn check_updates(&mut self) -> Checked {
        let request = ListContactListUpdatesRequest {
            page_size: PAGE_SIZE,
            ..Default::default()
        };
        let answer = self
            .client
            .lists
            .clone()
            .list_contact_list_updates(request)
            .await;
        let found = answer
            .map_err(unexpected)?
            .into_inner()
            .contact_list_updates;
        let expected = self.recorded();
        same("the number of updates", &found.len(), &expected.len())?;
        for (found, (applied, expected)) in found.iter().zip(expected) {
            let mut shown = found.clone();
            (shown.api_key_id, shown.create_time) = (String::new(), None);
            same("a recorded update", &shown, &expected)?;
            self.clock
                .check(applied, found.create_time.as_ref(), "an update")?;
        }
        for n in 0..3 {
            self.check_update_by_request_id(&request_id(n)).await?;
        }
        Ok(())
    }

    async fn check_update_by_request_id(&mut self, request_id: &str) -> Checked {
        use get_contact_list_update_request::Reference;
        let request = GetContactListUpdateRequest {
            reference: Some(Reference::RequestId(request_id.to_owned())),
        };
        let answer = self
            .client
            .lists
            .clone()
            .get_contact_list_update(request)
            .await;
        let found = match answer {
            Ok(answer) => answer.into_inner().contact_list_update.map(|it| it.id),
            Err(status) if status.code() == Code::NotFound => None,
            Err(status) => return Err(unexpected(status)),
        };
        let recorded = self.recorded().into_iter();
        let mut recorded = recorded.map(|(_, update)| update);
        let expected = recorded.find(|it| it.request_id.as_deref() == Some(request_id));
        let expected = expected.map(|it| it.id);
        same("GetContactListUpdate by request_id", &found, &expected)
    }

    /// The updates and reverts as a list shows them, oldest first, each with the call that applied it; without times and keys.
    fn recorded(&self) -> Vec<(CallNumber, ContactListUpdate)> {
        let updates = self.model.updates.iter().zip(&self.answers);
        let updates = updates.map(|(update, answer)| {
            let outcome = Outcome {
                rejected_contacts: Vec::new(),
                ..answer.clone()
            };
            let recorded = ContactListUpdate {
                id: answer.update_id.clone(),
                contact_list_id: update.header.contact_list_id.clone(),
                action: update.header.action,
                request_id: update.header.request_id.clone(),
                outcome: Some(outcome),
                ..ContactListUpdate::default()
            };
            (update.applied, recorded)
        });
        let reverts = self.model.reverts.iter().zip(&self.reverted);
        let reverts = reverts.map(|(revert, answer)| {
            let contact_list = answer.contact_list.clone();
            let outcome = Outcome {
                update_id: answer.update_id.clone(),
                contact_list: contact_list.clone(),
                ..Outcome::default()
            };
            let recorded = ContactListUpdate {
                id: answer.update_id.clone(),
                contact_list_id: contact_list.unwrap_or_default().id,
                request_id: revert.request_id.clone(),
                outcome: Some(outcome),
                revert: Some(answer.clone()),
                ..ContactListUpdate::default()
            };
            (revert.applied, recorded)
        });
        let mut recorded: Vec<_> = updates.chain(reverts).collect();
        recorded.sort_by_key(|(applied, _)| *applied);
        recorded
    }
}
