//! What an erasure leaves of a person's changes.

use contact_lists::proto::{Address, Consent, Contact, DeleteContactRequest};

use super::*;

const SECRETS: [&str; 5] = [
    "secret@example.com",
    "Secret Name",
    "https://example.com/secret",
    "secret-plan",
    "Secret Street",
];

fn evidence() -> Option<Consent> {
    Some(Consent {
        evidence: SECRETS[2].to_owned(),
        ..said_on(1)
    })
}

/// The n-th contact, with values that can be told from everything else. Some do not fit in a page of the database.
fn person(n: u32) -> Contact {
    let address = Address {
        address_line_one: SECRETS[4].to_owned(),
        ..Address::default()
    };
    let person = contact(&number(n)).email(SECRETS[0]).name(SECRETS[1]);
    Contact {
        consent: evidence(),
        ..person
            .address(address)
            .properties(json!({"plan": SECRETS[3].repeat(1000)}))
    }
}

/// The texts of `wanted` that are in the database's files. What SQLite has in its log is copied to the file first.
async fn texts_in_file(service: &Service, wanted: &[String]) -> Vec<String> {
    let database = service.database();
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)").await;
    let path = database.url().strip_prefix("sqlite://").expect("a file");
    let file = std::fs::read(path).expect("the database's file");
    let is_in = |text: &&String| file.windows(text.len()).any(|part| part == text.as_bytes());
    wanted.iter().filter(is_in).cloned().collect()
}

impl Setup {
    async fn erase(&self, id: String) {
        let request = DeleteContactRequest { id };
        let mut contacts = self.admin.contacts.clone();
        contacts.delete_contact(request).await.expect("an erasure");
    }
}

on_both! {
    async fn an_erased_person_leaves_nothing_but_opt_outs_under_a_hash(service: Service) {
        let it = set_up(&service).await;
        it.admin.create_customer_object().await;
        it.opt_out_on(1, &[&number(50)], Some(&it.a)).await;
        it.update_on(2, (40..60).map(person).collect()).await;
        it.opt_in_on(3, &[&number(50)], Some(&it.b)).await;
        it.opt_out_on(4, &[&number(50)], Some(&it.b)).await;
        let id = it.id(50).await;
        assert!(changes(&it.admin, &id).await.len() >= 4);
        for n in (40..60).rev() {
            it.erase(it.id(n).await).await;
        }
        assert_refused(page(&it.admin, &id, 0, "").await, Code::NotFound, "RESOURCE_NOT_FOUND");
        let left = it.changes(50).await;
        assert_eq!(told(&left), [(Kind::OptedOut, it.a.as_str(), Some(1)), (Kind::OptedOut, &it.b, Some(4))]);
        assert!(left.iter().all(|it| it.consent.is_none() && it.current));
        assert_eq!(service.rows("SELECT count(*) FROM consents").await, 0);
        assert_eq!(service.rows("SELECT count(*) FROM preference_changes").await, 0);
        let mut texts = SECRETS.map(str::to_owned).to_vec();
        texts.extend((40..60).map(|n| number(n)[1..].to_owned()));
        for text in &texts {
            assert_eq!(tables_containing(&service, text).await, [""; 0], "{text}");
        }
        if !service.database().is_postgres() {
            assert_eq!(texts_in_file(&service, &texts).await, [""; 0]);
        }
    }

    async fn what_was_said_of_a_number_that_is_opted_out_no_more_goes_to_its_contact_and_with_it(service: Service) {
        let it = set_up(&service).await;
        it.opt_out_on(1, &[&number(50)], Some(&it.a)).await;
        it.opt_in_on(2, &[&number(50)], Some(&it.a)).await;
        it.update_on(3, vec![contact(&number(50))]).await;
        let id = it.id(50).await;
        it.change_number(id.clone(), 51).await;
        let told_of_it = changes(&it.admin, &id).await;
        assert_eq!(told(&told_of_it)[..2], [(Kind::OptedOut, it.a.as_str(), Some(1)), (Kind::Lifted, &it.a, Some(2))]);
        assert_eq!(it.changes(50).await, []);
        it.erase(id).await;
        assert_eq!(service.rows("SELECT count(*) FROM consents").await, 0);
        assert_eq!(service.rows("SELECT count(*) FROM preference_changes").await, 0);
    }

    async fn an_erased_contact_takes_what_it_was_told_by_its_number_along(service: Service) {
        let it = set_up(&service).await;
        it.opt_out_on(1, &[&number(50)], None).await;
        it.opt_in_on(2, &[&number(50)], None).await;
        it.update_on(3, vec![contact(&number(50))]).await;
        it.opt_out_on(4, &[&number(50)], Some(&it.a)).await;
        it.erase(it.id(50).await).await;
        assert_eq!(told(&it.changes(50).await), [(Kind::OptedOut, it.a.as_str(), Some(4))]);
    }
}

on_both! {
    async fn what_an_older_program_leaves_of_an_erased_person_is_purged(database: Database) {
        let service = Service::start_with(database, &["--purge-interval-seconds", "1"]).await;
        let it = set_up(&service).await;
        it.opt_in_on(1, &[&number(1), &number(2)], Some(&it.a)).await;
        it.opt_out_on(2, &[&number(1), &number(2)], Some(&it.a)).await;
        // It knows these tables.
        for sql in [
            format!("INSERT INTO erasures (organization_id, contact_id, erase_time) \
                SELECT organization_id, id, update_time FROM contacts WHERE phone = '{}'", number(1)),
            format!("DELETE FROM communication_preferences WHERE contact_id IN (SELECT id FROM contacts WHERE phone = '{}')", number(1)),
            format!("DELETE FROM contacts WHERE phone = '{}'", number(1)),
        ] {
            service.database().execute(&sql).await;
        }
        for table in ["preference_changes", "consents", "contact_changes"] {
            let of_nobody = format!("SELECT count(*) FROM {table} WHERE contact_id NOT IN (SELECT id FROM contacts)");
            until("the rest is purged", async || service.rows(&of_nobody).await == 0).await;
        }
        assert_eq!(it.changes(2).await.len(), 2);
    }
}
