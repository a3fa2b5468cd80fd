//! Exports while the client reads, and how much it gets at a time.

use super::*;

on_both! {
    async fn what_changes_while_the_client_reads_does_not_show(service: Service) {
        let admin = service.admin();
        let list = bulky_list(&admin).await;
        let before = admin.members(&list).await;
        let (first, stream) = half_read(&service.admin(), &list).await;
        overwrite(
            &admin,
            &list,
            vec![bulky(0).name("Changed"), contact(&number(BULKY_COUNT))],
        )
        .await;
        add(&admin, &list, vec![bulky(BULKY_COUNT - 1).name("Changed")]).await;
        let mut exported = first.contact_list_contacts;
        exported.extend(members(rest(stream).await));
        assert!(exported == before, "the export is the list as it was");
        assert_eq!(
            export(&admin, of(&list)).await.unwrap(),
            admin.members(&list).await
        );
        assert_eq!(admin.list(&list).await.contact_count, 3);
    }

    async fn a_client_that_stops_reading_holds_up_no_other_call(service: Service) {
        let admin = service.admin();
        let list = bulky_list(&admin).await;
        let slow = [service.admin(), service.admin(), service.admin()];
        let mut half_reads = Vec::new();
        for client in &slow {
            half_reads.push(half_read(client, &list).await);
        }
        in_time(overwrite(&admin, &list, contacts(0..3))).await;
        in_time(admin.create_channel(&number(99))).await;
        let erased = admin.contact(&number(0)).await.contact.unwrap().id;
        let request = contact_lists::proto::DeleteContactRequest { id: erased };
        in_time(admin.contacts.clone().delete_contact(request))
            .await
            .unwrap();
        assert_eq!(in_time(export(&admin, of(&list))).await.unwrap().len(), 2);
        for (first, stream) in half_reads {
            let count = first.contact_list_contacts.len() + members(rest(stream).await).len();
            assert_eq!(count, BULKY_COUNT as usize);
        }
    }

    async fn a_client_that_leaves_frees_what_its_export_used(database: Database) {
        // Room for some exports, but not for those of all clients that left.
        let args = ["--max-spool-bytes", "40000000", "--max-calls", "8"];
        let service = Service::start_with(database, &args).await;
        let admin = service.admin();
        let list = bulky_list(&admin).await;
        for _ in 0..20 {
            in_time(leave_half_way(&service.admin(), &list)).await;
        }
        in_time(overwrite(&admin, &list, contacts(0..1))).await;
        assert_eq!(in_time(export(&admin, of(&list))).await.unwrap().len(), 1);
    }

    async fn a_client_that_takes_nothing_for_too_long_gets_an_error_and_gives_its_permit_back(
        database: Database,
    ) {
        let args = ["--stream-idle-seconds", "1", "--max-calls-per-key", "1"];
        let service = Service::start_with(database, &args).await;
        let admin = service.admin();
        let list = bulky_list(&admin).await;
        let (_, mut stream) = half_read(&service.admin(), &list).await;
        let ask = contact_lists::proto::GetContactListRequest { id: list.clone() };
        let get = async || admin.lists.clone().get_contact_list(ask.clone()).await;
        assert_refused(get().await, Code::ResourceExhausted, "TOO_MANY_CALLS");
        until("the permit is free", async || get().await.is_ok()).await;
        while let Ok(message) = stream.message().await {
            assert!(message.is_some(), "a cut export looks whole");
        }
    }

    async fn a_message_has_at_most_500_contacts(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("List").await;
        add(&admin, &list, contacts(0..1200)).await;
        let batches = batches(&admin, of(&list)).await.unwrap();
        let sizes: Vec<_> = batches
            .iter()
            .map(|it| it.contact_list_contacts.len())
            .collect();
        assert_eq!(sizes, [500, 500, 200]);
    }

    async fn a_message_has_at_most_64_kib(service: Service) {
        let admin = service.admin();
        admin.create_customer_object().await;
        let list = admin.create_list("List").await;
        let large = |n| contact(&number(n)).properties(json!({"plan": "x".repeat(20_000)}));
        for start in [0, 40] {
            add(&admin, &list, (start..start + 40).map(large).collect()).await;
        }
        let batches = batches(&admin, of(&list)).await.unwrap();
        let sizes: Vec<_> = batches.iter().map(Message::encoded_len).collect();
        assert!(sizes.iter().all(|size| *size <= 64 * 1024), "{sizes:?}");
        // 80 times 20,000 bytes is more than 24 messages hold, and fills more than half of each of 49.
        assert!((25..49).contains(&sizes.len()), "{sizes:?}");
        assert_eq!(
            phones(&members(batches)),
            (0..80).map(number).collect::<Vec<_>>()
        );
    }

    async fn a_list_of_20_000_is_exported_whole(database: Database) {
        let service = Service::start_with(database, &["--max-contacts", "20000"]).await;
        let admin = service.admin();
        let list = admin.create_list("List").await;
        add(&admin, &list, contacts(0..20_000).into_iter().map(|it| it.name(&"x".repeat(250))).collect()).await;
        let exported = export(&admin, of(&list)).await.unwrap();
        assert!(exported.is_sorted_by_key(|it| it.contact.as_ref().map(|it| it.id.clone())));
        assert!(
            phones(&exported).into_iter().eq((0..20_000).map(number)),
            "every member, once"
        );
    }
}
