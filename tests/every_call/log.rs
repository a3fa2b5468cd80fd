//! What the log never has, however much is logged.

use std::{fs::File, process::Stdio};

use contact_lists::proto::ListContactsRequest;
use test_support::*;

const SECRETS: [&str; 9] = [
    "hunter2",
    // Without the country code, as the parser of numbers has them.
    "15110000001",
    "15110000002",
    "6465550123",
    "2025550100",
    "Lovelace",
    "ada-at-home",
    "crm-secret",
    "secret-value",
];

on_both! {
    async fn the_whole_log_has_neither_the_password_nor_keys_nor_contacts_values(database: Database) {
        let mut service = Service::start(database.clone()).await;
        let key = service.key(Scope::Admin).await;
        service.shutdown().await;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        // The tests' PostgreSQL asks for no password, and takes any.
        let url = database.url().replace("://postgres@", "://postgres:hunter2@");
        let mut command = Program::command(&url);
        command.args(["--log", "trace"]).stderr(Stdio::from(File::create(&path).expect("a file")));
        let program = Program::start_command(command);

        let admin = program.client(&key);
        let property = property("note", contact_lists::proto::custom_property::Type::Text);
        admin.create_object("customer", vec![property]).await;
        admin.create_channel("+12025550100").await;
        let list = admin.create_list("Customers").await;
        let ada = || contact("+4915110000001").name("Ada Lovelace").email("ada-at-home@example.com")
            .external_id("crm-secret").properties(json!({"note": "secret-value"}));
        for _ in 0..2 {
            admin.update(header(&list).add(), vec![ada()]).await.expect("an update");
        }
        admin.update(header(&list).add(), vec![contact("+4915110000002x")]).await.expect_err("a refusal");
        // The parser has most to say about numbers of the United States.
        admin.opt_out_of_all_channels("+16465550123").await;
        admin.opt_out_of_all_channels("+4915110000002").await;
        admin.contact("+4915110000001").await;
        let request = ListContactsRequest { name_prefix: Some("Ada Lovelace".to_owned()), ..Default::default() };
        admin.contacts.clone().list_contacts(request).await.expect("a page");
        drop(program);

        let log = std::fs::read_to_string(&path).expect("a log");
        assert!(log.contains("TRACE") && log.contains("update.answered"), "it is not the whole log");
        for secret in SECRETS.into_iter().chain([key.as_str()]) {
            let line = log.lines().find(|line| line.contains(secret));
            assert_eq!(line, None, "{secret}");
        }
    }
}
