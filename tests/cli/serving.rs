//! Serving: the first start, the address, the log, the end.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use contact_lists::proto::ListContactListsRequest;
use tonic::transport::Endpoint;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::*;

/// This includes the first start's example: its key is shown only once.
#[test]
fn tls_files_that_cannot_be_read_are_named_before_anything_is_made() {
    let folder = Folder::new();
    let tls = ["--tls-certificate", "no.pem", "--tls-key", "no.pem"];
    let line = folder.refusal(&[&["--listen", "127.0.0.1:0"], &tls[..]].concat());
    assert_eq!(
        line,
        "error: cannot read no.pem: No such file or directory (os error 2)"
    );
    assert!(!folder.path("contact-lists.db").exists());
}

#[test]
fn an_address_that_is_not_loopback_needs_tls_or_plaintext() {
    let folder = Folder::new();
    let line = folder.refusal(&["--listen", "0.0.0.0:0"]);
    assert!(
        line.contains("--plaintext") && line.contains("--tls-certificate"),
        "{line}"
    );
    let server = Server::start(&mut folder.program(&["--listen", "0.0.0.0:0", "--plaintext"]));
    assert!(server.address.starts_with("0.0.0.0:"));
}

#[test]
fn the_first_start_prints_lines_to_try_and_keeps_the_key_out_of_the_log() {
    let folder = Folder::new();
    let server = folder.serve(&["--log", "trace"]);
    let greeting = server.greeting.join("\n");
    let key = server.value("API key").expect("a key").to_owned();
    let list = server.value("contact list").expect("a list").to_owned();
    assert!(key.starts_with("cl_") && is_uuid(&list), "{greeting}");
    let lines: Vec<_> = server
        .greeting
        .iter()
        .filter(|line| line.contains("grpcurl "))
        .collect();
    assert!(!lines.is_empty(), "{greeting}");
    for line in &lines {
        assert!(
            line.contains(&key) && line.contains(&list) && line.contains(&server.address),
            "{line}"
        );
    }
    assert!(
        server
            .greeting
            .last()
            .unwrap()
            .starts_with("listening on 127.0.0.1:")
    );
    assert!(!server.address.ends_with(":0"), "{greeting}");
    let (_, log) = server.terminate("-TERM");
    let secret = key.rsplit('_').next().unwrap();
    assert!(!log.contains(secret), "the key is in the log");
    let listed = folder.lines(&["organization", "list"]);
    assert_eq!(listed.len(), 1);
    assert!(
        listed[0].starts_with(server_organization(&greeting)),
        "{listed:?}"
    );
}

#[test]
fn the_first_start_prints_an_import_of_the_sample_that_works_when_pasted() {
    let folder = Folder::new();
    let server = folder.serve(&[]);
    let mut lines = server.greeting.iter();
    let line = lines.find(|line| line.starts_with("contact-lists import "));
    let program = Path::new(env!("CARGO_BIN_EXE_contact-lists"))
        .parent()
        .unwrap();
    let output = Command::new("/bin/sh")
        .args(["-c", &format!("{} --dry-run", line.expect("the line"))])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_clear()
        .env("PATH", program)
        .output()
        .unwrap();
    let shown = text(&output.stdout);
    assert!(
        shown.contains("Newsletter would have 3000 contacts"),
        "{output:?}"
    );
}

/// Asks once, right after the line.
#[tokio::test]
async fn a_server_that_says_that_it_listens_serves() {
    for _ in 0..5 {
        let folder = Folder::new();
        let server = folder.serve(&[]);
        let endpoint = Endpoint::from_shared(format!("http://{}", server.address)).unwrap();
        let mut client = HealthClient::new(endpoint.connect().await.expect("a connection"));
        let response = client
            .check(HealthCheckRequest::default())
            .await
            .expect("a health");
        assert_eq!(response.into_inner().status(), ServingStatus::Serving);
    }
}

