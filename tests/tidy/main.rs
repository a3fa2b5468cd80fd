//! House rules that a reader would otherwise have to remember: which module may import which, how long files and functions
//! get, and which words the project uses. CONTRIBUTING.md explains them.

mod imports;
mod lengths;
mod migrations;
mod words;

use std::{
    fs,
    path::{Path, PathBuf},
};

use self::{
    imports::import_problems,
    lengths::{MAX_FILE_LINES, length_problems},
    migrations::migration_problems,
    words::word_problems,
};

/// Where the project's own Rust is.
const RUST: [&str; 5] = ["src", "tests", "benches", "fuzz/targets", "build.rs"];

#[test]
fn modules_import_only_from_the_layers_below() {
    let problems: Vec<String> = files(&["src"], "rs")
        .iter()
        .flat_map(|(path, text)| import_problems(path, text))
        .collect();
    assert_none(&problems);
}

#[test]
fn files_and_functions_are_short() {
    let problems: Vec<String> = files(&RUST, "rs")
        .iter()
        .flat_map(|(path, text)| length_problems(path, text))
        .collect();
    assert_none(&problems);
}

#[test]
fn the_words_are_those_of_the_glossary() {
    let mut texts = files(&RUST, "rs");
    texts.extend(files(&["proto/contactlists"], "proto"));
    texts.extend(files(
        &[
            "README.md",
            "docs",
            "SECURITY.md",
            "CHANGELOG.md",
            "tests/support/README.md",
        ],
        "md",
    ));
    texts.extend(files(&["Cargo.toml", "deny.toml", "typos.toml"], "toml"));
    let problems: Vec<String> = texts
        .iter()
        .filter(|(path, _)| !path.starts_with("tests/tidy"))
        .flat_map(|(path, text)| word_problems(path, text))
        .collect();
    assert_none(&problems);
}

#[test]
fn migrations_that_older_programs_cannot_run_on_say_which_can() {
    let sql = files(&["src/repository/migration"], "sql");
    let problems: Vec<String> = sql
        .iter()
        .flat_map(|(path, text)| migration_problems(path, text))
        .collect();
    assert_none(&problems);
}

#[test]
fn a_migration_that_takes_away_and_does_not_say_so_is_found() {
    let sql = "CREATE TABLE colors (id {uuid});\nALTER TABLE lists DROP COLUMN color;";
    let problems = |name| migration_problems(Path::new(name), sql);
    assert_eq!(
        problems("m0012_colors.sql"),
        ["m0012_colors.sql: no _needs_ in the name, but:\nALTER TABLE lists DROP COLUMN color"]
    );
    assert!(problems("m0012_colors_needs_m0009.sql").is_empty());
    assert_eq!(problems("m0012_colors_needs_m0012.sql").len(), 1);
    let default = "ALTER TABLE lists ADD COLUMN color {text} NOT NULL DEFAULT '';";
    let unique =
        "ALTER TABLE lists ADD COLUMN color {text};\nCREATE UNIQUE INDEX a ON lists (color);";
    for adds in [default, unique] {
        assert!(migration_problems(Path::new("m0012_colors.sql"), adds).is_empty());
    }
    let unique = "CREATE UNIQUE INDEX a ON lists (name)";
    assert_eq!(
        migration_problems(Path::new("m0012_colors.sql"), unique).len(),
        1
    );
}

#[test]
fn an_import_against_the_direction_is_found() {
    let upwards = import_problems(
        Path::new("src/repository/channels.rs"),
        "use crate::{\n    domain::name::Name,\n    app::{channels, update},\n};\n",
    );
    assert_eq!(
        upwards,
        ["src/repository/channels.rs: repository imports app"]
    );

    let inline = import_problems(
        Path::new("src/app/update/mod.rs"),
        "let it = crate::auth::Caller;",
    );
    assert_eq!(inline, ["src/app/update/mod.rs: app imports auth"]);

    let relative = import_problems(
        Path::new("src/app/update/mod.rs"),
        "use super::super::{auth, repository};",
    );
    assert_eq!(relative, ["src/app/update/mod.rs: app imports auth"]);

    let wire = import_problems(
        Path::new("src/app/contacts.rs"),
        "use crate::proto::Contact;",
    );
    assert_eq!(wire, ["src/app/contacts.rs: app names crate::proto"]);

    let encoding = import_problems(
        Path::new("src/domain/contact_list.rs"),
        "use prost::Message;",
    );
    assert_eq!(encoding, ["src/domain/contact_list.rs: domain names prost"]);

    let sql = import_problems(
        Path::new("src/rpc/members.rs"),
        "use sea_orm::ConnectionTrait;",
    );
    assert_eq!(sql, ["src/rpc/members.rs: rpc names sea_orm"]);
}

#[test]
fn what_is_too_long_and_an_old_word_are_found() {
    let long_file = "//\n".repeat(MAX_FILE_LINES + 1);
    assert_eq!(
        length_problems(Path::new("src/a.rs"), &long_file),
        ["src/a.rs: 401 lines"]
    );
    let long_function = format!(
        "    pub async fn long() {{\n{}    }}\n",
        "        work();\n".repeat(59)
    );
    assert_eq!(
        length_problems(Path::new("src/a.rs"), &long_function),
        ["src/a.rs: long has 61 lines"]
    );

    let words = word_problems(
        Path::new("src/a.rs"),
        "/// Answers the origin.\nstruct Said;\n",
    );
    assert_eq!(
        words,
        [
            "src/a.rs:1: \"/// Answers \": say Returns",
            "src/a.rs:2: Said: say ChangeOrigin"
        ]
    );
}

fn leading_name(text: &str) -> Option<String> {
    let end = text
        .find(|letter: char| !is_name_letter(letter))
        .unwrap_or(text.len());
    (end > 0).then(|| text[..end].to_owned())
}

/// A line of code without what stands in string literals.
fn without_literals(line: &str) -> String {
    line.split('"').step_by(2).collect::<Vec<_>>().join("\"")
}

fn is_name_letter(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

fn assert_none(problems: &[String]) {
    assert!(
        problems.is_empty(),
        "{} problems:\n{}",
        problems.len(),
        problems.join("\n")
    );
}

/// The files below `roots` with this ending, by their paths from the project's root, and their texts.
fn files(roots: &[&str], ending: &str) -> Vec<(PathBuf, String)> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = roots.iter().map(|root| project.join(root)).collect();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            let entries = fs::read_dir(&path).expect("a folder");
            open.extend(entries.map(|entry| entry.expect("an entry").path()));
        } else if path.extension().is_some_and(|it| it == ending) {
            let text = fs::read_to_string(&path).expect("a text");
            let path = path.strip_prefix(project).expect("below the project");
            found.push((path.to_owned(), text));
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no .{ending} files below {roots:?}");
    found
}
