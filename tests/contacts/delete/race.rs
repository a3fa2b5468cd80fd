//! `DeleteContact` while others add the contact to lists and opt it out.

use contact_lists::proto;

use super::*;

on_both! {
    async fn an_erasure_during_updates_and_opt_outs_leaves_no_orphan_and_loses_no_opt_out(
        service: Service,
    ) {
        let admin = service.admin();
        let channel = admin.create_channel(&number(99)).await;
        let lists = [
            admin.create_list("One").await,
            admin.create_list("Two").await,
        ];
        add(&admin, &lists[0], crowd()).await;
        let updates = lists
            .clone()
            .map(|list| tokio::spawn(add_again_and_again(service.admin(), list)));
        let opt_outs = tokio::spawn(opt_out_one_by_one(service.admin(), channel.clone()));
        let erasures = tokio::spawn(erase_again_and_again(service.admin()));
        for update in updates {
            update.await.unwrap();
        }
        opt_outs.await.unwrap();
        assert!(erasures.await.unwrap() > 0, "nobody was erased");

        assert_eq!(orphans(&service).await, []);
        assert_eq!(lists_with_a_wrong_count(&service).await, 0);
        // Contacts that are erased by now are added again, so that their preferences can be read.
        add(&admin, &lists[0], crowd()).await;
        for n in 0..CROWD_SIZE {
            assert_eq!(
                admin.opt_states(&number(n)).await,
                [(channel.clone(), false)],
                "number {n}"
            );
        }
        assert_eq!(
            service.rows("SELECT count(*) FROM opted_out_numbers").await,
            0
        );
    }

    async fn an_erasure_during_the_deletion_of_a_channel_leaves_no_opt_out_of_it(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("List").await;
        admin.update(header(&list).add(), crowd()).await.unwrap();
        let mut both = tokio::task::JoinSet::new();
        for n in 0..CROWD_SIZE {
            let channel = admin.create_channel(&number(900 + n)).await;
            admin.opt_out(&number(n), &[&channel]).await;
            let id = admin.contact(&number(n)).await.contact.unwrap().id;
            let (contacts, channels) = (service.admin().contacts, service.admin().channels);
            both.spawn(async move {
                let erasure = proto::DeleteContactRequest { id };
                let deletion = proto::DeleteChannelRequest { id: channel };
                let (mut contacts, mut channels) = (contacts, channels);
                let (erased, deleted) =
                    tokio::join!(contacts.delete_contact(erasure), channels.delete_channel(deletion));
                erased.expect("an erased contact");
                deleted.expect("a deleted channel");
            });
        }
        both.join_all().await;
        for table in ["opted_out_numbers", "communication_preferences"] {
            let left = format!(
                "SELECT count(*) FROM {table} t WHERE NOT EXISTS (SELECT 1 FROM channels h \
                 WHERE h.organization_id = t.organization_id AND h.id = t.channel_id)"
            );
            assert_eq!(service.rows(&left).await, 0, "{table}");
        }
    }
}

const CROWD_SIZE: u32 = 12;

fn crowd() -> Vec<Contact> {
    (0..CROWD_SIZE).map(|n| contact(&number(n))).collect()
}

/// Makes a call until it does not lose a race.
async fn insist<T, F: Future<Output = Result<T, Status>>>(
    call: impl Fn() -> F,
) -> Result<T, Status> {
    for _ in 1..ATTEMPT_COUNT {
        match call().await {
            Err(status) if status.code() == Code::Aborted => tokio::task::yield_now().await,
            answer => return answer,
        }
    }
    call().await
}

async fn add_again_and_again(caller: Client, list: String) {
    for _ in 0..15 {
        insist(|| caller.update(header(&list).add(), crowd()))
            .await
            .expect("an update");
    }
}

async fn opt_out_one_by_one(caller: Client, channel: String) {
    for n in 0..CROWD_SIZE {
        let by_phone = contact_reference::Reference::Phone(number(n));
        let by_id = channel_reference::Reference::Id(channel.clone());
        let request = OptOutRequest {
            contacts: vec![ContactReference {
                reference: Some(by_phone),
            }],
            channels: vec![ChannelReference {
                reference: Some(by_id),
            }],
            all_channels: false,
            ..Default::default()
        };
        let opt_out = || {
            let (mut preferences, request) = (caller.preferences.clone(), request.clone());
            async move { preferences.opt_out(request).await }
        };
        insist(opt_out).await.expect("an opt-out");
    }
}

/// Erases every contact that is there. Returns how many there were.
async fn erase_again_and_again(caller: Client) -> usize {
    let mut erased_count = 0;
    for n in (0..CROWD_SIZE).cycle().take(60) {
        let Some(id) = id_of(&caller, &number(n)).await else {
            continue;
        };
        match insist(|| delete(&caller, &id)).await {
            Ok(()) => erased_count += 1,
            Err(status) => panic!("only this task erases: {status:?}"),
        }
    }
    erased_count
}