#[tokio::test]
async fn the_first_key_is_written_to_a_file_of_its_owner_alone_and_not_printed() {
    let folder = Folder::new();
    let args = [
        "--listen",
        "0.0.0.0:0",
        "--plaintext",
        "--first-key-file",
        "first.key",
    ];
    let server = Server::start(&mut folder.program(&args));
    let file = folder.path("first.key");
    assert_eq!(
        std::fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let key = std::fs::read_to_string(&file).unwrap();
    let greeting = server.greeting.join("\n");
    assert!(
        !greeting.contains(key.trim()) && greeting.contains("first.key"),
        "{greeting}"
    );
    let (_, port) = server.address.rsplit_once(':').unwrap();
    let address = format!("127.0.0.1:{port}").parse().unwrap();
    let mut client =
        test_support::Client::connect(address, Some(&format!("Bearer {}", key.trim())));
    let request = ListContactListsRequest::default();
    let lists = client
        .lists
        .list_contact_lists(request)
        .await
        .expect("a good key")
        .into_inner();
    assert_eq!(lists.contact_lists.len(), 1);
    drop(server);
    drop(Server::start(&mut folder.program(&args)));
    assert_eq!(
        std::fs::read_to_string(&file).unwrap(),
        key,
        "a later start leaves it alone"
    );
}

#[test]
fn a_file_that_is_there_is_not_overwritten_by_the_first_key() {
    let folder = Folder::new();
    std::fs::write(folder.path("first.key"), "something else").unwrap();
    let line = folder.refusal(&["--listen", "127.0.0.1:0", "--first-key-file", "first.key"]);
    assert_eq!(
        line,
        "error: cannot write the first key to first.key: the file exists; if it is of a start that broke off, remove it"
    );
    assert_eq!(
        std::fs::read_to_string(folder.path("first.key")).unwrap(),
        "something else"
    );
    assert!(folder.lines(&["organization", "list"]).is_empty());
}

#[test]
fn a_second_signal_ends_the_drain_period() {
    let folder = Folder::new();
    let server = folder.serve(&["--drain-seconds", "3600"]);
    server.signal("-TERM");
    let (code, log) = server.terminate("-INT");
    assert_eq!(code, Some(0), "{log}");
    assert!(
        log.contains("server.leaving") && log.contains("server.closing"),
        "{log}"
    );
}

fn server_organization(greeting: &str) -> &str {
    let line = greeting
        .lines()
        .find_map(|line| line.trim().strip_prefix("organization "));
    line.expect("an organization").trim()
}

#[test]
fn the_second_start_prints_no_key() {
    let folder = Folder::new();
    drop(folder.serve(&[]));
    let second = folder.serve(&[]);
    let [metrics, console, listening] = second.greeting.as_slice() else {
        panic!("{:?}", second.greeting);
    };
    let admin = metrics.strip_prefix("metrics on http://127.0.0.1:");
    let admin = admin.and_then(|it| it.strip_suffix("/metrics"));
    let admin = admin.expect("a port for operators");
    assert_eq!(
        *console,
        format!("console on http://127.0.0.1:{admin}/console")
    );
    assert_eq!(*listening, format!("listening on {}", second.address));
    assert_eq!(folder.lines(&["organization", "list"]).len(), 1);
}

#[test]
fn the_first_start_elsewhere_makes_nothing_and_names_the_commands() {
    let folder = Folder::new();
    let server = Server::start(&mut folder.program(&["--listen", "0.0.0.0:0", "--plaintext"]));
    let greeting = server.greeting.join("\n");
    assert!(!greeting.contains("cl_"), "{greeting}");
    for command in [
        "contact-lists organization create",
        "contact-lists api-key create",
    ] {
        assert!(greeting.contains(command), "{greeting}");
    }
    assert!(folder.lines(&["organization", "list"]).is_empty());
}

/// From the moment that it prints its address: each signal is tried several times, since the moment is short.
#[test]
fn the_signals_to_stop_end_it_with_success() {
    for signal in ["-TERM", "-INT"].repeat(10) {
        let folder = Folder::new();
        let (code, log) = folder.serve(&[]).terminate(signal);
        assert_eq!(code, Some(0), "{signal}: {log}");
    }
}

#[test]
fn the_log_can_be_json_a_line_each() {
    let folder = Folder::new();
    let (_, log) = folder.serve(&["--log-format", "json"]).terminate("-TERM");
    assert!(log.lines().count() > 0);
    for line in log.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|_| panic!("{line}"));
    }
}

#[test]
fn serve_is_what_runs_without_a_subcommand() {
    let folder = Folder::new();
    let server = Server::start(&mut folder.program(&["serve", "--listen", "127.0.0.1:0"]));
    assert!(server.address.starts_with("127.0.0.1:"));
}

#[test]
fn the_files_of_a_new_sqlite_database_are_its_owners_alone() {
    let folder = Folder::new();
    let server = folder.serve(&[]);
    for file in [
        "contact-lists.db",
        "contact-lists.db-wal",
        "contact-lists.db-shm",
        "contact-lists.db-lock",
    ] {
        let metadata = std::fs::metadata(folder.0.path().join(file)).expect(file);
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{file}");
    }
    drop(server);
}

#[test]
fn the_sqlite_file_alone_holds_everything_after_the_end_of_a_server_or_a_command() {
    for _ in 0..5 {
        let folder = Folder::new();
        let (code, log) = folder.serve(&[]).terminate("-TERM");
        assert_eq!(code, Some(0), "{log}");
        let alone = Folder::new();
        fs::copy(
            folder.path("contact-lists.db"),
            alone.path("contact-lists.db"),
        )
        .unwrap();
        assert!(!folder.path("contact-lists.db-wal").exists(), "{log}");
        assert_eq!(alone.lines(&["organization", "list"]).len(), 1);
        alone.lines(&["organization", "create", "Acme"]);
        assert!(!alone.path("contact-lists.db-wal").exists());
        alone.refusal(&[
            "organization",
            "update",
            &uuid::Uuid::now_v7().to_string(),
            "--default-region",
            "US",
        ]);
        assert!(!alone.path("contact-lists.db-wal").exists());
    }
}
