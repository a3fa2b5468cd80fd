//! Starts that fail: each says why in one line, with the place and the true cause.

use std::{
    fs::{self, Permissions},
    io::{Read, Write},
    net::TcpListener,
    os::unix::{
        fs::{PermissionsExt, symlink},
        process::CommandExt,
    },
    thread,
};

use rcgen::{CertificateParams, KeyPair};
use test_support::{PostgresServer, notice};

use crate::*;

const DATABASE: &str = "error: cannot open the database";

/// Starts the server and runs a command on this database, each of which fails with the same line.
#[track_caller]
fn assert_cannot_open(folder: &Folder, url: &str, line: &str) {
    let serve = ["--listen", "127.0.0.1:0", "--database-url", url];
    assert_eq!(folder.refusal(&serve), line);
    let list = ["organization", "list", "--database-url", url];
    assert_eq!(folder.refusal(&list), line);
}

#[test]
fn a_folder_that_does_not_exist_is_named() {
    let line = format!("{DATABASE} /no/such/contacts.db: there is no folder /no/such");
    assert_cannot_open(&Folder::new(), "sqlite:///no/such/contacts.db", &line);
}

#[test]
fn a_copy_to_read_is_only_for_postgres() {
    let folder = Folder::new();
    let line = "error: the database URL of a copy to read is for PostgreSQL, as SQLite has no standby: leave out \
        --read-database-url";
    let serve = ["--listen", "127.0.0.1:0", "--database-url"];
    for (url, copy) in [
        ("sqlite://contacts.db", "postgres://localhost/contacts"),
        ("postgres://localhost/contacts", "SQLITE://copy.db"),
    ] {
        let command = [&serve[..], &[url, "--read-database-url", copy]].concat();
        assert_eq!(folder.refusal(&command), line);
    }
    assert!(!folder.path("contacts.db").exists());
}

#[test]
fn a_folder_in_the_place_of_a_database_is_named() {
    let folder = Folder::new();
    fs::create_dir(folder.path("contacts.db")).unwrap();
    let line = format!("{DATABASE} contacts.db: it is a folder");
    assert_cannot_open(&folder, "sqlite://contacts.db", &line);
}

#[test]
fn a_file_that_is_no_database_is_named() {
    let folder = Folder::new();
    fs::write(folder.path("contacts.csv"), "phone,name\n".repeat(1000)).unwrap();
    let line = format!("{DATABASE} contacts.csv: file is not a database");
    assert_cannot_open(&folder, "sqlite://contacts.csv", &line);
}

/// As a user to whom nothing belongs: root may do everything.
#[test]
fn a_file_without_permission_is_named() {
    let folder = Folder::new();
    folder.lines(&["migrate"]);
    let is_root =
        fs::metadata("/proc/self").is_ok_and(|it| std::os::unix::fs::MetadataExt::uid(&it) == 0);
    fs::set_permissions(folder.0.path(), Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(
        folder.path("contact-lists.db"),
        Permissions::from_mode(0o400),
    )
    .unwrap();
    // In a folder that anybody may enter.
    let program = folder.path("program");
    fs::copy(env!("CARGO_BIN_EXE_contact-lists"), &program).unwrap();
    let mut command = Command::new(program);
    command.current_dir(folder.0.path()).env_clear();
    if is_root {
        command.uid(65534).gid(65534);
    }
    let output = command.args(["organization", "list"]).output().unwrap();
    assert_eq!(
        text(&output.stderr),
        format!("{DATABASE} contact-lists.db: permission denied\n")
    );
}

#[test]
fn a_postgresql_that_is_not_there_is_named() {
    let line = format!("{DATABASE} contacts at 127.0.0.1:1: connection refused");
    let url = "postgres://app:hunter2@127.0.0.1:1/contacts";
    assert_eq!(
        Folder::new().refusal(&["--listen", "127.0.0.1:0", "--database-url", url]),
        line
    );
}

#[test]
fn a_postgresql_that_does_not_answer_is_named() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let line = format!("{DATABASE} contacts at {address}: no answer within 5 seconds");
    let url = format!("postgres://app:hunter2@{address}/contacts");
    assert_eq!(
        Folder::new().refusal(&["--listen", "127.0.0.1:0", "--database-url", &url]),
        line
    );
}

#[test]
fn a_host_that_nobody_knows_is_named() {
    let line = Folder::new().refusal(&[
        "migrate",
        "--database-url",
        "postgres://app@nowhere.invalid/contacts",
    ]);
    let start = format!(
        "{DATABASE} contacts at nowhere.invalid:5432: failed to lookup address information"
    );
    assert!(line.starts_with(&start), "{line}");
    let line = Folder::new().refusal(&["--listen", "nowhere.invalid:50051"]);
    let start =
        "error: cannot listen on nowhere.invalid:50051: failed to lookup address information";
    assert!(line.starts_with(start), "{line}");
}

