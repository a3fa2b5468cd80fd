//! The settings: flags, variables, help, and what is refused.

use crate::*;

/// Every flag of `serve` with its environment variable and its default.
const FLAGS: [(&str, &str, &str); 34] = [
    ("--listen", "CONTACT_LISTS_LISTEN", "127.0.0.1:50051"),
    (
        "--admin-listen",
        "CONTACT_LISTS_ADMIN_LISTEN",
        "127.0.0.1:9464",
    ),
    ("--console", "CONTACT_LISTS_CONSOLE", "true"),
    (
        "--database-url",
        "CONTACT_LISTS_DATABASE_URL",
        "sqlite://contact-lists.db",
    ),
    ("--max-connections", "CONTACT_LISTS_MAX_CONNECTIONS", "16"),
    ("--database-pooler", "CONTACT_LISTS_DATABASE_POOLER", "none"),
    ("--read-database-url", "CONTACT_LISTS_READ_DATABASE_URL", ""),
    (
        "--database-timeout-seconds",
        "CONTACT_LISTS_DATABASE_TIMEOUT_SECONDS",
        "300",
    ),
    ("--first-key-file", "CONTACT_LISTS_FIRST_KEY_FILE", ""),
    ("--migrate", "CONTACT_LISTS_MIGRATE", "true"),
    ("--tls-certificate", "CONTACT_LISTS_TLS_CERTIFICATE", ""),
    ("--tls-key", "CONTACT_LISTS_TLS_KEY", ""),
    ("--tls-client-ca", "CONTACT_LISTS_TLS_CLIENT_CA", ""),
    ("--cors-origin", "CONTACT_LISTS_CORS_ORIGINS", ""),
    ("--plaintext", "CONTACT_LISTS_PLAINTEXT", ""),
    ("--max-contacts", "CONTACT_LISTS_MAX_CONTACTS", "4000"),
    (
        "--max-message-bytes",
        "CONTACT_LISTS_MAX_MESSAGE_BYTES",
        "4194304",
    ),
    (
        "--max-spool-bytes",
        "CONTACT_LISTS_MAX_SPOOL_BYTES",
        "4294967296",
    ),
    (
        "--max-client-connections",
        "CONTACT_LISTS_MAX_CLIENT_CONNECTIONS",
        "4096",
    ),
    (
        "--max-client-connections-per-address",
        "CONTACT_LISTS_MAX_CLIENT_CONNECTIONS_PER_ADDRESS",
        "",
    ),
    (
        "--connection-idle-seconds",
        "CONTACT_LISTS_CONNECTION_IDLE_SECONDS",
        "300",
    ),
    ("--max-calls", "CONTACT_LISTS_MAX_CALLS", "256"),
    (
        "--max-calls-per-key",
        "CONTACT_LISTS_MAX_CALLS_PER_KEY",
        "64",
    ),
    (
        "--stream-idle-seconds",
        "CONTACT_LISTS_STREAM_IDLE_SECONDS",
        "30",
    ),
    (
        "--min-stream-bytes-per-second",
        "CONTACT_LISTS_MIN_STREAM_BYTES_PER_SECOND",
        "10",
    ),
    (
        "--max-connection-age-seconds",
        "CONTACT_LISTS_MAX_CONNECTION_AGE_SECONDS",
        "1800",
    ),
    ("--drain-seconds", "CONTACT_LISTS_DRAIN_SECONDS", ""),
    ("--grace-seconds", "CONTACT_LISTS_GRACE_SECONDS", "20"),
    ("--retention-hours", "CONTACT_LISTS_RETENTION_HOURS", "168"),
    ("--undo-days", "CONTACT_LISTS_UNDO_DAYS", "30"),
    (
        "--purge-interval-seconds",
        "CONTACT_LISTS_PURGE_INTERVAL_SECONDS",
        "600",
    ),
    ("--otlp-endpoint", "CONTACT_LISTS_OTLP_ENDPOINT", ""),
    ("--log-format", "CONTACT_LISTS_LOG_FORMAT", "human"),
    ("--log", "CONTACT_LISTS_LOG", "info"),
];

