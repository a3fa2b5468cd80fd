//! Undo after a kill: the journal is as durable as the update.

use contact_lists::proto::{ContactListContact, RevertContactListUpdateRequest};
use test_support::*;

use super::program::TemporaryFolder;

/// The members, without the times at which they were changed.
async fn members(caller: &Client, list: &str) -> Vec<ContactListContact> {
    let mut members = caller.members(list).await;
    for member in &mut members {
        member.contact.as_mut().expect("a contact").update_time = None;
    }
    members
}

on_both! {
    async fn what_an_acknowledged_update_left_can_be_undone_after_a_kill(database: Database) {
        let mut setup = Service::start(database.clone()).await;
        let key = setup.key(Scope::Admin).await;
        let admin = setup.admin();
        admin.create_channel("+12025550100").await;
        let list = admin.create_list("List").await;
        setup.shutdown().await;
        let temporary = TemporaryFolder::new();
        let mut program = temporary.start(&database, "first");
        let caller = program.client(&key);
        let person = |n: u32, name: &str| contact(&number(n)).external_id(&format!("crm-{n}")).name(name);
        let people = (0..200).map(|n| person(n, "Ada")).collect();
        caller.update(header(&list).add(), people).await.unwrap();
        caller.opt_out_of_all_channels(&number(150)).await;
        let before = (members(&caller, &list).await, caller.preferences(&number(150)).await);
        let people = (150..400).map(|n| person(n, "Eve")).collect();
        let update = caller.update(header(&list).overwrite().resubscribe(), people).await.unwrap();
        program.kill();

        let program = temporary.start(&database, "second");
        let caller = program.client(&key);
        let request = RevertContactListUpdateRequest { update_id: update.update_id, ..Default::default() };
        let reverted = caller.lists.clone().revert_contact_list_update(request).await.unwrap().into_inner();
        assert_eq!((reverted.removed_count, reverted.restored_member_count), (200, 150));
        assert_eq!((reverted.restored_contact_count, reverted.erased_count), (50, 200));
        assert_eq!(reverted.skipped, []);
        let after = (members(&caller, &list).await, caller.preferences(&number(150)).await);
        assert_eq!(after, before);
    }
}