#[tokio::test]
async fn a_wrong_password_and_a_database_that_does_not_exist_are_named() {
    let rules = tempfile::tempdir().unwrap();
    fs::set_permissions(rules.path(), Permissions::from_mode(0o755)).unwrap();
    let file = rules.path().join("hba.conf");
    fs::write(
        &file,
        "local locked all scram-sha-256\nlocal all all trust\n",
    )
    .unwrap();
    let setting = format!("hba_file={}", file.display());
    let Some(server) = PostgresServer::start("C", &[&setting]).await.unwrap() else {
        return notice("starting::a_wrong_password is skipped: PostgreSQL is not installed");
    };
    let socket = server.socket();
    let place = socket.parent().unwrap().display();
    let folder = Folder::new();
    let locked = server
        .url("locked")
        .replace("postgres@", "postgres:hunter2@");
    let line = format!(
        "{DATABASE} locked at {place}: password authentication failed for user \"postgres\""
    );
    assert_cannot_open(&folder, &locked, &line);
    let line = format!("{DATABASE} nothing at {place}: database \"nothing\" does not exist");
    assert_cannot_open(&folder, &server.url("nothing"), &line);
}

#[tokio::test]
async fn the_place_of_a_socket_needs_no_host() {
    let Some(server) = PostgresServer::start("C", &[]).await.unwrap() else {
        return notice("starting::the_place_of_a_socket is skipped: PostgreSQL is not installed");
    };
    let url = server.url("postgres");
    assert!(url.contains("@localhost:5432/"), "{url}");
    for host in ["@/", "@:5432/"] {
        let url = url.replace("@localhost:5432/", host);
        let migrated = Folder::new().lines(&["migrate", "--database-url", &url]);
        assert_eq!(migrated, ["the schema is up to date"]);
    }
}

#[test]
fn a_url_of_several_hosts_is_refused_in_words() {
    let reason =
        "names several hosts: give the address of a proxy that leads to the one that takes writes";
    for url in [
        "postgres://app:hunter2@one,two/contacts",
        "postgres://app:hunter2@one:5432,two:5433/contacts",
        "postgres://app:hunter2@/contacts?host=one,two",
    ] {
        let line = Folder::new().refusal(&["migrate", "--database-url", url]);
        assert_eq!(line, format!("error: the database URL {reason}"));
    }
    let url = "postgres://app:hunter2@one/contacts?target_session_attrs=read-write";
    let line = Folder::new().refusal(&["migrate", "--database-url", url]);
    let reason =
        "has target_session_attrs: leave it out; the service writes to no server that is read-only";
    assert_eq!(line, format!("error: the database URL {reason}"));
}

/// As pgbouncer does with its default settings.
#[test]
fn a_pooler_that_refuses_settings_is_told_of() {
    let pooler = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = pooler.local_addr().unwrap();
    let refusing = thread::spawn(move || {
        let (mut client, _) = pooler.accept().unwrap();
        let mut length = [0; 4];
        client.read_exact(&mut length).unwrap();
        let mut start = vec![0; u32::from_be_bytes(length) as usize - 4];
        client.read_exact(&mut start).unwrap();
        let fields = b"SFATAL\0C08P01\0Munsupported startup parameter: options\0\0";
        let length = u32::try_from(fields.len() + 4).unwrap().to_be_bytes();
        client
            .write_all(&[&b"E"[..], &length, fields].concat())
            .unwrap();
        String::from_utf8_lossy(&start).into_owned()
    });
    let url = format!("postgres://app:hunter2@{address}/contacts?sslmode=disable");
    let line = Folder::new().refusal(&["migrate", "--database-url", &url]);
    let hint =
        "behind a pooler, start with --database-pooler session or --database-pooler transaction";
    assert_eq!(
        line,
        format!("{DATABASE} contacts at {address}: unsupported startup parameter: options: {hint}")
    );
    let start = refusing.join().unwrap();
    assert!(start.contains("lock_timeout=10000"), "{start}");
    // Poolers refuse it by default, and no statement needs it.
    assert!(!start.contains("extra_float_digits"), "{start}");
}

#[tokio::test]
async fn commits_that_do_not_wait_for_the_disk_are_told_of() {
    for (setting, is_told) in [
        ("synchronous_commit=off", true),
        ("synchronous_commit=local", false),
    ] {
        let Some(server) = PostgresServer::start("C", &[setting]).await.unwrap() else {
            return notice("starting::commits_that_do_not is skipped: PostgreSQL is not installed");
        };
        let (folder, url) = (Folder::new(), server.url("postgres"));
        let server = folder.serve(&["--database-url", &url]);
        let (_, log) = server.terminate("-TERM");
        assert_eq!(
            log.contains("database.synchronous_commit_off"),
            is_told,
            "{log}"
        );
    }
}

#[test]
fn an_address_that_is_taken_is_named() {
    let folder = Folder::new();
    let server = folder.serve(&[]);
    let (_, port) = server.address.rsplit_once(':').unwrap();
    for host in ["127.0.0.1", "localhost"] {
        let line = Folder::new().refusal(&["--listen", &format!("{host}:{port}")]);
        assert_eq!(
            line,
            format!(
                "error: cannot listen on {}: Address already in use (os error 98)",
                server.address
            )
        );
    }
}

