//! How many statements a call takes: a fixed number per chunk, never one per contact.

use contact_lists::proto::{Contact, UpdateContactListContactsHeader};
use test_support::*;

use crate::log::Log;

/// How many statements an update takes.
async fn statements_of(
    log: &mut Log,
    client: &Client,
    header: UpdateContactListContactsHeader,
    contacts: Vec<Contact>,
) -> usize {
    let update = client.update(header, contacts);
    let (response, statements) = log.statements_of("UpdateContactListContacts", update).await;
    response.unwrap();
    statements.len()
}

fn contacts(numbers: std::ops::Range<u32>, name: &str) -> Vec<Contact> {
    numbers
        .map(|n| {
            contact(&number(n))
                .name(name)
                .external_id(&format!("crm-{n}"))
                .properties(json!({"plan": name}))
        })
        .collect()
}

on_both! {
    async fn statements_do_not_grow_with_the_contacts_of_a_chunk(service: Service) {
        let mut log = Log::read().await;
        let admin = service.admin();
        let list = admin.create_list("Newsletter").await;
        admin.create_channel("+12025550100").await;
        admin.create_customer_object().await;

        let few_new = statements_of(&mut log, &admin, header(&list).add(), contacts(0..2, "pro")).await;
        let many_new = statements_of(&mut log, &admin, header(&list).add(), contacts(10..500, "pro")).await;
        assert_eq!(few_new, many_new, "new contacts");
        let few_kept = statements_of(&mut log, &admin, header(&list).add(), contacts(0..2, "pro")).await;
        let many_kept = statements_of(&mut log, &admin, header(&list).add(), contacts(10..500, "pro")).await;
        assert_eq!(few_kept, many_kept, "unchanged contacts");
        let few_changed = statements_of(&mut log, &admin, header(&list).add(), contacts(0..2, "free")).await;
        let many_changed = statements_of(&mut log, &admin, header(&list).add(), contacts(10..500, "free")).await;
        assert_eq!(few_changed, many_changed, "changed contacts");

        let few_removed = statements_of(&mut log, &admin, header(&list).remove(), contacts(0..2, "free")).await;
        let many_removed = statements_of(&mut log, &admin, header(&list).remove(), contacts(10..500, "free")).await;
        assert_eq!(few_removed, many_removed, "removed contacts");
        let overwrite = || header(&list).overwrite().skip();
        let few_left = statements_of(&mut log, &admin, overwrite(), contacts(0..2, "pro")).await;
        let many_left = statements_of(&mut log, &admin, overwrite(), contacts(10..500, "pro")).await;
        assert_eq!(few_left, many_left, "an overwrite");

        // A call has a fixed part, and a few statements for each chunk.
        for (count, what) in [
            (many_new, "new"),
            (many_kept, "unchanged"),
            (many_changed, "changed"),
            (many_removed, "removed"),
            (many_left, "left"),
        ] {
            assert!((10..=25).contains(&count), "{count} statements for {what} contacts");
        }
        notice(&format!("new {many_new}, unchanged {many_kept}, changed {many_changed}"));
    }

    async fn statements_of_opt_outs_do_not_grow_with_the_contacts_of_a_chunk(service: Service) {
        let mut log = Log::read().await;
        let admin = service.admin();
        let list = admin.create_list("Newsletter").await;
        let channel = admin.create_channel("+12025550100").await;
        admin.create_customer_object().await;
        let stored = header(&list).add().no_opt_ins();
        admin.update(stored, contacts(0..500, "pro")).await.unwrap();
        let mut stored_opted_out = async |numbers: std::ops::Range<u32>| {
            let by_id = numbers.clone().filter(|n| n % 2 == 0).map(|n| opted_out(&format!("crm-{n}")));
            let by_phone = numbers.filter(|n| n % 2 == 1).map(|n| opted_out(&number(n)));
            let consented = opt_out_header(&[&channel]).consented(said_on(1));
            let call = admin.opt_out_contacts(consented, by_id.chain(by_phone).collect());
            let (response, statements) = log.statements_of("OptOutContacts", call).await;
            response.unwrap();
            statements.len()
        };
        let (few, many) = (stored_opted_out(0..4).await, stored_opted_out(10..240).await);
        assert_eq!(few, many, "stored contacts");
        assert!((5..=20).contains(&many), "{many} statements");
        let mut numbers_opted_out = async |numbers: std::ops::Range<u32>| {
            let contacts = numbers.map(|n| opted_out(&number(n)));
            let call = admin.opt_out_contacts(opt_out_header(&[&channel]), contacts.collect());
            let (response, statements) = log.statements_of("OptOutContacts", call).await;
            assert!(response.unwrap().unassigned_number_count > 0);
            statements.len()
        };
        let few = numbers_opted_out(1000..1004).await;
        assert_eq!(few, numbers_opted_out(2000..2400).await, "unassigned numbers");
    }

    async fn an_update_that_passes_numbers_on_takes_one_statement_more_for_a_chunk(service: Service) {
        let mut log = Log::read().await;
        let admin = service.admin();
        let list = admin.create_list("Newsletter").await;
        let people = |numbers: Vec<u32>| -> Vec<Contact> {
            let known_as = |(n, of)| contact(&number(of)).external_id(&format!("crm-{n}"));
            (0..).zip(numbers).map(known_as).collect::<Vec<Contact>>()
        };
        let mut moved = async |numbers| {
            statements_of(&mut log, &admin, header(&list).add(), people(numbers)).await
        };
        moved((0..400).collect()).await;
        let to_free_numbers = moved((1000..1400).collect()).await;
        let swapped = moved(vec![1001, 1000]).await;
        let passed_round = moved((1001..1400).chain([1000]).collect()).await;
        assert_eq!((swapped, passed_round), (to_free_numbers + 1, to_free_numbers + 1));
    }
}