#[test]
fn help_lists_every_flag_with_its_variable_and_its_default() {
    for args in [&["--help"][..], &["serve", "--help"]] {
        let help = Folder::new().lines(args).join("\n");
        for (flag, variable, default) in FLAGS {
            let start = help
                .find(&format!("{flag} "))
                .or_else(|| help.find(&format!("{flag}\n")));
            let rest = &help[start.unwrap_or_else(|| panic!("{flag} is not in {help}"))..];
            let end = rest[2..]
                .find("\n      --")
                .map_or(rest.len(), |end| end + 2);
            let about = &rest[..end];
            assert!(
                about.contains(&format!("[env: {variable}")),
                "{flag}: {about}"
            );
            assert!(
                about.contains(&format!("[default: {default}")) || default.is_empty(),
                "{flag}: {about}"
            );
        }
    }
}

#[test]
fn every_flag_of_the_help_is_known_to_these_tests() {
    let help = Folder::new().lines(&["serve", "--help"]);
    let flags = help.iter().filter_map(|line| {
        let start = line.find("--")?;
        line[..start]
            .trim()
            .is_empty()
            .then(|| line[start..].split_whitespace().next())?
    });
    for flag in flags.filter(|flag| *flag != "--help") {
        assert!(
            FLAGS.iter().any(|(known, ..)| *known == flag),
            "{flag} is new"
        );
    }
}

#[test]
fn help_does_not_show_the_value_of_the_database_url() {
    let folder = Folder::new();
    let mut command = folder.program(&["--help"]);
    command.env(
        "CONTACT_LISTS_DATABASE_URL",
        "postgres://app:hunter2@db/contacts",
    );
    assert!(!text(&command.output().unwrap().stdout).contains("hunter2"));
}

#[test]
fn bad_settings_give_one_clear_line() {
    let cases: [(&[&str], &str); 13] = [
        (&["--listen", "nowhere"], "--listen"),
        (&["--max-contacts", "0"], "--max-contacts"),
        (&["--max-contacts", "many"], "--max-contacts"),
        (&["--max-calls", "0"], "--max-calls"),
        (&["--max-calls-per-key", "-1"], "-1"),
        (&["--max-connections", "3"], "--max-connections"),
        (&["--no-such-flag"], "--no-such-flag"),
        (&["no-such-command"], "no-such-command"),
        (&["--tls-certificate", "c.pem"], "required"),
        (&["--log-format", "xml"], "--log-format"),
        (
            &["--database-url", "mysql://localhost/contacts"],
            "database",
        ),
        (&["--database-url", "nonsense"], "database"),
        (
            &["--database-url", "sqlite:///no/such/folder/contacts.db"],
            "database",
        ),
    ];
    for (args, named) in cases {
        let line = Folder::new().refusal(args);
        assert!(line.contains(named), "{args:?}: {line}");
    }
}

#[test]
fn a_bad_log_filter_is_refused() {
    let line = Folder::new().refusal(&["--listen", "127.0.0.1:0", "--log", "a=b=c"]);
    assert!(line.contains("log") || line.contains("filter"), "{line}");
}

#[test]
fn a_password_in_the_database_url_is_not_shown() {
    let folder = Folder::new();
    for args in [&["migrate"][..], &["--listen", "127.0.0.1:0"]] {
        for url in [
            "postgres://app:hunter2@127.0.0.1:1/contacts",
            "postgres://app:hunter2#9@127.0.0.1:1/contacts",
            "mysql://app:hunter2@127.0.0.1:1/contacts",
        ] {
            let mut command = folder.program(args);
            let output = command.args(["--database-url", url]).output().unwrap();
            assert_eq!(output.status.code(), Some(1), "{url}");
            let shown = text(&output.stdout) + &text(&output.stderr);
            assert!(shown.contains("database"), "{url}: {shown}");
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }
}

#[test]
fn the_environment_sets_what_no_flag_does() {
    let folder = Folder::new();
    let mut command = folder.program(&["organization", "create", "Acme"]);
    command.env("CONTACT_LISTS_DATABASE_URL", "sqlite://other.db");
    assert!(command.output().unwrap().status.success());
    folder.refusal(&["organization", "list"]);
    assert_eq!(
        folder
            .lines(&[
                "organization",
                "list",
                "--database-url",
                "sqlite://other.db"
            ])
            .len(),
        1
    );
}

#[test]
fn a_folder_for_temporary_files_that_cannot_be_written_is_named_at_the_start() {
    let folder = Folder::new();
    let missing = folder.0.path().join("no-such-folder");
    let mut command = folder.program(&["--listen", "127.0.0.1:0"]);
    let output = command.env("TMPDIR", &missing).output().unwrap();
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(
        error.starts_with("error: cannot make temporary files"),
        "{error}"
    );
    assert!(error.contains(&missing.display().to_string()), "{error}");
}
