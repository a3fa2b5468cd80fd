//! Many rows as the input of one statement.
//!
//! The set-based statements are written once for both databases. Where they name a source of rows, such as `{contacts}`,
//! PostgreSQL gets `UNNEST` of arrays and SQLite a `VALUES` list, each the fastest form there. Scalars are `$1`, `$2` …

mod rows;
#[cfg(test)]
mod tests;

use sea_orm::{DbBackend, Statement, Value};

pub use self::rows::Rows;
use crate::error::{Error, Result};

/// The words that are written differently for PostgreSQL and for SQLite. See [`statement`].
const WORDS: [(&str, &str, &str); 9] = [
    ("jsonb", "::jsonb", ""),
    ("as_text", "::text", ""),
    ("id_as_text", "c.id::text", "hex(c.id)"),
    (
        "nil",
        "'00000000-0000-0000-0000-000000000000'::uuid",
        "zeroblob(16)",
    ),
    ("no_hash", "''::bytea", "x''"),
    ("index_of", "pg_catalog.\"position\"", "instr"),
    ("lock", "FOR NO KEY UPDATE OF c", ""),
    ("join", "JOIN", "CROSS JOIN"),
    ("keep_order", "ORDER BY contacts.id", ""),
];

/// Returns the statement `sql` with its scalars and its sources of rows. `sql` is never made of a caller's text. Fails if it
/// names something that is neither a scalar nor a source nor a word.
///
/// `IN ({each_kept})` holds for the values of the only column of the source `kept`: on SQLite a plain list, since a `DELETE`
/// with a subquery first collects all its rows and then looks each of them up again. `{in_kept}` means the same, but has
/// PostgreSQL look each value up in an index.
///
/// The words are: `{jsonb}` casts a text to what JSON columns hold, `{as_text}` casts such a column back, `{id_as_text}` is
/// the id of `c` as a text, `{nil}` is the nil id, `{no_hash}` is the empty hash of what is no number's, `{index_of}(bytes, part)` is the place of
/// some bytes in others, from 1, or 0, and `{lock}` locks the rows named `c` until the commit. `{join}` looks its
/// table up for each row of what precedes it: otherwise SQLite would scan the organization's whole table. `{keep_order}` keeps
/// the order of the source `contacts`: otherwise PostgreSQL would go through the contacts once for each row of the other
/// source, and so split the pages of the index that it writes; SQLite keeps that order by itself.
pub fn statement<const N: usize>(
    backend: DbBackend,
    sql: &str,
    scalars: [Value; N],
    sources: impl IntoIterator<Item = Rows>,
) -> Result<Statement> {
    let sources = sources.into_iter().collect();
    let (sql, values) = match backend {
        DbBackend::Postgres => for_postgres(sql, Vec::from(scalars), sources)?,
        _ => for_sqlite(sql, &scalars, sources)?,
    };
    Ok(Statement::from_sql_and_values(backend, sql, values))
}

/// A piece of a statement.
enum Piece<'a> {
    Text(&'a str),
    /// The number of a scalar, from 1.
    Scalar(&'a str),
    /// The text in braces.
    Name(&'a str),
}

fn pieces(mut sql: &str) -> impl Iterator<Item = Piece<'_>> {
    std::iter::from_fn(move || {
        let piece;
        (piece, sql) = if let Some(scalar) = sql.strip_prefix('$') {
            let end = scalar.find(|it: char| !it.is_ascii_digit());
            let (number, rest) = scalar.split_at(end.unwrap_or(scalar.len()));
            (Piece::Scalar(number), rest)
        } else if let Some(name) = sql.strip_prefix('{') {
            // A brace that is never closed stays in the name, so that the name is unknown.
            let (name, rest) = name.split_once('}').unwrap_or((sql, ""));
            (Piece::Name(name), rest)
        } else if sql.is_empty() {
            return None;
        } else {
            let (text, rest) = sql.split_at(sql.find(['$', '{']).unwrap_or(sql.len()));
            (Piece::Text(text), rest)
        };
        Some(piece)
    })
}

/// How a statement takes a source.
enum Form {
    /// `{kept}`: as a table.
    Table,
    /// `{each_kept}`: as the inside of `IN (…)`.
    Each,
    /// `{in_kept}`: as the whole of `IN (…)`.
    In,
}

/// Finds the source that a statement names, and the form in which it takes it.
fn source<'a, T>(
    name: &str,
    sources: &'a [T],
    name_of: impl Fn(&T) -> &str,
) -> Result<(Form, &'a T)> {
    let find = |name| sources.iter().find(|source| name_of(source) == name);
    let prefixed = |prefix| name.strip_prefix(prefix).and_then(find);
    if let Some(source) = find(name) {
        Ok((Form::Table, source))
    } else if let Some(source) = prefixed("each_") {
        Ok((Form::Each, source))
    } else if let Some(source) = prefixed("in_") {
        Ok((Form::In, source))
    } else {
        Err(unknown(name))
    }
}

