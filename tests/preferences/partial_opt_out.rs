//! An `OptOut` with references that are malformed or unknown: no opt-out is lost by its neighbor.

use contact_lists::proto::{OptOutResponse, RejectedReference};

use super::*;

async fn opt_out(
    caller: &Client,
    contacts: Vec<ContactReference>,
    channels: Vec<ChannelReference>,
) -> Result<OptOutResponse, Status> {
    let request = OptOutRequest {
        contacts,
        channels,
        all_channels: false,
        ..Default::default()
    };
    let response = caller.preferences.clone().opt_out(request).await?;
    Ok(response.into_inner())
}

/// Index, field and reason of all that is wrong.
fn wrong(rejected: &[RejectedReference]) -> Vec<(i32, &str, &'static str)> {
    let wrong = rejected.iter().flat_map(|reference| {
        let violations = reference.violations.iter();
        violations.map(|it| (reference.index, it.field.as_str(), reason_name(it.reason())))
    });
    wrong.collect()
}

fn unknown_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

on_both! {
    async fn valid_contacts_are_opted_out_and_the_others_named(service: Service) {
        let it = set_up(&service).await;
        let (id, unknown) = (it.id(1).await, unknown_id());
        let mut contacts = people([id.as_str(), "+4915", unknown.as_str(), &number(9), "no number"]);
        contacts.push(ContactReference { reference: None });
        contacts.extend(people([number(2).as_str()]));
        let response = opt_out(&it.admin, contacts, channels([it.a.as_str()])).await.unwrap();
        assert_eq!(
            wrong(&response.rejected_contacts),
            [
                (1, "phone", "PHONE_INVALID"),
                (2, "id", "RESOURCE_NOT_FOUND"),
                (4, "phone", "PHONE_INVALID"),
                (5, "", "FIELD_REQUIRED"),
            ]
        );
        assert_eq!(response.rejected_channels, []);
        assert_eq!((response.opted_out_count, response.unchanged_count), (3, 0));
        assert_eq!(it.opt_states(1).await, [(it.a.clone(), false)]);
        assert_eq!(it.opt_states(2).await, [(it.a.clone(), false)]);
        // The third is the unassigned number's.
        assert_eq!(preference_count(&service).await, 3);
    }

    async fn valid_channels_are_opted_out_of_and_the_others_named(service: Service) {
        let it = set_up(&service).await;
        let unknown = unknown_id();
        let channels = channels([
            "0151 23456789",
            it.a.as_str(),
            unknown.as_str(),
            number(7).as_str(),
            it.b.as_str(),
        ]);
        let response = opt_out(&it.admin, people([number(1).as_str()]), channels).await.unwrap();
        assert_eq!(
            wrong(&response.rejected_channels),
            [
                (0, "phone", "PHONE_WITHOUT_REGION"),
                (2, "id", "RESOURCE_NOT_FOUND"),
                (3, "phone", "RESOURCE_NOT_FOUND"),
            ]
        );
        assert_eq!(response.rejected_contacts, []);
        assert_eq!((response.opted_out_count, response.unchanged_count), (2, 0));
        assert_eq!(
            it.opt_states(1).await,
            [(it.a.clone(), false), (it.b.clone(), false)]
        );
    }

    async fn valid_contacts_are_opted_out_of_all_channels(service: Service) {
        let it = set_up(&service).await;
        let request = OptOutRequest {
            contacts: people(["+4915", &number(1)]),
            channels: Vec::new(),
            all_channels: true, ..Default::default() };
        let response = it.admin.preferences.clone().opt_out(request).await.unwrap().into_inner();
        assert_eq!(wrong(&response.rejected_contacts), [(0, "phone", "PHONE_INVALID")]);
        assert_eq!(response.opted_out_count, 2);
    }

    async fn if_every_contact_is_malformed_the_call_fails_and_names_all(service: Service) {
        let it = set_up(&service).await;
        let contacts = people(["+4915", "0151 23456789"]);
        let channels = channels([it.a.as_str(), "no number"]);
        let refused = opt_out(&it.admin, contacts, channels).await;
        let status = assert_refused(refused, Code::InvalidArgument, "REQUEST_INVALID");
        let expected = [
            ("contacts[0].phone", "PHONE_INVALID"),
            ("contacts[1].phone", "PHONE_WITHOUT_REGION"),
            ("channels[1].phone", "PHONE_INVALID"),
        ];
        assert_eq!(
            violations(&status),
            expected.map(|(a, b)| (a.to_owned(), b.to_owned()))
        );
    }

    async fn if_every_channel_is_malformed_the_call_fails_and_nothing_changes(service: Service) {
        let it = set_up(&service).await;
        let refused = opt_out(&it.admin, people([number(1).as_str()]), channels(["no number"])).await;
        assert_invalid(refused, "channels[0].phone", "PHONE_INVALID");
        assert_eq!(preference_count(&service).await, 0);
    }

    async fn if_no_contact_is_known_the_call_fails_and_nothing_changes(service: Service) {
        let it = set_up(&service).await;
        let unknown = unknown_id();
        let contacts = people(["+4915", unknown.as_str()]);
        let refused = opt_out(&it.admin, contacts, channels([it.a.as_str()])).await;
        let status = assert_refused(refused, Code::NotFound, "RESOURCE_NOT_FOUND");
        assert_eq!(metadata(&status, "resource_type"), "contact");
        assert_eq!(metadata(&status, "resource_name"), unknown);
        assert_eq!(preference_count(&service).await, 0);
    }

    async fn if_no_channel_is_known_the_call_fails_and_nothing_changes(service: Service) {
        let it = set_up(&service).await;
        let channels = channels([unknown_id().as_str(), number(7).as_str()]);
        let refused = opt_out(&it.admin, people([number(1).as_str()]), channels).await;
        let status = assert_refused(refused, Code::NotFound, "RESOURCE_NOT_FOUND");
        assert_eq!(metadata(&status, "resource_type"), "channel");
        assert_eq!(preference_count(&service).await, 0);
    }
}
