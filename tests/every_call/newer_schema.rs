//! A schema that a newer program has changed: older ones go on with it, as while servers are replaced one by one.

use std::process::Command;

use contact_lists::proto::ListContactListsRequest;
use test_support::*;

/// Runs a command on the service's database and organization, and returns what it prints.
fn api_key(service: &Service, args: &[&str]) -> String {
    let organization = service.organization_id().to_string();
    let mut command = Command::new(Program::path());
    command
        .arg("api-key")
        .args(args)
        .args(["--organization", &organization]);
    let output = command
        .args(["--database-url", service.database_url()])
        .output();
    let output = output.expect("a command");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

on_both! {
    async fn an_older_program_serves_and_disables_keys(service: Service) {
        let mut service = service;
        let newer = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9999_of_a_newer_program', 1)";
        service.database().execute(newer).await;
        service.restart().await;
        let client = service.client_with(Scope::Read).await;
        let list = async || client.lists.clone().list_contact_lists(ListContactListsRequest::default()).await;
        list().await.expect("a page");

        for key in api_key(&service, &["list"]).lines() {
            api_key(&service, &["disable", key.split('\t').next().expect("an id")]);
        }
        assert_refused(list().await, Code::Unauthenticated, "API_KEY_INVALID");
    }

    async fn a_newer_program_makes_lists_and_disables_keys_on_an_older_schema(service: Service) {
        let mut service = service;
        service.shutdown().await;
        for column in ["name", "expire_time", "last_use_time"] {
            service.database().execute(&format!("ALTER TABLE api_keys DROP COLUMN {column}")).await;
        }
        service.database().execute("DELETE FROM seaql_migrations WHERE version LIKE 'm0004%'").await;
        let key = api_key(&service, &["create"]);
        let listed = api_key(&service, &["list"]);
        let (id, details) = listed.lines().last().expect("a key").split_once('\t').expect("fields");
        assert!(details.starts_with("write\tenabled\t") && details.ends_with("\t-\t-\t-"), "{details}");
        api_key(&service, &["disable", id]);
        service.restart().await;
        let client = service.client(key.trim());
        let refused = client.lists.clone().list_contact_lists(ListContactListsRequest::default()).await;
        assert_refused(refused, Code::Unauthenticated, "API_KEY_INVALID");
    }
}