fn unknown(name: &str) -> Error {
    Error::internal(anyhow::anyhow!(
        "a statement names {name:?}, which it is not given"
    ))
}

/// Returns the value of the scalar with this number.
fn scalar<'a>(number: &str, scalars: &'a [Value]) -> Result<&'a Value> {
    let index = number.parse::<usize>().ok().and_then(|n| n.checked_sub(1));
    index
        .and_then(|index| scalars.get(index))
        .ok_or_else(|| unknown(number))
}

/// A source whose columns are bound as arrays.
struct Arrays {
    name: &'static str,
    /// Each column's name, and its array as the statement has it.
    columns: Vec<(&'static str, String)>,
}

impl Arrays {
    fn bind(rows: Rows, values: &mut Vec<Value>) -> Self {
        let bind = |(name, column): (&'static str, rows::Column)| {
            let postgres_type = column.postgres_type();
            values.push(column.into_array());
            (name, format!("${}::{postgres_type}[]", values.len()))
        };
        Self {
            name: rows.name,
            columns: rows.columns.into_iter().map(bind).collect(),
        }
    }

    fn table(&self) -> String {
        let arrays: Vec<&str> = self.columns.iter().map(|(_, it)| it.as_str()).collect();
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| *name).collect();
        let (arrays, names) = (arrays.join(", "), names.join(", "));
        format!("UNNEST({arrays}) AS {} ({names})", self.name)
    }
}

fn for_postgres(
    sql: &str,
    mut values: Vec<Value>,
    sources: Vec<Rows>,
) -> Result<(String, Vec<Value>)> {
    let scalar_count = values.len();
    let sources: Vec<Arrays> = sources
        .into_iter()
        .map(|rows| Arrays::bind(rows, &mut values))
        .collect();
    let mut written = String::with_capacity(2 * sql.len());
    for piece in pieces(sql) {
        match piece {
            Piece::Text(text) => written.push_str(text),
            Piece::Scalar(number) => {
                scalar(number, &values[..scalar_count])?;
                written.push('$');
                written.push_str(number);
            }
            Piece::Name(name) => match WORDS.iter().find(|(word, ..)| *word == name) {
                Some((_, text, _)) => written.push_str(text),
                None => {
                    let (form, source) = source(name, &sources, |source| source.name)?;
                    let (column, array) = source.columns.first().ok_or_else(|| unknown(name))?;
                    written.push_str(&match form {
                        Form::Table => source.table(),
                        Form::Each => {
                            format!("SELECT {}.{column} FROM {}", source.name, source.table())
                        }
                        Form::In => format!("= ANY ({array})"),
                    });
                }
            },
        }
    }
    Ok((written, values))
}

/// The values are bound in the order of their placeholders (`?`): SQLite keeps the names of numbered ones (`?7`), and the
/// driver would search all of them for each value.
fn for_sqlite(sql: &str, scalars: &[Value], sources: Vec<Rows>) -> Result<(String, Vec<Value>)> {
    let mut values = Vec::new();
    let mut written = String::with_capacity(2 * sql.len());
    for piece in pieces(sql) {
        match piece {
            Piece::Text(text) => written.push_str(text),
            Piece::Scalar(number) => {
                values.push(scalar(number, scalars)?.clone());
                written.push('?');
            }
            Piece::Name(name) => match WORDS.iter().find(|(word, ..)| *word == name) {
                Some((.., text)) => written.push_str(text),
                None => {
                    let (form, source) = source(name, &sources, |source| source.name)?;
                    written.push_str(&match form {
                        Form::Table => source.values_table(&mut values),
                        Form::Each => source.list(&mut values),
                        Form::In => format!("IN ({})", source.list(&mut values)),
                    });
                }
            },
        }
    }
    Ok((written, values))
}
