//! Opt-outs belong to the number too: of unassigned numbers, and of those that a contact gives up.

mod opt_ins;

use contact_lists::proto::{
    ChannelReference, Contact, ContactReference, DeleteContactRequest, OptInRequest,
    UpdateContactListContactsHeader as Header, channel_reference, contact_reference,
};
use sha2::{Digest, Sha256};

use test_support::*;

/// An organization with a list and two channels.
struct Setup {
    admin: Client,
    list: String,
    a: String,
    b: String,
}

async fn set_up(service: &Service) -> Setup {
    let admin = service.admin();
    Setup {
        list: admin.create_list("Customers").await,
        a: admin.create_channel(&number(1_000_001)).await,
        b: admin.create_channel(&number(1_000_002)).await,
        admin,
    }
}

impl Setup {
    fn add(&self) -> Header {
        header(&self.list).add()
    }

    async fn create_later_channel(&self) {
        self.admin.create_channel(&number(1_000_003)).await;
    }

    /// Applies an update of one contact.
    async fn counts(&self, header: Header, contact: Contact) -> OptIns {
        let outcome = self.admin.update(header, vec![contact]).await.unwrap();
        assert_eq!(outcome.rejected_count, 0);
        opt_ins(&outcome)
    }

    /// Whether the holder of the n-th number is opted in to the two channels.
    async fn opt_states(&self, n: u32) -> [Option<bool>; 2] {
        let preferences = self.admin.preferences(&number(n)).await;
        [&self.a, &self.b].map(|id| {
            let found = preferences.iter().find(|it| it.channel_id == *id);
            found.map(|it| it.opted_in)
        })
    }

    /// Erases the holder of the n-th number.
    async fn erase(&self, n: u32) {
        let id = self.admin.contact(&number(n)).await.contact.unwrap().id;
        let request = DeleteContactRequest { id };
        self.admin
            .contacts
            .clone()
            .delete_contact(request)
            .await
            .unwrap();
    }

    /// Opts the n-th number in, to all channels or to one.
    async fn opt_in(&self, n: u32, channel: Option<&str>) -> i64 {
        let reference = contact_reference::Reference::Phone(number(n));
        let contact = ContactReference {
            reference: Some(reference),
        };
        let channels = channel.map(|id| ChannelReference {
            reference: Some(channel_reference::Reference::Id(id.to_owned())),
        });
        let request = OptInRequest {
            contacts: vec![contact],
            all_channels: channels.is_none(),
            channels: channels.into_iter().collect(),
            ..Default::default()
        };
        let answer = self
            .admin
            .preferences
            .clone()
            .opt_in(request)
            .await
            .unwrap();
        answer.into_inner().opted_in_count
    }
}

/// How many numbers the table of opted-out numbers has.
async fn numbers(service: &Service) -> i64 {
    service
        .rows("SELECT count(DISTINCT number_hash) FROM opted_out_numbers")
        .await
}

