//! Which number a text is: a number that was damaged on the way never becomes another person's.

use contact_lists::proto::{
    ChannelReference, Contact, ContactReference, GetContactRequest, OptInRequest, OptOutRequest,
    channel_reference, contact_reference, get_contact_request,
};

use super::*;

/// Adds contacts with these phones and checks that they get these numbers, one by one.
async fn assert_stored(caller: &Client, phones: &[&str], expected: &[&str]) {
    for (phone, expected) in phones.iter().zip(expected) {
        let list = caller.create_list(&format!("With {phone:?}")).await;
        add(caller, &list, vec![contact(phone)]).await;
        assert_eq!(on_list(caller, &list).await, [*expected], "{phone:?}");
    }
}

/// Checks that contacts with these phones are rejected for this reason, and that none is stored.
async fn assert_all_rejected(service: &Service, caller: &Client, phones: &[&str], reason: &str) {
    let list = caller.create_list("Customers").await;
    let given: Vec<Contact> = phones.iter().map(|phone| contact(phone)).collect();
    let outcome = try_add(caller, &list, given).await;
    let expected: Vec<_> = (0..)
        .zip(phones)
        .map(|(index, _)| (index, "phone", reason))
        .collect();
    assert_eq!(rejections(&outcome), expected);
    assert_eq!(service.rows("SELECT count(*) FROM contacts").await, 0);
}

async fn client_in(service: &Service, region: &str) -> Client {
    let organization = service.organization_in(region).await;
    service.client(&organization.admin_key)
}

fn by_phone(phone: &str) -> ContactReference {
    ContactReference {
        reference: Some(contact_reference::Reference::Phone(phone.to_owned())),
    }
}

on_both! {
    async fn a_german_number_without_its_plus_is_ambiguous(service: Service) {
        let caller = client_in(&service, "DE").await;
        let phones = ["4915223456789", "4917023456789"];
        assert_all_rejected(&service, &caller, &phones, "PHONE_AMBIGUOUS").await;
    }

    async fn an_indonesian_number_without_its_plus_is_ambiguous(service: Service) {
        let caller = client_in(&service, "ID").await;
        assert_all_rejected(&service, &caller, &["62813456789"], "PHONE_AMBIGUOUS").await;
    }

    async fn a_number_without_its_plus_that_is_one_number_only_is_taken(service: Service) {
        let caller = client_in(&service, "ID").await;
        assert_stored(&caller, &["628123456789"], &["+628123456789"]).await;
    }

    async fn the_message_of_an_ambiguous_phone_says_to_write_a_plus(service: Service) {
        let caller = client_in(&service, "DE").await;
        let list = caller.create_list("Customers").await;
        let outcome = try_add(&caller, &list, vec![contact("4915223456789")]).await;
        let message = &outcome.rejected_contacts[0].violations[0].message;
        assert!(message.contains("write +"), "{message}");
    }

    async fn no_call_takes_an_ambiguous_phone_for_another_persons(service: Service) {
        let caller = client_in(&service, "DE").await;
        let list = caller.create_list("Customers").await;
        let channel = caller.create_channel(&number(1)).await;
        // The other person whose number it could be.
        add(&caller, &list, vec![contact("+494915223456789")]).await;
        let lost_plus = "4915223456789";
        let channels = vec![ChannelReference {
            reference: Some(channel_reference::Reference::Id(channel)),
        }];
        let request = OptOutRequest {
            contacts: vec![by_phone(lost_plus)],
            channels: channels.clone(),
            all_channels: false, ..Default::default() };
        let opt_out = caller.preferences.clone().opt_out(request).await;
        assert_invalid(opt_out, "contacts[0].phone", "PHONE_AMBIGUOUS");
        let request = OptInRequest {
            contacts: vec![by_phone(lost_plus)],
            channels,
            all_channels: false, ..Default::default() };
        let opt_in = caller.preferences.clone().opt_in(request).await;
        assert_invalid(opt_in, "contacts[0].phone", "PHONE_AMBIGUOUS");
        let request = GetContactRequest {
            reference: Some(get_contact_request::Reference::Phone(lost_plus.to_owned())),
        };
        let found = caller.contacts.clone().get_contact(request).await;
        assert_invalid(found, "phone", "PHONE_AMBIGUOUS");
        let header = header(&list).add().opt_in_to_phones([lost_plus]);
        let updated = caller.update(header, vec![contact(&number(2))]).await;
        assert_invalid(updated, "header.opt_in_to[0].phone", "PHONE_AMBIGUOUS");
    }

    async fn an_opt_out_of_a_number_holds_in_every_spelling_that_is_taken(service: Service) {
        let caller = client_in(&service, "DE").await;
        let list = caller.create_list("Customers").await;
        let channel = caller.create_channel(&number(1)).await;
        let spellings = [
            "+49 1522 3456780",
            "004915223456781",
            "01522 3456782",
            "tel:+49-1522-3456783",
            "\u{202a}+4915223456784\u{202c}",
        ];
        for (n, spelling) in spellings.iter().enumerate() {
            caller.opt_out(spelling, &[&channel]).await;
            let person = contact(&format!("+491522345678{n}"));
            let outcome = add(&caller, &list, vec![person]).await;
            assert_counts!(opt_ins(&outcome), kept_opt_outs: 1; "{spelling:?}");
        }
    }

    async fn a_masked_number_is_invalid(service: Service) {
        let masked = ["+34 6XX XXX XXX", "+34 6xx xxx xxx", "+61 4XX XXX XXX", "+33 6 98 xx xx xx"];
        assert_all_rejected(&service, &service.admin(), &masked, "PHONE_INVALID").await;
    }

    async fn a_word_behind_a_number_makes_it_invalid(service: Service) {
        let phones = ["+49 89 123456 (work)", "+43 1 5123456 Papa", "+91 98765 43abc"];
        assert_all_rejected(&service, &service.admin(), &phones, "PHONE_INVALID").await;
    }

    async fn invisible_marks_inside_a_number_are_dropped(service: Service) {
        let marked = [
            "+\u{200f}14155552672",
            "+1415\u{200f}5552672",
            "+1415\u{2066}5552672",
            "+1415\u{feff}5552672",
            "+1415\u{61c}5552672",
        ];
        assert_stored(&service.admin(), &marked, &["+14155552672"; 5]).await;
    }

    async fn every_unicode_space_is_a_space(service: Service) {
        let spaced = ["+48\u{202f}601\u{202f}234\u{202f}567", "+48\u{2009}601\u{2009}234\u{2009}567"];
        assert_stored(&service.admin(), &spaced, &["+48601234567"; 2]).await;
    }

    async fn two_zeros_are_a_plus_without_a_region(service: Service) {
        let phones = ["0033612345678", "0048 601 234 567"];
        assert_stored(&service.admin(), &phones, &["+33612345678", "+48601234567"]).await;
    }

    async fn a_uri_of_a_number_is_read(service: Service) {
        let uris = [
            "tel:+49-151-10000001",
            "tel:151-10000002;phone-context=+49",
            "sms:+4915110000003?body=hello",
            "whatsapp:+4915110000004",
        ];
        let expected = [number(1), number(2), number(3), number(4)];
        assert_stored(&service.admin(), &uris, &expected.each_ref().map(String::as_str)).await;
    }

    async fn two_numbers_in_one_phone_are_invalid(service: Service) {
        let caller = client_in(&service, "DE").await;
        let phones = ["030 901820 / 030 901821", "030 901820/21", "+4930901820;+4930901821"];
        assert_all_rejected(&service, &caller, &phones, "PHONE_INVALID").await;
    }
}
