//! What is not opted out.

use super::*;

fn with_bad_ones() -> Vec<OptOutContact> {
    let unknown = "0190d7a0-0000-7000-8000-000000000000";
    let nobody = OptOutContact::default();
    let (good, late) = (number(1), said_in_the_future());
    let mut named = everyone([good.as_str(), unknown, "no-such-id", "+49123", ""]);
    named.extend([nobody, opted_out_by(&good, late)]);
    named
}

fn said_in_the_future() -> contact_lists::proto::Consent {
    contact_lists::proto::Consent {
        collect_time: Some(prost_types::Timestamp {
            seconds: i64::from(u32::MAX),
            nanos: 0,
        }),
        ..Default::default()
    }
}

const EXPECTED: [(i32, &str, &str); 6] = [
    (1, "id", "RESOURCE_NOT_FOUND"),
    (2, "external_id", "RESOURCE_NOT_FOUND"),
    (3, "phone", "PHONE_INVALID"),
    (4, "external_id", "FIELD_REQUIRED"),
    (5, "reference", "FIELD_REQUIRED"),
    (6, "consent.collect_time", "FIELD_INVALID"),
];

on_both! {
    async fn one_rejected_contact_fails_the_call_and_nothing_changes(service: Service) {
        let it = set_up(&service).await;
        let header = opt_out_header(&[&it.a]).identified(&new_id());
        let refused = it.admin.opt_out_contacts(header, with_bad_ones()).await;
        let status = assert_refused(refused, Code::InvalidArgument, "CONTACTS_REJECTED");
        assert_eq!(metadata(&status, "rejected_count"), "6");
        let fields = violations(&status);
        assert_eq!(fields[0], ("contacts[1].id".to_owned(), "RESOURCE_NOT_FOUND".to_owned()));
        assert_eq!(preference_count(&service).await + recorded_count(&service).await, 0);
    }

    async fn with_skip_the_others_are_opted_out_and_every_violation_is_named(service: Service) {
        let it = set_up(&service).await;
        let header = opt_out_header(&[&it.a]).skip_rejected();
        let outcome = it.admin.opt_out_contacts(header, with_bad_ones()).await.unwrap();
        assert_eq!((outcome.opted_out_count, outcome.rejected_count), (1, 6));
        assert_eq!(rejected(&outcome.rejected_contacts), EXPECTED);
        assert_eq!(it.opt_states(1).await, [(it.a.clone(), false)]);
    }

    async fn with_skip_a_call_of_which_all_are_rejected_is_one_that_changes_nothing(service: Service) {
        let it = set_up(&service).await;
        let id = new_id();
        let header = opt_out_header(&[&it.a]).skip_rejected().identified(&id);
        let outcome = it.admin.opt_out_contacts(header, everyone(["no-such-id"])).await.unwrap();
        assert_eq!((outcome.received_count, outcome.rejected_count), (1, 1));
        assert_eq!(preference_count(&service).await, 0);
        assert_eq!(recorded(&it.admin, &id).await.unwrap().outcome, Some(outcome));
    }

    async fn an_unknown_channel_fails_the_call(service: Service) {
        let it = set_up(&service).await;
        let header = opt_out_header(&[&it.a, "0190d7a0-0000-7000-8000-000000000000"]).skip_rejected();
        let refused = it.admin.opt_out_contacts(header, by_numbers(1..2)).await;
        assert_refused(refused, Code::NotFound, "RESOURCE_NOT_FOUND");
        assert_eq!(preference_count(&service).await, 0);
    }

    async fn the_channels_are_all_or_named_but_not_both_and_not_none(service: Service) {
        let it = set_up(&service).await;
        let mut both = opt_out_header(&[&it.a]);
        both.all_channels = true;
        let refused = it.admin.opt_out_contacts(both, by_numbers(1..2)).await;
        assert_invalid(refused, "header.channels", "FIELD_INVALID");
        let none = contact_lists::proto::OptOutContactsHeader::default();
        let refused = it.admin.opt_out_contacts(none, by_numbers(1..2)).await;
        assert_invalid(refused, "header.channels", "FIELD_REQUIRED");
    }

    async fn another_organizations_contacts_are_unknown(service: Service) {
        let it = set_up(&service).await;
        let other = service.other_admin().await;
        let list = other.create_list("List").await;
        let theirs = contact(&number(50)).external_id("theirs");
        other.update(header(&list).add(), vec![theirs]).await.unwrap();
        let id = other.contact(&number(50)).await.contact.unwrap().id;
        let named = everyone([id.as_str(), "theirs", &number(50)]);
        let header = opt_out_header(&[]).skip_rejected();
        let outcome = it.admin.opt_out_contacts(header, named).await.unwrap();
        assert_eq!((outcome.rejected_count, outcome.unassigned_number_count), (2, 1));
        assert!(other.opt_states(&number(50)).await.iter().all(|(_, opted_in)| *opted_in));
    }
}
