//! Numbers that are stored and that the metadata of today does not take: they can still be named, changed, opted out and
//! erased, and nobody else gets them.

use contact_lists::proto::{
    Channel, ChannelReference, Contact, ContactReference, DeleteContactRequest, GetContactRequest,
    ListCommunicationPreferencesRequest, ListContactsRequest, OptInRequest, OptOutRequest,
    UpdateChannelRequest, UpdateContactRequest, channel_reference, contact_reference,
    get_contact_request,
};
use prost_types::FieldMask;
use tonic::Status;

use test_support::*;

/// Neither is valid: there is no such country, and the other is too short.
const INVALID: [&str; 2] = ["+999123456789", "+1415555"];

/// Another number that is not valid, and that nobody has.
const STRANGE: &str = "+999987654321";

/// A list with contacts that have the invalid numbers, a third one, and a channel.
struct Setup {
    admin: Client,
    list: String,
    channel: String,
}

async fn set_up(service: &Service) -> Setup {
    let admin = service.admin();
    let list = admin.create_list("Customers").await;
    admin
        .update(header(&list).add().no_opt_ins(), contacts(0..3))
        .await
        .unwrap();
    for (n, phone) in (0..).zip(INVALID) {
        let was = number(n);
        let sql = format!("UPDATE contacts SET phone = '{phone}' WHERE phone = '{was}'");
        service.database().execute(&sql).await;
    }
    let channel = admin.create_channel("+12025550100").await;
    Setup {
        admin,
        list,
        channel,
    }
}

fn by_phone(phone: &str) -> ContactReference {
    ContactReference {
        reference: Some(contact_reference::Reference::Phone(phone.to_owned())),
    }
}

fn channel_by_phone(phone: &str) -> ChannelReference {
    ChannelReference {
        reference: Some(channel_reference::Reference::Phone(phone.to_owned())),
    }
}

impl Setup {
    async fn get(&self, phone: &str) -> Result<Contact, Status> {
        let reference = Some(get_contact_request::Reference::Phone(phone.to_owned()));
        let found = self
            .admin
            .contacts
            .clone()
            .get_contact(GetContactRequest { reference })
            .await?;
        Ok(found.into_inner().contact.expect("a contact"))
    }

    async fn update_contact(&self, contact: Contact, mask: &[&str]) -> Result<Contact, Status> {
        let paths = mask.iter().map(|&path| path.to_owned()).collect();
        let request = UpdateContactRequest {
            contact: Some(contact),
            update_mask: Some(FieldMask { paths }),
            ..Default::default()
        };
        let updated = self.admin.contacts.clone().update_contact(request).await?;
        Ok(updated.into_inner().contact.expect("a contact"))
    }

    async fn opt_in(&self, phone: &str) -> Result<i64, Status> {
        let request = OptInRequest {
            contacts: vec![by_phone(phone)],
            channels: Vec::new(),
            all_channels: true,
            ..Default::default()
        };
        let response = self.admin.preferences.clone().opt_in(request).await?;
        Ok(response.into_inner().opted_in_count)
    }

    async fn opt_out(&self, phones: &[&str]) -> Result<(i64, usize), Status> {
        let request = OptOutRequest {
            contacts: phones.iter().map(|phone| by_phone(phone)).collect(),
            channels: Vec::new(),
            all_channels: true,
            ..Default::default()
        };
        let response = self
            .admin
            .preferences
            .clone()
            .opt_out(request)
            .await?
            .into_inner();
        Ok((response.opted_out_count, response.rejected_contacts.len()))
    }
}

