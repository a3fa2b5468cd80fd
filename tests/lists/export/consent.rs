//! Which members come by what they said, and how they said so.

use contact_lists::proto::{
    ChannelReference, ContactReference, OptOutRequest, channel_reference, contact_reference,
};

use super::*;

/// A list of contacts 0 to 5, and two channels, of which the first is asked for: 1 is opted in, 2 is opted out, 3 is opted out of
/// all, 4 too but for the first channel, and 5 is opted out of the other.
async fn everyone(admin: &Client) -> (String, String, String) {
    let list = admin.create_list("List").await;
    let channel = admin.create_channel(&number(98)).await;
    let other = admin.create_channel(&number(99)).await;
    add(admin, &list, contacts(0..6)).await;
    admin.opt_in(&number(1), &[&channel]).await;
    admin.opt_out(&number(2), &[&channel]).await;
    admin.opt_out_of_all_channels(&number(3)).await;
    admin.opt_out_of_all_channels(&number(4)).await;
    admin.opt_in(&number(4), &[&channel]).await;
    admin.opt_out(&number(5), &[&other]).await;
    (list, channel, other)
}

on_both! {
    async fn opted_out_are_those_of_the_channel_and_of_all_channels(service: Service) {
        let admin = service.admin();
        let (list, channel, _) = everyone(&admin).await;
        // A channel that is made later has no preferences of its own.
        let later = admin.create_channel(&number(97)).await;
        for (channel, expected) in [(channel, vec![2, 3]), (later, vec![3, 4])] {
            let request = Request { opted_out_of_channel_id: Some(channel), ..of(&list) };
            let exported = export(&admin, request.clone()).await.unwrap();
            assert_eq!(phones(&exported), numbers(expected));
            assert_eq!(listed(&admin, request).await.unwrap(), exported);
        }
    }

    async fn opted_in_are_those_of_the_channel_alone(service: Service) {
        let admin = service.admin();
        let (list, channel, _) = everyone(&admin).await;
        let request = Request { opted_in_to_channel_id: Some(channel), ..of(&list) };
        let exported = export(&admin, request.clone()).await.unwrap();
        assert_eq!(phones(&exported), numbers([1, 4]));
        assert_eq!(listed(&admin, request).await.unwrap(), exported);
        assert_eq!(export(&admin, of(&list)).await.unwrap().len(), 6);
    }

    async fn members_come_with_their_preferences_when_asked(service: Service) {
        let admin = service.admin();
        let (list, channel, _) = everyone(&admin).await;
        let reference = channel_reference::Reference::Id(channel.clone());
        let request = OptOutRequest {
            contacts: vec![ContactReference { reference: Some(contact_reference::Reference::Phone(number(2))) }],
            channels: vec![ChannelReference { reference: Some(reference) }],
            consent: Some(said_on(400)),
            ..OptOutRequest::default()
        };
        admin.preferences.clone().opt_out(request).await.unwrap();
        let header = header(&list).add().opt_in_to([channel.as_str()]).consent(said_on(1));
        admin.update(header, contacts([0])).await.unwrap();
        let request = Request { include_preferences: true, ..of(&list) };
        let exported = export(&admin, request.clone()).await.unwrap();
        assert_eq!(exported.len(), 6);
        for member in &exported {
            let phone = member.contact.as_ref().unwrap().phone();
            assert_eq!(member.communication_preferences, admin.preferences(phone).await, "{phone}");
        }
        assert_eq!(exported[0].communication_preferences[0].consent, Some(said_on(1)));
        assert_eq!(listed(&admin, request).await.unwrap(), exported);
        let without = export(&admin, of(&list)).await.unwrap();
        assert!(without.iter().all(|it| it.communication_preferences.is_empty()));
    }

    async fn a_page_ends_where_preferences_would_take_too_much_memory(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("List").await;
        let mut channels = Vec::new();
        for n in 0..50 {
            channels.push(admin.create_channel(&number(1000 + n)).await);
        }
        let long = contact_lists::proto::Consent { evidence: "e".repeat(1024), ..said_on(1) };
        let header = header(&list).add().consent(long.clone());
        admin.update(header, contacts(0..150)).await.unwrap();
        let request = Request { include_preferences: true, ..of(&list) };
        let exported = export(&admin, request).await.unwrap();
        assert_eq!(phones(&exported), numbers(0..150));
        for member in &exported {
            assert_eq!(member.communication_preferences.len(), 50);
            assert!(member.communication_preferences.iter().all(|it| it.consent.as_ref() == Some(&long)));
        }
    }

    async fn the_channel_is_one_of_the_organization_and_named_once(service: Service) {
        let admin = service.admin();
        let (list, channel, _) = everyone(&admin).await;
        let out_of = |id: &str| Request { opted_out_of_channel_id: Some(id.to_owned()), ..of(&list) };
        let unknown = out_of(&uuid::Uuid::now_v7().to_string());
        assert_refused(export(&admin, unknown.clone()).await, Code::NotFound, "RESOURCE_NOT_FOUND");
        assert_refused(listed(&admin, unknown).await, Code::NotFound, "RESOURCE_NOT_FOUND");
        let field = "opted_out_of_channel_id";
        assert_invalid(export(&admin, out_of("x")).await, field, "FIELD_INVALID");
        let both = Request { opted_in_to_channel_id: Some(channel.clone()), ..out_of(&channel) };
        assert_invalid(export(&admin, both.clone()).await, field, "FIELD_INVALID");
        assert_invalid(listed(&admin, both).await, field, "FIELD_INVALID");
    }
}