on_both! {
    async fn an_opt_out_of_a_number_makes_no_contact(service: Service) {
        let it = set_up(&service).await;
        it.admin.opt_out(&number(1), &[&it.a]).await;
        assert_eq!(service.rows("SELECT count(*) FROM contacts").await, 0);
        assert_eq!(numbers(&service).await, 1);
    }

    async fn a_contact_created_with_an_opted_out_number_starts_opted_out(service: Service) {
        let it = set_up(&service).await;
        it.admin.opt_out(&number(1), &[&it.a]).await;
        assert_counts!(it.counts(it.add(), contact(&number(1))).await, opted_in: 1, kept_opt_outs: 1);
        assert_eq!(it.opt_states(1).await, [Some(false), Some(true)]);
    }

    async fn the_opt_out_belongs_to_the_number_in_any_format(service: Service) {
        let it = set_up(&service).await;
        it.admin
            .opt_out(&number(1).replace("+49151", "+49 (0151) "), &[&it.a])
            .await;
        assert_counts!(it.counts(it.add(), contact(&number(1))).await, opted_in: 1, kept_opt_outs: 1);
        assert_eq!(it.opt_states(1).await, [Some(false), Some(true)]);
    }

    async fn other_numbers_are_not_opted_out(service: Service) {
        let it = set_up(&service).await;
        it.admin.opt_out(&number(1), &[&it.a]).await;
        assert_counts!(it.counts(it.add(), contact(&number(2))).await, opted_in: 2);
        assert_eq!(numbers(&service).await, 1);
    }

    async fn another_organizations_opt_out_of_the_number_does_not_hold_here(service: Service) {
        let it = set_up(&service).await;
        service
            .other_admin()
            .await
            .opt_out_of_all_channels(&number(1))
            .await;
        assert_counts!(it.counts(it.add(), contact(&number(1))).await, opted_in: 2);
        assert_eq!(numbers(&service).await, 1);
    }

    async fn the_opt_out_becomes_the_contacts_own_and_the_hash_is_used_up(service: Service) {
        let it = set_up(&service).await;
        it.admin.opt_out(&number(1), &[&it.a]).await;
        it.counts(it.add(), contact(&number(1))).await;
        assert_eq!(numbers(&service).await, 0);
        assert_counts!(it.counts(it.add(), contact(&number(1))).await, kept_opt_outs: 1);
        it.admin.opt_in(&number(1), &[&it.a]).await;
        it.counts(it.add(), contact(&number(1)).external_id("x"))
            .await;
        it.counts(it.add(), contact(&number(2)).external_id("x"))
            .await;
        assert_counts!(it.counts(it.add(), contact(&number(1))).await, opted_in: 2);
    }

    async fn a_taken_over_opt_out_still_says_who_said_so(service: Service) {
        let it = set_up(&service).await;
        it.admin.opt_out(&number(1), &[&it.a]).await;
        let writer = service.client_with(Scope::Write).await;
        let outcome = writer
            .update(it.add(), vec![contact(&number(1))])
            .await
            .unwrap();
        let preferences = it.admin.preferences(&number(1)).await;
        let update_ids: Vec<_> = preferences.iter().map(|it| it.update_id.clone()).collect();
        assert_eq!(update_ids, [None, Some(outcome.update_id)]);
        assert_ne!(preferences[0].api_key_id, preferences[1].api_key_id);
    }

    async fn a_contact_created_without_opt_ins_starts_opted_out_and_is_not_counted(service: Service) {
        let it = set_up(&service).await;
        it.admin.opt_out(&number(1), &[&it.a]).await;
        assert_counts!(it.counts(it.add().no_opt_ins(), contact(&number(1))).await);
        assert_eq!(it.opt_states(1).await, [Some(false), None]);
    }

    async fn a_contact_created_by_a_remove_starts_opted_out(service: Service) {
        let it = set_up(&service).await;
        it.admin.opt_out(&number(1), &[&it.a]).await;
        assert_counts!(it.counts(header(&it.list).remove(), contact(&number(1)))
                .await);
        assert_eq!(it.opt_states(1).await, [Some(false), None]);
        assert_eq!(numbers(&service).await, 0);
    }

    async fn resubscribe_opts_a_new_contact_in_and_uses_the_hash_up(service: Service) {
        let it = set_up(&service).await;
        it.admin.opt_out(&number(1), &[&it.a]).await;
        assert_counts!(it.counts(it.add().resubscribe(), contact(&number(1))).await, opted_in: 2);
        assert_eq!(it.opt_states(1).await, [Some(true), Some(true)]);
        assert_eq!(numbers(&service).await, 0);
    }

    async fn resubscribing_a_new_contact_to_named_channels_keeps_the_other_opt_outs(
        service: Service,
    ) {
        let it = set_up(&service).await;
        it.admin.opt_out(&number(1), &[&it.a, &it.b]).await;
        let header = it.add().resubscribe().opt_in_to([it.b.as_str()]);
        assert_counts!(it.counts(header, contact(&number(1))).await, opted_in: 1);
        assert_eq!(it.opt_states(1).await, [Some(false), Some(true)]);
        assert_eq!(numbers(&service).await, 0);
    }

    async fn a_rejected_contact_leaves_the_numbers_opt_out_where_it_is(service: Service) {
        let it = set_up(&service).await;
        it.admin.opt_out(&number(1), &[&it.a]).await;
        let contacts = vec![contact(&number(1)).email("nobody"), contact(&number(2))];
        let outcome = it
            .admin
            .update(it.add().skip().resubscribe(), contacts)
            .await
            .unwrap();
        assert_eq!((outcome.rejected_count, outcome.created_count), (1, 1));
        assert_eq!(numbers(&service).await, 1);
        assert_counts!(it.counts(it.add(), contact(&number(1))).await, opted_in: 1, kept_opt_outs: 1);
    }

    async fn a_change_of_number_leaves_the_opt_outs_behind_with_the_old_number(service: Service) {
        let it = set_up(&service).await;
        it.counts(it.add(), contact(&number(1)).external_id("x"))
            .await;
        it.admin.opt_out(&number(1), &[&it.a]).await;
        it.counts(it.add(), contact(&number(2)).external_id("x"))
            .await;
        assert_eq!(numbers(&service).await, 1);
        assert_counts!(it.counts(it.add().no_opt_ins(), contact(&number(1))).await);
        assert_eq!(it.opt_states(1).await, [Some(false), None]);
    }

    async fn a_contact_that_changes_number_keeps_its_own_preferences(service: Service) {
        let it = set_up(&service).await;
        it.counts(it.add(), contact(&number(1)).external_id("x"))
            .await;
        it.admin.opt_out(&number(1), &[&it.a]).await;
        let before = it.admin.preferences(&number(1)).await;
        assert_counts!(it.counts(it.add(), contact(&number(2)).external_id("x"))
                .await, kept_opt_outs: 1);
        assert_eq!(it.admin.preferences(&number(2)).await, before);
    }

    async fn a_change_of_number_leaves_an_opt_out_of_all_channels_behind(service: Service) {
        let it = set_up(&service).await;
        it.counts(it.add(), contact(&number(1)).external_id("x"))
            .await;
        it.admin.opt_out_of_all_channels(&number(1)).await;
        it.counts(it.add(), contact(&number(2)).external_id("x"))
            .await;
        it.create_later_channel().await;
        assert_counts!(it.counts(it.add(), contact(&number(1))).await, kept_opt_outs: 3);
        assert_counts!(it.counts(it.add(), contact(&number(2))).await, kept_opt_outs: 3);
    }

    async fn a_contact_that_moves_to_an_opted_out_number_starts_opted_out_there(service: Service) {
        let it = set_up(&service).await;
        it.counts(it.add(), contact(&number(1)).external_id("x"))
            .await;
        it.admin.opt_out(&number(2), &[&it.b]).await;
        assert_counts!(it.counts(it.add(), contact(&number(2)).external_id("x"))
                .await, kept_opt_outs: 1);
        assert_eq!(it.opt_states(2).await, [Some(true), Some(false)]);
        assert_eq!(numbers(&service).await, 0);
    }

    async fn a_contact_that_moves_to_a_number_opted_out_of_all_channels_is_opted_out_of_all(service: Service) {
        let it = set_up(&service).await;
        it.counts(it.add(), contact(&number(1)).external_id("x"))
            .await;
        it.admin.opt_out_of_all_channels(&number(2)).await;
        assert_counts!(it.counts(it.add(), contact(&number(2)).external_id("x"))
                .await, kept_opt_outs: 2);
        assert_eq!(it.opt_states(2).await, [Some(false), Some(false)]);
        it.create_later_channel().await;
        assert_counts!(it.counts(it.add(), contact(&number(2))).await, kept_opt_outs: 3);
    }

    async fn resubscribe_opts_in_a_contact_that_moves_to_an_opted_out_number(service: Service) {
        let it = set_up(&service).await;
        it.counts(it.add(), contact(&number(1)).external_id("x"))
            .await;
        it.admin.opt_out(&number(2), &[&it.b]).await;
        it.counts(it.add().resubscribe(), contact(&number(2)).external_id("x"))
            .await;
        assert_eq!(it.opt_states(2).await, [Some(true), Some(true)]);
        assert_eq!(numbers(&service).await, 0);
    }

    async fn an_opt_out_of_all_channels_holds_for_channels_made_later(service: Service) {
        let it = set_up(&service).await;
        it.admin.opt_out_of_all_channels(&number(1)).await;
        it.create_later_channel().await;
        assert_counts!(it.counts(it.add(), contact(&number(1))).await, kept_opt_outs: 3);
        it.admin.create_channel(&number(1_000_004)).await;
        assert_counts!(it.counts(it.add(), contact(&number(1))).await, kept_opt_outs: 4);
    }

    async fn only_a_hash_of_the_number_is_stored(service: Service) {
        let it = set_up(&service).await;
        it.admin.opt_out(&number(1), &[&it.a]).await;
        let whole = "SELECT count(*) FROM opted_out_numbers WHERE length(number_hash) = 32";
        assert_eq!(service.rows(whole).await, 1);
        let digits = number(1).trim_start_matches('+').to_owned();
        let hex: String = digits.bytes().map(|byte| format!("{byte:02x}")).collect();
        let row = if service.database().is_postgres() {
            "n::text"
        } else {
            "lower(hex(number_hash) || hex(organization_id) || hex(channel_id) || hex(api_key_id))"
        };
        for text in [&digits, &hex] {
            let sql =
                format!("SELECT count(*) FROM opted_out_numbers n WHERE {row} LIKE '%{text}%'");
            assert_eq!(service.rows(&sql).await, 0);
        }
    }

    async fn the_hash_is_keyed_by_the_organization(service: Service) {
        let it = set_up(&service).await;
        it.admin.opt_out_of_all_channels(&number(1)).await;
        service
            .other_admin()
            .await
            .opt_out_of_all_channels(&number(1))
            .await;
        assert_eq!(numbers(&service).await, 2);
        let sql = "SELECT count(*) FROM opted_out_numbers WHERE number_hash = $1";
        for text in [number(1), number(1).trim_start_matches('+').to_owned()] {
            let plain = Sha256::digest(text.as_bytes()).to_vec();
            assert_eq!(service.database().rows_with(sql, [plain.into()]).await, 0);
        }
    }
}
