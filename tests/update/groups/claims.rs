//! External_ids that groups with two of them have.

use super::*;

on_both! {
    async fn a_group_with_two_external_ids_contradicts_the_others_with_either(service: Service) {
        let (admin, list) = with_list(&service).await;
        add(&admin, &list, vec![known_as(9, "b")]).await;
        let given = vec![
            known_as(1, "a"),
            known_as(1, "b"),
            known_as(2, "b"),
            known_as(3, "c"),
            known_as(4, "a"),
            known_as(1, "a"),
        ];
        let outcome = try_add(&admin, &list, given).await;
        let expected = [0, 1, 2, 4, 5].map(|index| (index, CONFLICT));
        assert_eq!(reasons(&outcome), expected);
        assert_counts!(outcomes(&outcome), created: 1, rejected: 5);
        assert_eq!(phone_of(&admin, "b").await, Some(number(9)));
        assert_eq!(on_list(&admin, &list).await, numbers([3, 9]));
    }

    async fn two_groups_with_two_external_ids_each_are_rejected_once(service: Service) {
        let (admin, list) = with_list(&service).await;
        let given = vec![
            known_as(1, "a"),
            known_as(1, "b"),
            known_as(2, "b"),
            known_as(2, "a"),
        ];
        let outcome = try_add(&admin, &list, given).await;
        let expected = [0, 1, 2, 3].map(|index| (index, CONFLICT));
        assert_eq!(reasons(&outcome), expected);
        assert_counts!(outcomes(&outcome), rejected: 4);
    }
}
