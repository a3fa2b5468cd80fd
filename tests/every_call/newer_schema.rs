//! A schema that a newer program has changed: older ones go on with it, as while servers are replaced one by one.

use std::process::Command;

use contact_lists::proto::ListContactListsRequest;
use test_support::*;

/// Runs a command on the service's database, and returns what it prints or why it fails.
fn run(service: &Service, args: &[&str]) -> Result<String, String> {
    let mut command = Command::new(Program::path());
    command.args(args);
    let output = command
        .args(["--database-url", service.database_url()])
        .output();
    let output = output.expect("a command");
    match output.status.success() {
        true => Ok(String::from_utf8(output.stdout).expect("text")),
        false => Err(String::from_utf8(output.stderr).expect("text")),
    }
}

/// Runs a command on the service's organization, and returns what it prints.
fn api_key(service: &Service, args: &[&str]) -> String {
    let organization = service.organization_id().to_string();
    let args = [&["api-key"], args, &["--organization", &organization]].concat();
    run(service, &args).expect("a success")
}

async fn apply(service: &Service, newer: &str) {
    let insert =
        format!("INSERT INTO seaql_migrations (version, applied_at) VALUES ('{newer}', 1)");
    service.database().execute(&insert).await;
}

on_both! {
    async fn an_older_program_serves_and_disables_keys(service: Service) {
        let mut service = service;
        apply(&service, "m9998_of_a_newer_program").await;
        // Whatever it takes away, a program that knows the fifth does without.
        apply(&service, "m9999_of_a_newer_program_needs_m0005").await;
        service.restart().await;
        let client = service.client_with(Scope::Read).await;
        let list = async || client.lists.clone().list_contact_lists(ListContactListsRequest::default()).await;
        list().await.expect("a page");

        run(&service, &["organization", "create", "Acme"]).expect("an organization");
        let organizations = run(&service, &["organization", "list"]).expect("a list");
        assert!(organizations.contains("Acme"), "{organizations}");
        run(&service, &["migrate"]).expect("nothing to do");
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

    async fn a_program_that_is_too_old_for_the_schema_says_so_and_changes_nothing(service: Service) {
        let mut service = service;
        service.shutdown().await;
        apply(&service, "m9999_of_a_newer_program_needs_m9998").await;
        let id = service.organization_id().to_string();
        let organizations = service.database().rows("SELECT count(*) FROM organizations").await;
        let commands: [&[&str]; 8] = [
            &["serve", "--listen", "127.0.0.1:0", "--admin-listen", ""],
            &["serve", "--listen", "127.0.0.1:0", "--admin-listen", "", "--migrate", "false"],
            &["migrate"],
            &["organization", "create", "Acme"],
            &["organization", "list"],
            &["api-key", "create", "--organization", &id],
            &["api-key", "list", "--organization", &id],
            &["suppression", "export", "--since", "2026-11-29T00:00:00Z"],
        ];
        for command in commands {
            let reason = run(&service, command).expect_err("a refusal");
            let line = "this program is too old for the database's schema, which needs one that knows m9998\n";
            assert!(reason.starts_with("error: ") && reason.ends_with(line), "{command:?}: {reason}");
        }
        let status = run(&service, &["migrate", "--status"]).expect("a list");
        assert!(status.ends_with("m9999_of_a_newer_program_needs_m9998\tof a newer program\n"), "{status}");
        assert_eq!(service.database().rows("SELECT count(*) FROM organizations").await, organizations);
    }

    async fn commands_that_read_leave_an_older_schema_as_it_is(service: Service) {
        let mut service = service;
        service.shutdown().await;
        service.database().execute("DELETE FROM seaql_migrations WHERE version LIKE 'm0005%'").await;
        let commands: [&[&str]; 2] = [
            &["organization", "list"],
            &["suppression", "export", "--since", "2026-11-29T00:00:00Z"],
        ];
        for command in commands {
            let reason = run(&service, command).expect_err("a refusal");
            assert_eq!(reason, "error: the database's schema lacks m0005_erasures: run contact-lists migrate\n");
        }
        let status = run(&service, &["migrate", "--status"]).expect("a list");
        assert!(status.contains("m0005_erasures\tmissing"), "{status}");
    }
}
