//! Prefixes of texts, compared byte by byte: `LIKE` differs between the databases.

use sea_orm::{
    ColumnTrait, Condition,
    sea_query::{Expr, ExprTrait, Func},
};

/// Returns the condition that a column's text begins with `prefix`, to look it up in the column's index.
pub fn begins_with(column: impl ColumnTrait, prefix: &str) -> Condition {
    text_begins_with(column.into_expr(), prefix)
}

/// Returns the same condition for rows that are read in the order of another index: PostgreSQL would use the column's own
/// index, and read every row with the prefix.
pub fn begins_with_unindexed(column: impl ColumnTrait, prefix: &str) -> Condition {
    let text = Func::coalesce([column.into_expr(), Expr::val("")]);
    text_begins_with(Expr::expr(text), prefix)
}

fn text_begins_with(text: Expr, prefix: &str) -> Condition {
    let from = Condition::all().add(text.clone().gte(prefix));
    match prefix_end(prefix) {
        Some(end) => from.add(text.lt(end)),
        None => from,
    }
}

/// Returns the first text after all those that begin with `prefix`, in byte order; none if there is no such text.
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
