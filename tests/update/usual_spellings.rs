//! Values as other systems write them are understood, and problems are reported so that people can find them.

use super::*;

on_both! {
    async fn white_space_around_an_email_is_dropped(service: Service) {
        let (admin, list) = with_list(&service).await;
        let given = ["me@example.com ", " me@example.com", "me@example.com\r\n"];
        let contacts = (1..).zip(given).map(|(n, email)| contact(&number(n)).email(email));
        add(&admin, &list, contacts.collect()).await;
        for n in 1..=3 {
            assert_eq!(stored(&admin, &number(n)).await.email.as_deref(), Some("me@example.com"));
        }
    }

    async fn an_email_of_white_space_clears(service: Service) {
        let (admin, list) = with_list(&service).await;
        add(&admin, &list, vec![contact(&number(1)).email("me@example.com")]).await;
        add(&admin, &list, vec![contact(&number(1)).email(" ")]).await;
        assert_eq!(stored(&admin, &number(1)).await.email, None);
    }

    async fn a_locale_is_stored_as_a_language_tag_in_its_canonical_case(service: Service) {
        let (admin, list) = with_list(&service).await;
        let spellings = [("en_US", "en-US"), ("pt_BR", "pt-BR"), ("zh_CN", "zh-CN"), ("DE-at", "de-AT"), ("zh-hant-tw", "zh-Hant-TW")];
        let contacts = (1..).zip(spellings).map(|(n, (given, _))| contact(&number(n)).language(given));
        add(&admin, &list, contacts.collect()).await;
        for (n, (_, canonical)) in (1..).zip(spellings) {
            assert_eq!(stored(&admin, &number(n)).await.language.as_deref(), Some(canonical));
        }
    }

    async fn an_empty_text_clears_a_property_of_any_other_type(service: Service) {
        let (admin, list) = with_list(&service).await;
        admin.create_customer_object().await;
        let all = json!({"visits": 3, "vip": true, "since": "2024-02-29", "plan": "pro"});
        add(&admin, &list, vec![contact(&number(1)).properties(all)]).await;
        let empty = json!({"visits": "", "vip": "", "since": "", "plan": ""});
        add(&admin, &list, vec![contact(&number(1)).properties(empty)]).await;
        let record = stored(&admin, &number(1)).await.properties.unwrap();
        assert_eq!(json_of(&record), json!({"plan": ""}));
    }

    async fn an_unknown_property_is_named_whatever_its_form(service: Service) {
        let (admin, list) = with_list(&service).await;
        admin.create_customer_object().await;
        let long = "k".repeat(1000);
        for (key, field) in [("Zip Code", "properties.Zip Code".to_owned()), ("zip", "properties.zip".to_owned()), (&long, format!("properties.{}", "k".repeat(64)))] {
            let outcome = try_add(&admin, &list, vec![contact(&number(1)).properties(json!({key: "1"}))]).await;
            assert_eq!(rejections(&outcome), [(0, field.as_str(), "PROPERTY_UNKNOWN")]);
        }
    }
}
