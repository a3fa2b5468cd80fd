//! Opt-ins in spite of a number's opt-outs: they lift, and are never inherited.

use super::{numbers, set_up};
use test_support::*;

on_both! {
    async fn an_opt_in_to_named_channels_lifts_the_numbers_opt_outs_of_these(service: Service) {
        let it = set_up(&service).await;
        it.admin.opt_out(&number(1), &[&it.a, &it.b]).await;
        assert_eq!(it.opt_in(1, Some(&it.a)).await, 1);
        assert_counts!(it.counts(it.add(), contact(&number(1))).await, opted_in: 1, kept_opt_outs: 1);
        assert_eq!(it.opt_states(1).await, [Some(true), Some(false)]);
    }

    async fn an_opt_in_to_named_channels_keeps_the_numbers_opt_out_of_all_for_the_others(
        service: Service,
    ) {
        let it = set_up(&service).await;
        it.admin.opt_out_of_all_channels(&number(1)).await;
        assert_eq!(it.opt_in(1, Some(&it.a)).await, 1);
        it.create_later_channel().await;
        assert_counts!(it.counts(it.add(), contact(&number(1))).await, opted_in: 1, kept_opt_outs: 2);
        assert_eq!(it.opt_states(1).await, [Some(true), Some(false)]);
    }

    async fn an_opt_in_to_all_channels_lifts_the_numbers_opt_outs_for_later_channels_too(
        service: Service,
    ) {
        let it = set_up(&service).await;
        it.admin.opt_out_of_all_channels(&number(1)).await;
        assert_eq!(it.opt_in(1, None).await, 2);
        assert_eq!(numbers(&service).await, 0);
        it.create_later_channel().await;
        assert_counts!(it.counts(it.add(), contact(&number(1))).await, opted_in: 3);
    }

    async fn an_exception_from_an_opt_out_of_all_channels_is_not_inherited(service: Service) {
        let it = set_up(&service).await;
        it.counts(it.add().no_opt_ins(), contact(&number(1)).external_id("x"))
            .await;
        it.admin.opt_out_of_all_channels(&number(1)).await;
        it.admin.opt_in(&number(1), &[&it.a]).await;
        it.counts(it.add(), contact(&number(2)).external_id("x"))
            .await;
        assert_eq!(it.opt_states(2).await, [Some(true), Some(false)]);
        assert_counts!(it.counts(it.add(), contact(&number(1))).await, kept_opt_outs: 2);
        assert_eq!(it.opt_states(1).await, [Some(false), Some(false)]);
    }

    async fn an_erased_contacts_exception_opts_nobody_in(service: Service) {
        let it = set_up(&service).await;
        it.counts(it.add(), contact(&number(1))).await;
        it.admin.opt_out_of_all_channels(&number(1)).await;
        it.admin.opt_in(&number(1), &[&it.a]).await;
        it.erase(1).await;
        assert_counts!(it.counts(it.add().no_opt_ins(), contact(&number(1))).await);
        assert_eq!(it.opt_states(1).await, [Some(false), Some(false)]);
    }

    async fn an_opt_in_of_an_unassigned_number_opts_nobody_in(service: Service) {
        let it = set_up(&service).await;
        it.admin.opt_out_of_all_channels(&number(1)).await;
        assert_eq!(it.opt_in(1, Some(&it.a)).await, 1);
        assert_counts!(it.counts(it.add().no_opt_ins(), contact(&number(1))).await);
        let opted_in = it.opt_states(1).await.contains(&Some(true));
        assert!(!opted_in);
        assert_counts!(it.counts(it.add(), contact(&number(1))).await, kept_opt_outs: 2);
    }

    async fn a_lifted_opt_out_of_a_number_leaves_a_contacts_own_opt_in(service: Service) {
        let it = set_up(&service).await;
        it.counts(it.add(), contact(&number(1)).external_id("x"))
            .await;
        it.admin.opt_out_of_all_channels(&number(2)).await;
        assert_eq!(it.opt_in(2, Some(&it.a)).await, 1);
        it.counts(it.add().no_opt_ins(), contact(&number(2)).external_id("x"))
            .await;
        assert_eq!(it.opt_states(2).await, [Some(true), Some(false)]);
    }
}
