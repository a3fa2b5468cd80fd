//! Many rows as the input of one statement.
//!
//! The set-based statements are written once for both databases. Where they name a source of rows, such as `{contacts}`,
//! PostgreSQL gets `UNNEST` of arrays and SQLite a `VALUES` list, each the fastest form there. Scalars are `$1`, `$2` …

use sea_orm::{DbBackend, Statement, Value, sea_query::ArrayType};
use time::OffsetDateTime;
use uuid::Uuid;

/// A named source of rows: columns of the same length.
pub struct Rows {
    name: &'static str,
    columns: Vec<(&'static str, Column)>,
}

/// A column's values. No value is null: an array with a null cannot be bound, so absent texts are empty and absent ids nil,
/// and the statement turns them back with `NULLIF`.
enum Column {
    Uuid(Vec<Uuid>),
    Text(Vec<String>),
    Bytes(Vec<Vec<u8>>),
    Boolean(Vec<bool>),
    Time(Vec<OffsetDateTime>),
}

impl Rows {
    /// Rows that a statement calls `{name}`.
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            columns: Vec::new(),
        }
    }

    /// A source of ids alone, in a column `id`.
    pub fn ids(name: &'static str, ids: impl IntoIterator<Item = Uuid>) -> Self {
        Self::new(name).uuids("id", ids)
    }

    /// Adds a column of ids; nil stands for none.
    pub fn uuids(self, column: &'static str, values: impl IntoIterator<Item = Uuid>) -> Self {
        self.column(column, Column::Uuid(values.into_iter().collect()))
    }

    /// Adds a column of texts; an empty one stands for none.
    pub fn texts<T: Into<String>>(
        self,
        column: &'static str,
        values: impl IntoIterator<Item = T>,
    ) -> Self {
        self.column(
            column,
            Column::Text(values.into_iter().map(Into::into).collect()),
        )
    }

    /// Adds a column of bytes.
    pub fn bytes(self, column: &'static str, values: impl IntoIterator<Item = Vec<u8>>) -> Self {
        self.column(column, Column::Bytes(values.into_iter().collect()))
    }

    /// Adds a column of booleans.
    pub fn booleans(self, column: &'static str, values: impl IntoIterator<Item = bool>) -> Self {
        self.column(column, Column::Boolean(values.into_iter().collect()))
    }

    /// Adds a column of times.
    pub fn times(
        self,
        column: &'static str,
        values: impl IntoIterator<Item = OffsetDateTime>,
    ) -> Self {
        self.column(column, Column::Time(values.into_iter().collect()))
    }

    fn column(mut self, name: &'static str, column: Column) -> Self {
        self.columns.push((name, column));
        self
    }
}

/// The statement `sql` with its scalars and its sources of rows. `sql` is ours alone: no caller's text is ever part of it.
///
/// `IN ({each_kept})` holds for the values of the source's only column: on SQLite a plain list, as a `DELETE` with a
/// subquery first looks for all its rows and only then for each of them again. `{in_kept}` says the same where
/// PostgreSQL is to look each value up in an index.
///
/// Besides the sources, `{jsonb}` casts a text to what JSON columns hold, `{as_text}` casts such a column back, `{nil}` is
/// the nil id, and `{lock}` locks the rows named `c` until the commit. `{join}` looks its table up row by row of what stands
/// before it: SQLite would else rather read the organization's whole table and look in the rows. `{keep_order}` keeps the order
/// of the source `contacts`: PostgreSQL would else go through the contacts once for each row of the source beside it, and so
/// split the pages of the index that it writes; SQLite goes in that order by itself.
pub fn statement<const N: usize>(
    backend: DbBackend,
    sql: &str,
    scalars: [Value; N],
    sources: impl IntoIterator<Item = Rows>,
) -> Statement {
    let (sql, values) = match backend {
        DbBackend::Postgres => for_postgres(sql, Vec::from(scalars), sources),
        _ => for_sqlite(sql, &scalars, sources),
    };
    Statement::from_sql_and_values(backend, sql, values)
}

fn for_postgres(
    sql: &str,
    scalars: Vec<Value>,
    sources: impl IntoIterator<Item = Rows>,
) -> (String, Vec<Value>) {
    let (mut values, nil) = (scalars, "'00000000-0000-0000-0000-000000000000'::uuid");
    let mut sql = sql
        .replace("{jsonb}", "::jsonb")
        .replace("{as_text}", "::text")
        .replace("{join}", "JOIN")
        .replace("{keep_order}", "ORDER BY contacts.id")
        .replace("{nil}", nil)
        .replace("{lock}", "FOR NO KEY UPDATE OF c");
    for rows in sources {
        let placeholder = |prefix| format!("{{{prefix}{}}}", rows.name);
        let (name, each, is_in) = (placeholder(""), placeholder("each_"), placeholder("in_"));
        if let Some((only, column)) = rows.columns.first() {
            let selected = format!("SELECT {}.{only} FROM {name}", rows.name);
            let any = format!(
                "= ANY (${}::{}[])",
                values.len() + 1,
                column.postgres_type()
            );
            sql = sql.replace(&each, &selected).replace(&is_in, &any);
        }
        sql = sql.replace(&name, &rows.unnest(&mut values));
    }
    (sql, values)
}

