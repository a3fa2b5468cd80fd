//! A schema that a newer program has changed: older ones go on with it, as while servers are replaced one by one.

use std::process::Command;

use contact_lists::proto::ListContactListsRequest;
use test_support::*;

on_both! {
    async fn an_older_program_serves_and_disables_keys(service: Service) {
        let mut service = service;
        let newer = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9999_of_a_newer_program', 1)";
        service.database().execute(newer).await;
        service.restart().await;
        let client = service.client_with(Scope::Read).await;
        let list = async || client.lists.clone().list_contact_lists(ListContactListsRequest::default()).await;
        list().await.expect("a page");

        let organization = service.organization_id().to_string();
        let api_key = |args: &[&str]| {
            let mut command = Command::new(Program::path());
            command.arg("api-key").args(args).args(["--organization", &organization]);
            let output = command.args(["--database-url", service.database_url()]).output();
            let output = output.expect("a command");
            assert!(output.status.success(), "{output:?}");
            String::from_utf8(output.stdout).expect("text")
        };
        for key in api_key(&["list"]).lines() {
            api_key(&["disable", key.split('\t').next().expect("an id")]);
        }
        assert_refused(list().await, Code::Unauthenticated, "API_KEY_INVALID");
    }
}
