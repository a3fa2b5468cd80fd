//! What operators never see, however much is logged: contacts' values, keys, the names of what an organization defines, and
//! the database's password.

use contact_lists::FILE_DESCRIPTOR_SET;
use prost::Message;
use prost_types::FileDescriptorSet;

use test_support::*;

use super::every_call::{self, MARKS};

const PASSWORD: &str = "hunter2";

/// The names of all calls of the contract.
pub fn contract() -> Vec<String> {
    let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).expect("a descriptor set");
    let files = set.file.iter();
    let ours = files.filter(|file| file.package() == "contactlists.v1");
    let services = ours.flat_map(|file| &file.service);
    let names = services.flat_map(|service| {
        let methods = service.method.iter();
        methods.map(|it| format!("contactlists.v1.{}/{}", service.name(), it.name()))
    });
    names.collect()
}

/// Makes every call, and looks for what was sent in all that the program tells.
async fn assert_tells_nothing(database: &Database, format: &str) {
    let organization = Organization::create_in(database).await;
    // The tests' PostgreSQL asks for no password, and takes any.
    let url = database
        .url()
        .replace("://postgres@", &format!("://postgres:{PASSWORD}@"));
    let key = organization.admin_key.clone();
    let collector = Collector::start().await;
    let endpoint = collector.endpoint();
    let args = [
        "--log",
        "trace",
        "--log-format",
        format,
        "--otlp-endpoint",
        &endpoint,
    ];
    let watched = Watched::start_at(&url, organization, &args);
    every_call::make(watched.admin()).await;
    let (_, scraped) = http_get(watched.program.admin_address(), "/metrics").await;
    let has_span = |method: &String| collector.spans().iter().any(|span| span.name == *method);
    until("each call has a span", async || {
        contract().iter().all(has_span)
    })
    .await;
    let (log, traces) = (watched.log(), collector.text());
    assert!(log.contains("TRACE"), "it is not the whole log");
    for method in contract() {
        assert!(log.contains(&method), "{method} was not called");
        assert!(scraped.contains(&method), "{method} was not counted");
    }
    for secret in MARKS.into_iter().chain([PASSWORD, &key]) {
        for told in [&log, &scraped, &traces] {
            let line = told.lines().find(|line| line.contains(secret));
            assert_eq!(line, None, "{secret}");
        }
    }
}

on_both! {
    async fn a_log_for_people_has_no_value_at_any_level(database: Database) {
        assert_tells_nothing(&database, "human").await;
    }

    async fn a_log_for_machines_has_no_value_at_any_level(database: Database) {
        assert_tells_nothing(&database, "json").await;
    }
}
