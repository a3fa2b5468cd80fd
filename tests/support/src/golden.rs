//! Golden files: texts in `tests/golden/` that change only on purpose.

use insta::Settings;
use uuid::Uuid;

const UUID_LENGTH: usize = 36;

/// Checks that a text is the golden file of this name. `INSTA_UPDATE=always cargo test` writes the file again; review the
/// difference before it is committed.
#[track_caller]
pub fn assert_golden(name: &str, text: &str) {
    let mut settings = Settings::clone_current();
    settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../golden"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// The text with `<id>` in place of each UUID.
pub fn redact_ids(text: &str) -> String {
    let mut redacted = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let word = rest.get(..UUID_LENGTH);
        if word.is_some_and(|word| Uuid::try_parse(word).is_ok()) {
            redacted.push_str("<id>");
            rest = &rest[UUID_LENGTH..];
        } else {
            redacted.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    redacted
}
