//! Texts that begin with others, byte by byte: `LIKE` means something else on each database.

use sea_orm::{ColumnTrait, Condition};

/// Whether a column's text begins with `prefix`.
pub fn begins_with(column: impl ColumnTrait, prefix: &str) -> Condition {
    let from = Condition::all().add(column.gte(prefix));
    match prefix_end(prefix) {
        Some(end) => from.add(column.lt(end)),
        None => from,
    }
}

/// The first text after all that begin with `prefix`, in the order of bytes; none if there is no such text.
fn prefix_end(prefix: &str) -> Option<String> {
    let mut end = prefix.to_owned();
    while let Some(last) = end.pop() {
        if let Some(next) = (last..=char::MAX).nth(1) {
            end.push(next);
            return Some(end);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_before_the_next_text() {
        assert_eq!(prefix_end("ab"), Some("ac".to_owned()));
        assert_eq!(prefix_end("a\u{10ffff}"), Some("b".to_owned()));
        assert_eq!(prefix_end("a\u{d7ff}"), Some("a\u{e000}".to_owned()));
        assert_eq!(prefix_end("\u{10ffff}"), None);
    }
}