on_both! {
    async fn a_contact_is_found_by_its_number(service: Service) {
        let it = set_up(&service).await;
        for phone in INVALID {
            let contact = it.get(phone).await.unwrap();
            assert_eq!(contact.phone.as_deref(), Some(phone));
            let request = ListContactsRequest { phone: Some(phone.to_owned()), ..Default::default() };
            let found = it.admin.contacts.clone().list_contacts(request).await.unwrap();
            assert_eq!(found.into_inner().contacts, [contact]);
        }
        assert_invalid(it.get(STRANGE).await, "phone", "PHONE_INVALID");
    }

    async fn only_the_number_itself_names_its_contact(service: Service) {
        let it = set_up(&service).await;
        for spelling in ["+999 123456789", "00999123456789", "999123456789", "tel:+999123456789"] {
            it.get(spelling).await.expect_err("a refusal");
        }
    }

    async fn a_contact_is_changed_and_keeps_its_number(service: Service) {
        let it = set_up(&service).await;
        for phone in INVALID {
            let mut contact = it.get(phone).await.unwrap();
            contact.name = Some("Ada".to_owned());
            let changed = it.update_contact(contact.clone(), &["name"]).await.unwrap();
            assert_eq!((changed.phone.as_deref(), changed.name.as_deref()), (Some(phone), Some("Ada")));
            contact.name = Some("Grace".to_owned());
            let changed = it.update_contact(contact.clone(), &["*"]).await.unwrap();
            assert_eq!((changed.phone.as_deref(), changed.name.as_deref()), (Some(phone), Some("Grace")));
        }
    }

    async fn a_contact_moves_to_a_valid_number_and_its_opt_out_stays_behind(service: Service) {
        let it = set_up(&service).await;
        it.opt_out(&[INVALID[0]]).await.unwrap();
        let mut contact = it.get(INVALID[0]).await.unwrap();
        contact.phone = Some(number(9));
        it.update_contact(contact, &["phone"]).await.unwrap();
        assert_eq!(it.get(&number(9)).await.unwrap().phone, Some(number(9)));
        assert_invalid(it.get(INVALID[0]).await, "phone", "PHONE_INVALID");
        assert_eq!(service.rows("SELECT count(*) FROM opted_out_numbers").await, 2);
    }

    async fn no_contact_moves_to_such_a_number(service: Service) {
        let it = set_up(&service).await;
        for phone in [INVALID[0], STRANGE] {
            let mut contact = it.get(&number(2)).await.unwrap();
            contact.phone = Some(phone.to_owned());
            assert_invalid(it.update_contact(contact, &["phone"]).await, "contact.phone", "PHONE_INVALID");
        }
    }

    async fn a_contact_is_opted_in_and_out_by_its_number(service: Service) {
        let it = set_up(&service).await;
        for phone in INVALID {
            assert_eq!(it.opt_in(phone).await.unwrap(), 1);
            assert_eq!(it.admin.opt_states(phone).await, [(it.channel.clone(), true)]);
        }
        assert_eq!(it.opt_out(&[INVALID[0], STRANGE, INVALID[1]]).await.unwrap(), (2, 1));
        for phone in INVALID {
            let request = ListCommunicationPreferencesRequest { contact: Some(by_phone(phone)), ..Default::default() };
            let listed = it.admin.preferences.clone().list_communication_preferences(request).await.unwrap();
            assert!(listed.into_inner().communication_preferences.iter().all(|it| !it.opted_in));
        }
        assert_invalid(it.opt_in(STRANGE).await, "contacts[0].phone", "PHONE_INVALID");
        assert_invalid(it.opt_out(&[STRANGE]).await, "contacts[0].phone", "PHONE_INVALID");
    }

    async fn a_contact_is_erased(service: Service) {
        let it = set_up(&service).await;
        for phone in INVALID {
            let id = it.get(phone).await.unwrap().id;
            it.admin.contacts.clone().delete_contact(DeleteContactRequest { id }).await.unwrap();
            assert_invalid(it.get(phone).await, "phone", "PHONE_INVALID");
        }
        assert_eq!(it.admin.list(&it.list).await.contact_count, 1);
    }

    async fn an_update_takes_the_numbers_that_are_stored(service: Service) {
        let it = set_up(&service).await;
        let given = || INVALID.map(|phone| contact(phone).name("Ada")).to_vec();
        let outcome = it.admin.update(header(&it.list).overwrite(), given()).await.unwrap();
        assert_counts!(outcomes(&outcome), updated: 2);
        assert_counts!(memberships(&outcome), removed: 1, members: 2);
        let outcome = it.admin.update(header(&it.list).remove(), given()).await.unwrap();
        assert_counts!(memberships(&outcome), removed: 2);
    }

    async fn an_update_rejects_the_numbers_that_are_not(service: Service) {
        let it = set_up(&service).await;
        let given = vec![contact(INVALID[0]).name("Ada"), contact(STRANGE), contact(INVALID[1]).email("nobody")];
        let outcome = it.admin.update(header(&it.list).add().skip(), given).await.unwrap();
        assert_eq!(rejections(&outcome), [(1, "phone", "PHONE_INVALID"), (2, "email", "EMAIL_INVALID")]);
        assert_counts!(outcomes(&outcome), updated: 1, rejected: 2);
    }

    async fn a_contact_keeps_its_number_in_an_update_by_external_id(service: Service) {
        let it = set_up(&service).await;
        let named = vec![contact(INVALID[0]).external_id("crm-1")];
        it.admin.update(header(&it.list).add(), named.clone()).await.unwrap();
        let outcome = it.admin.update(header(&it.list).add(), named).await.unwrap();
        assert_counts!(outcomes(&outcome), unchanged: 1);
    }

    async fn a_repeated_update_is_the_same_with_such_numbers(service: Service) {
        let it = set_up(&service).await;
        let header = || header(&it.list).add().request_id("6b1e9f0c-55d1-4d2f-9a3e-0d8c4f2b7a16");
        let given = || vec![contact(INVALID[0]).name("Ada"), contact(&number(2))];
        assert!(!it.admin.update(header(), given()).await.unwrap().replayed);
        assert!(it.admin.update(header(), given()).await.unwrap().replayed);
    }

    async fn a_channel_keeps_its_number_and_is_named_by_it(service: Service) {
        let it = set_up(&service).await;
        let phone = INVALID[0];
        service.database().execute(&format!("UPDATE channels SET phone = '{phone}'")).await;
        let update = async |phone: &str, mask: &str| {
            let channel = Channel {
                id: it.channel.clone(),
                name: Some("Reception".to_owned()),
                phone: Some(phone.to_owned()),
                r#type: contact_lists::proto::channel::Type::Phone.into(),
                ..Channel::default()
            };
            let update_mask = Some(FieldMask { paths: vec![mask.to_owned()] });
            let request = UpdateChannelRequest { channel: Some(channel), update_mask };
            it.admin.channels.clone().update_channel(request).await
        };
        update(phone, "name").await.unwrap();
        update(phone, "*").await.unwrap();
        assert_invalid(update(STRANGE, "phone").await, "channel.phone", "PHONE_INVALID");

        let header = header(&it.list).add().opt_in_to_phones([phone]);
        let outcome = it.admin.update(header, contacts([2])).await.unwrap();
        assert_counts!(opt_ins(&outcome), opted_in: 1);
        let request = OptOutRequest {
            contacts: vec![by_phone(&number(2))],
            channels: vec![channel_by_phone(phone), channel_by_phone(STRANGE)],
            all_channels: false, ..Default::default() };
        let response = it.admin.preferences.clone().opt_out(request).await.unwrap().into_inner();
        assert_eq!((response.opted_out_count, response.rejected_channels.len()), (1, 1));
    }
}