/// The values are bound in the order of their places (`?`): SQLite keeps the names of numbered ones (`?7`), and the driver
/// would look through all of them for each.
fn for_sqlite(
    sql: &str,
    scalars: &[Value],
    sources: impl IntoIterator<Item = Rows>,
) -> (String, Vec<Value>) {
    let sources: Vec<Rows> = sources.into_iter().collect();
    let mut values = Vec::new();
    let mut written = String::new();
    let mut rest = sql;
    while let Some(place) = rest.find(['$', '{']) {
        written.push_str(&rest[..place]);
        let is_scalar = rest[place..].starts_with('$');
        rest = &rest[place + 1..];
        let name_length = rest.find(|it: char| !it.is_ascii_alphanumeric() && it != '_');
        let (name, after) = rest.split_at(name_length.unwrap_or(rest.len()));
        rest = after
            .strip_prefix('}')
            .filter(|_| !is_scalar)
            .unwrap_or(after);
        let scalar = name.parse().ok().and_then(|n: usize| scalars.get(n - 1));
        match (name, scalar) {
            (_, Some(scalar)) => {
                written.push('?');
                values.push(scalar.clone());
            }
            ("jsonb" | "as_text" | "lock" | "keep_order", _) => {}
            ("join", _) => written.push_str("CROSS JOIN"),
            ("nil", _) => written.push_str("zeroblob(16)"),
            _ => {
                let source = |name| sources.iter().find(|rows| rows.name == name);
                let prefixed = |prefix| name.strip_prefix(prefix).and_then(source);
                let text = match (prefixed("each_"), prefixed("in_"), source(name)) {
                    (Some(rows), _, _) => rows.list(&mut values),
                    (_, Some(rows), _) => format!("IN ({})", rows.list(&mut values)),
                    (_, _, Some(rows)) => rows.values_list(&mut values),
                    (None, None, None) => String::new(),
                };
                written.push_str(&text);
            }
        }
    }
    written.push_str(rest);
    (written, values)
}

impl Rows {
    fn unnest(self, values: &mut Vec<Value>) -> String {
        let mut arrays = Vec::with_capacity(self.columns.len());
        let mut names = Vec::with_capacity(self.columns.len());
        for (name, column) in self.columns {
            let postgres_type = column.postgres_type();
            values.push(column.into_array());
            arrays.push(format!("${}::{postgres_type}[]", values.len()));
            names.push(name);
        }
        let (arrays, names) = (arrays.join(", "), names.join(", "));
        format!("UNNEST({arrays}) AS {} ({names})", self.name)
    }

    /// The values of the only column.
    fn list(&self, values: &mut Vec<Value>) -> String {
        let Some((_, column)) = self.columns.first() else {
            return String::new();
        };
        values.extend((0..column.len()).map(|row| column.value(row)));
        vec!["?"; column.len()].join(", ")
    }

    fn values_list(&self, values: &mut Vec<Value>) -> String {
        let columns: Vec<String> = (1..)
            .zip(&self.columns)
            .map(|(number, (name, _))| format!("column{number} AS {name}"))
            .collect();
        let row_count = self.columns.first().map_or(0, |(_, column)| column.len());
        for row in 0..row_count {
            values.extend(self.columns.iter().map(|(_, column)| column.value(row)));
        }
        // A source without rows is still a source.
        let (cell, limit) = if row_count == 0 {
            ("NULL", " LIMIT 0")
        } else {
            ("?", "")
        };
        let row = format!("({})", vec![cell; self.columns.len()].join(", "));
        let rows = vec![row; row_count.max(1)].join(", ");
        let (columns, name) = (columns.join(", "), self.name);
        format!("(SELECT {columns} FROM (VALUES {rows}){limit}) AS {name}")
    }
}

impl Column {
    fn len(&self) -> usize {
        match self {
            Self::Uuid(values) => values.len(),
            Self::Text(values) => values.len(),
            Self::Bytes(values) => values.len(),
            Self::Boolean(values) => values.len(),
            Self::Time(values) => values.len(),
        }
    }

    fn value(&self, row: usize) -> Value {
        match self {
            Self::Uuid(values) => values[row].into(),
            Self::Text(values) => values[row].as_str().into(),
            Self::Bytes(values) => values[row].clone().into(),
            Self::Boolean(values) => values[row].into(),
            Self::Time(values) => values[row].into(),
        }
    }

    fn into_array(self) -> Value {
        fn array<T: Into<Value>>(array_type: ArrayType, values: Vec<T>) -> Value {
            let values = values.into_iter().map(Into::into).collect();
            Value::Array(array_type, Some(Box::new(values)))
        }
        match self {
            Self::Uuid(values) => array(ArrayType::Uuid, values),
            Self::Text(values) => array(ArrayType::String, values),
            Self::Bytes(values) => array(ArrayType::Bytes, values),
            Self::Boolean(values) => array(ArrayType::Bool, values),
            Self::Time(values) => array(ArrayType::TimeDateTimeWithTimeZone, values),
        }
    }

    fn postgres_type(&self) -> &'static str {
        match self {
            Self::Uuid(_) => "uuid",
            Self::Text(_) => "text",
            Self::Bytes(_) => "bytea",
            Self::Boolean(_) => "boolean",
            Self::Time(_) => "timestamptz",
        }
    }
}