#[test]
fn a_host_name_is_listened_on_and_is_held_to_loopback() {
    let folder = Folder::new();
    let server = Server::start(&mut folder.program(&["--listen", "localhost:0"]));
    assert!(
        server.address.starts_with("127.0.0.1:"),
        "{}",
        server.address
    );
    let line = Folder::new().refusal(&["--listen", "0:50051"]);
    assert!(
        line.starts_with("error: 0:50051 is not a loopback address"),
        "{line}"
    );
}

#[test]
fn tls_files_that_do_not_fit_are_both_named() {
    let folder = Folder::new();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    fs::write(
        folder.path("tls.crt"),
        params.self_signed(&key).unwrap().pem(),
    )
    .unwrap();
    fs::write(
        folder.path("tls.key"),
        KeyPair::generate().unwrap().serialize_pem(),
    )
    .unwrap();
    fs::write(folder.path("empty.pem"), "").unwrap();
    let refusal = |certificate, key| {
        let tls = ["--tls-certificate", certificate, "--tls-key", key];
        folder.refusal(&[&["--listen", "127.0.0.1:0"], &tls[..]].concat())
    };
    let line = refusal("tls.crt", "tls.key");
    let start = "error: cannot use the certificate in tls.crt with the key in tls.key: ";
    assert!(line.starts_with(start), "{line}");
    assert_eq!(
        refusal("empty.pem", "tls.key"),
        "error: empty.pem has no certificate"
    );
    let line = refusal("tls.crt", "empty.pem");
    assert!(
        line.starts_with("error: cannot read a key from empty.pem: "),
        "{line}"
    );
}

#[test]
fn a_sqlite_file_has_one_server_and_commands_open_it_still() {
    let folder = Folder::new();
    let server = folder.serve(&[]);
    symlink(folder.path("contact-lists.db"), folder.path("other.db")).unwrap();
    for file in ["contact-lists.db", "other.db"] {
        let url = format!("sqlite://{file}");
        let line = folder.refusal(&["--listen", "127.0.0.1:0", "--database-url", &url]);
        let reason = "is served by another server; a SQLite file has one";
        assert_eq!(line, format!("error: the database {file} {reason}"));
    }
    assert_eq!(folder.lines(&["organization", "list"]).len(), 1);
    // It is killed, and leaves nothing in the way of another.
    drop(server);
    folder.serve(&[]);
}

#[test]
fn a_sqlite_file_is_not_made_beside_the_log_of_one_that_is_gone() {
    let folder = Folder::new();
    let server = folder.serve(&[]);
    // It is killed, and leaves the log.
    drop(server);
    let (database, moved) = (folder.path("contact-lists.db"), folder.path("moved.db"));
    let log = fs::canonicalize(folder.path("contact-lists.db-wal")).unwrap();
    fs::rename(&database, &moved).unwrap();
    let reason = format!(
        "it is gone, but {}, a part of it, is there: move the database back, or that file away",
        log.display()
    );
    let line = format!("{DATABASE} contact-lists.db: {reason}");
    let serve = ["--listen", "127.0.0.1:0"];
    for command in [
        &["migrate"][..],
        &["organization", "create", "Acme"],
        &["organization", "list"],
        &serve,
    ] {
        assert_eq!(folder.refusal(command), line);
        assert!(!database.exists());
    }
    // SQLite would remove the log of an empty database.
    fs::write(&database, "").unwrap();
    assert_eq!(folder.refusal(&["migrate"]), line);
    fs::rename(&moved, &database).unwrap();
    assert_eq!(folder.lines(&["organization", "list"]).len(), 1);
}

#[test]
fn a_server_that_does_not_migrate_needs_a_schema_of_its_own_version() {
    let folder = Folder::new();
    let serve = ["--listen", "127.0.0.1:0", "--migrate", "false"];
    let line = |missing| {
        format!("error: the database's schema lacks {missing}: run contact-lists migrate")
    };
    assert_eq!(folder.refusal(&serve), line("m0001_initial"));
    folder.lines(&["migrate"]);
    drop(Server::start(&mut folder.program(&serve)));
    folder.sql("DELETE FROM seaql_migrations WHERE version LIKE 'm0003%'");
    assert_eq!(folder.refusal(&serve), line("m0003_purge_times"));
    folder.sql("DROP TABLE seaql_migrations");
    drop(Server::start(&mut folder.program(&serve)));
}

#[test]
fn commands_make_no_database() {
    let folder = Folder::new();
    let id = uuid::Uuid::now_v7().to_string();
    let commands: [&[&str]; 7] = [
        &["organization", "list"],
        &["organization", "update", &id, "--default-region", "US"],
        &["api-key", "create", "--organization", &id],
        &["api-key", "list", "--organization", &id],
        &["api-key", "disable", &id, "--organization", &id],
        &["api-key", "enable", &id, "--organization", &id],
        &["migrate", "--status"],
    ];
    for command in commands {
        let line = folder.refusal(command);
        let reason = "there is no such file; contact-lists migrate makes one";
        assert_eq!(line, format!("{DATABASE} contact-lists.db: {reason}"));
    }
    assert_eq!(fs::read_dir(folder.0.path()).unwrap().count(), 0);
}
