//! Pages of changes.

use super::*;

async fn all_by(caller: &Client, contact: &str, page_size: i32) -> Vec<PreferenceChange> {
    let (mut found, mut token) = (Vec::new(), String::new());
    loop {
        let answer = page(caller, contact, page_size, &token)
            .await
            .expect("a page");
        assert!((1..=page_size).contains(&i32::try_from(answer.preference_changes.len()).unwrap()));
        found.extend(answer.preference_changes);
        token = answer.next_page_token;
        if token.is_empty() {
            return found;
        }
    }
}

/// Changes of every kind, some of them made at once.
async fn fill(it: &Setup) {
    let phone = number(50);
    it.opt_out_on(4, &[&phone], None).await;
    for day in 1..4 {
        let list = it.admin.create_list(&format!("All {day}")).await;
        let header = header(&list).add().consent(said_on(day));
        it.admin
            .update(header, vec![contact(&phone)])
            .await
            .expect("an update");
    }
    it.opt_in_on(5, &[&phone], None).await;
    it.opt_out_on(6, &[&phone], Some(&it.b)).await;
}

on_both! {
    async fn page_after_page_gives_every_change_once(service: Service) {
        let it = set_up(&service).await;
        fill(&it).await;
        let all = it.changes(50).await;
        assert_eq!(all.iter().filter(|change| change.kind() == Kind::KeptOut).count(), 6);
        assert_eq!(all.len(), 16);
        for size in [1, 2, 3, 5, 16] {
            assert_eq!(all_by(&it.admin, &number(50), size).await, all, "{size} a page");
        }
    }

    async fn a_page_token_holds_for_the_same_contact_only(service: Service) {
        let it = set_up(&service).await;
        fill(&it).await;
        it.change_one(true, 2, None).await;
        let token = page(&it.admin, &number(50), 1, "").await.unwrap().next_page_token;
        page(&it.admin, &it.id(50).await, 1, &token).await.unwrap();
        let of_preferences = list(&it.admin, &number(2), 1, "").await.unwrap().next_page_token;
        for (n, token) in [(2, token.as_str()), (51, &token), (50, "next"), (2, &of_preferences)] {
            let refused = page(&it.admin, &number(n), 1, token).await;
            assert_refused(refused, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
        }
        assert_refused(list(&it.admin, &number(50), 1, &token).await, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
        assert_invalid(page(&it.admin, &number(50), -1, "").await, "page_size", "FIELD_INVALID");
    }

    async fn changes_need_the_read_scope(service: Service) {
        let it = set_up(&service).await;
        it.change_one(true, 1, None).await;
        let reader = service.client_with(Scope::Read).await;
        assert_eq!(changes(&reader, &number(1)).await, it.changes(1).await);
    }
}
