//! A contact's record of a custom object has a limit, however it is made.

use super::*;

/// As long as half of a record may be, and a little more.
const LONG: usize = 33_000;

/// A record of this many bytes as JSON, most of them in a text and in a list.
fn record_of(bytes: usize) -> serde_json::Value {
    let empty = json!({"plan": "", "tags": ["a".repeat(LONG)]}).to_string();
    json!({"plan": "a".repeat(bytes - empty.len()), "tags": ["a".repeat(LONG)]})
}

/// A caller, a list, and a contact on it whose record has a long list.
async fn with_long_record(service: &Service) -> (Client, String) {
    let (admin, list) = with_list(service).await;
    admin.create_customer_object().await;
    let tags = record_of(LONG * 2)["tags"].clone();
    let first = contact(&number(1)).properties(json!({"tags": tags}));
    add(&admin, &list, vec![first]).await;
    (admin, list)
}

/// The first contact with a text that makes its record as large as `bytes`.
fn growing_to(bytes: usize) -> Contact {
    contact(&number(1)).properties(json!({"plan": record_of(bytes)["plan"]}))
}

async fn record(caller: &Client) -> serde_json::Value {
    let contact = stored(caller, &number(1)).await;
    json_of(&contact.properties.expect("a record"))
}

/// Makes the first contact's record much too large, as only an earlier version could.
async fn outgrow(service: &Service) {
    let text = if service.database().is_postgres() {
        "repeat('a', 200000)"
    } else {
        "replace(hex(zeroblob(100000)), '0', 'a')"
    };
    let object = "'{\"plan\": \"' || TEXT || '\"}'".replace("TEXT", text);
    let json = if service.database().is_postgres() {
        format!("({object})::jsonb")
    } else {
        object
    };
    let sql = format!("UPDATE custom_object_records SET properties = {json}");
    service.database().execute(&sql).await;
}

on_both! {
    async fn a_record_may_grow_to_64_kib_and_no_further(service: Service) {
        let (admin, list) = with_long_record(&service).await;
        let before = record(&admin).await;
        let outcome = try_add(&admin, &list, vec![growing_to(65_537), contact(&number(2))]).await;
        assert_eq!(rejections(&outcome), [(0, "properties", "RECORD_TOO_LARGE")]);
        assert_counts!(outcomes(&outcome), rejected: 1, created: 1);
        assert_eq!(record(&admin).await, before);
        let refused = admin.update(header(&list).add(), vec![growing_to(65_537)]).await;
        assert_refused(refused, Code::InvalidArgument, "CONTACTS_REJECTED");
        add(&admin, &list, vec![growing_to(65_536)]).await;
        assert_eq!(record(&admin).await, record_of(65_536));
    }

    async fn a_record_makes_room_by_clearing_a_key(service: Service) {
        let (admin, list) = with_long_record(&service).await;
        let mut larger = growing_to(65_600);
        let properties = larger.properties.as_mut().expect("properties");
        properties.fields.extend(struct_of(json!({"tags": null})).fields);
        add(&admin, &list, vec![larger]).await;
        assert_eq!(record(&admin).await, json!({"plan": record_of(65_600)["plan"]}));
    }

    async fn contacts_of_one_number_make_one_record(service: Service) {
        let (admin, list) = with_list(&service).await;
        admin.create_customer_object().await;
        let long = |key: &str| contact(&number(1)).properties(json!({key: "a".repeat(LONG)}));
        let tags = contact(&number(1)).properties(json!({"tags": ["a".repeat(LONG)]}));
        let outcome = try_add(&admin, &list, vec![long("plan"), tags]).await;
        let expected = [
            (0, "properties", "RECORD_TOO_LARGE"),
            (1, "properties", "RECORD_TOO_LARGE"),
        ];
        assert_eq!(rejections(&outcome), expected);
        assert!(!is_stored(&admin, &number(1)).await);
    }

    async fn a_record_that_is_too_large_already_may_stay_and_shrink(service: Service) {
        let (admin, list) = with_long_record(&service).await;
        outgrow(&service).await;
        let named = contact(&number(1)).name("Ada");
        assert_counts!(outcomes(&add(&admin, &list, vec![named]).await), updated: 1);
        let grown = contact(&number(1)).properties(json!({"visits": 1}));
        let outcome = try_add(&admin, &list, vec![grown]).await;
        assert_eq!(rejections(&outcome), [(0, "properties", "RECORD_TOO_LARGE")]);
        let shrunk = contact(&number(1)).properties(json!({"visits": 1, "plan": "free"}));
        add(&admin, &list, vec![shrunk]).await;
        assert_eq!(record(&admin).await, json!({"visits": 1, "plan": "free"}));
    }

    async fn records_that_are_large_together_are_each_changed(service: Service) {
        let (admin, list) = with_list(&service).await;
        admin.create_customer_object().await;
        let long = "a".repeat(40_000);
        let large = |n| contact(&number(n)).properties(json!({"plan": long, "visits": n}));
        add(&admin, &list, (0..150).map(large).collect()).await;
        let changed = |n: u32| match n % 10 {
            0 => contact(&number(n)).name("Ada"),
            1 => contact(&number(n)).properties(json!({"visits": n})),
            2 => contact(&number(n)).properties(json!({"plan": null})),
            _ => contact(&number(n)).properties(json!({"visits": n + 1})),
        };
        let outcome = add(&admin, &list, (0..160).map(changed).collect()).await;
        assert_counts!(outcomes(&outcome), created: 10, updated: 135, unchanged: 15);
        for n in 0..150 {
            let record = stored(&admin, &number(n)).await.properties.expect("a record");
            let expected = match n % 10 {
                0 | 1 => json!({"plan": long, "visits": n}),
                2 => json!({"visits": n}),
                _ => json!({"plan": long, "visits": n + 1}),
            };
            assert_eq!(json_of(&record), expected, "contact {n}");
        }
    }
}
