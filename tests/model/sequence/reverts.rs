//! Reverts.

use contact_lists::proto::{
    RevertContactListUpdateRequest, RevertContactListUpdateResponse as Reverted,
};
use test_support::model::revert_without_choices;

use super::{Checked, StepRun};
use crate::{calls::UpdateRef, compare::same, replica::request_id};

impl StepRun<'_> {
    pub(super) async fn revert(
        &mut self,
        update: &UpdateRef,
        request: Option<u8>,
        validate_only: bool,
    ) -> Checked {
        let request = RevertContactListUpdateRequest {
            update_id: self.replica.recorded_id(update, &self.foreign),
            request_id: request.map(request_id),
            validate_only,
        };
        let (replica, when) = (&mut *self.replica, self.when);
        let contacts = replica.model.contacts.clone();
        let model = replica.model.revert(when, &request);
        let mut lists = replica.client.lists.clone();
        let service = lists.revert_contact_list_update(request.clone()).await;
        let Some((service, model)) = self.compare("RevertContactListUpdate", service, model)?
        else {
            return Ok(());
        };
        same("a revert", &revert_without_choices(service.clone()), &model)?;
        let reverted_id = &service.reverted_update_id;
        same("what is reverted", reverted_id, &request.update_id)?;
        self.coverage.reverted(&service, validate_only);
        let replica = &mut *self.replica;
        if service.replayed {
            let mut reverted = replica.reverted.iter();
            let first = reverted.find(|it| it.update_id == service.update_id);
            let first = first.map(|it| Reverted {
                replayed: true,
                ..it.clone()
            });
            return same("a replayed revert", &Some(service), &first);
        }
        let has_id = !service.update_id.is_empty();
        same("whether a revert has an id", &has_id, &!validate_only)?;
        if validate_only {
            return Ok(());
        }
        let revert = replica.model.reverts.last_mut().expect("the revert");
        revert.id.clone_from(&service.update_id);
        let is_gone = |key| !replica.model.contacts.contains_key(key);
        let gone = contacts.iter().filter(|(key, _)| is_gone(key));
        let gone: Vec<_> = gone.filter_map(|(_, contact)| contact.id.clone()).collect();
        replica.deleted.extend(gone);
        replica.reverted.push(service.clone());
        let shown = service.contact_list.unwrap_or_default();
        let list = replica.model.list(&shown.id).expect("the list").clone();
        replica.check_list("the list of a revert", shown, &list)
    }
}
