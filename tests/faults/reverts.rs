//! The line to the database is cut while an update is reverted, at each of its statements and at its commit: it is reverted or
//! not, and the same call again reverts it once.

use contact_lists::proto::{
    ContactListContact, RevertContactListUpdateRequest, RevertContactListUpdateResponse as Reverted,
};
use test_support::*;
use tonic::Status;

use crate::helpers::behind_a_relay;

/// Statements of reverts alone, in order.
const STATEMENTS: [&[u8]; 4] = [
    b"DELETE FROM contact_list_contacts WHERE organization_id = $1 AND contact_list_id = $2 AND update_id",
    b"NULLIF(members.update_id",
    b"DELETE FROM communication_preferences WHERE organization_id = $1 AND update_id = $2 AND opted_in",
    b"UPDATE contact_changes",
];

async fn revert(caller: &Client, update_id: &str) -> Result<Reverted, Status> {
    let request = RevertContactListUpdateRequest {
        update_id: update_id.to_owned(),
        ..Default::default()
    };
    let mut lists = caller.lists.clone();
    let answer = lists.revert_contact_list_update(request).await?;
    Ok(answer.into_inner())
}

/// The members, without the times at which they were changed.
async fn members(caller: &Client, list: &str) -> Vec<ContactListContact> {
    let mut members = caller.members(list).await;
    for member in &mut members {
        member.contact.as_mut().expect("a contact").update_time = None;
    }
    members
}

on_both! {
    async fn a_database_cut_in_the_middle_of_a_revert_leaves_it_done_once_or_not_at_all(database: Database) {
        let Some((service, relay)) = behind_a_relay(database, &[]).await else { return };
        let admin = service.admin();
        admin.create_channel("+12025550100").await;
        let list = admin.create_list("List").await;
        let named = |numbers: std::ops::Range<u32>, name: &str| {
            contacts(numbers).into_iter().map(|it| it.name(name)).collect::<Vec<_>>()
        };
        admin.update(header(&list).add(), named(0..40, "Ada")).await.unwrap();
        let before = members(&admin, &list).await;
        let at_statements = STATEMENTS.map(|text| (Way::Requests, Trigger::Text(text)));
        let at_commit = [Way::Requests, Way::Answers].map(|way| (way, Trigger::CommitAfter(STATEMENTS[0])));
        for (way, trigger) in at_statements.into_iter().chain(at_commit) {
            let update = admin.update(header(&list).overwrite(), named(30..60, "Eve")).await.unwrap();
            let updated = members(&admin, &list).await;
            // New connections are sent the texts of all statements again.
            relay.cut();
            relay.mend();
            admin.until_answered().await;
            relay.break_on(way, trigger, Fault::Cut);
            let cut = revert(&admin, &update.update_id).await;
            assert_refused(cut, Code::Unavailable, "DATABASE_UNAVAILABLE");
            relay.mend();
            admin.until_answered().await;
            let is_done = matches!(way, Way::Answers);
            let stored = members(&admin, &list).await;
            assert_eq!(stored, if is_done { before.clone() } else { updated }, "{trigger:?}");
            let reverted = revert(&admin, &update.update_id).await.unwrap();
            assert_eq!(reverted.replayed, is_done, "{trigger:?}");
            assert_eq!((reverted.removed_count, reverted.restored_member_count), (20, 30));
            assert_eq!((reverted.erased_count, reverted.restored_contact_count), (20, 10));
            assert_eq!(members(&admin, &list).await, before);
        }
    }
}
