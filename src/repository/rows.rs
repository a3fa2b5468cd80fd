//! Many rows as the input of one statement.
//!
//! The set-based statements are written once for both databases. Where they name a source of rows, such as `{contacts}`,
//! PostgreSQL gets `UNNEST` of arrays and SQLite a `VALUES` list, each the fastest form there. Scalars are `$1`, `$2` …

use std::fmt::Write;

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
/// Besides the sources, `{jsonb}` casts a text to what JSON columns hold, `{as_text}` casts such a column back, `{nil}` is
/// the nil id, and `{lock}` locks the rows named `c` until the commit. `{join}` looks its table up row by row of what stands
/// before it: SQLite would else rather read the organization's whole table and look in the rows.
pub fn statement<const N: usize>(
    backend: DbBackend,
    sql: &'static str,
    scalars: [Value; N],
    sources: impl IntoIterator<Item = Rows>,
) -> Statement {
    let mut values = Vec::from(scalars);
    let mut sql = match backend {
        DbBackend::Postgres => sql
            .replace("{jsonb}", "::jsonb")
            .replace("{as_text}", "::text")
            .replace("{join}", "JOIN")
            .replace("{nil}", "'00000000-0000-0000-0000-000000000000'::uuid")
            .replace("{lock}", "FOR NO KEY UPDATE OF c"),
        _ => sql
            .replace('$', "?")
            .replace("{jsonb}", "")
            .replace("{as_text}", "")
            .replace("{join}", "CROSS JOIN")
            .replace("{nil}", "zeroblob(16)")
            .replace("{lock}", ""),
    };
    for rows in sources {
        let source = match backend {
            DbBackend::Postgres => rows.unnest(&mut values),
            _ => rows.values_list(&mut values),
        };
        sql = sql.replace(&format!("{{{}}}", rows.name), &source);
    }
    Statement::from_sql_and_values(backend, sql, values)
}

impl Rows {
    fn unnest(&self, values: &mut Vec<Value>) -> String {
        let mut arrays = Vec::with_capacity(self.columns.len());
        let mut names = Vec::with_capacity(self.columns.len());
        for (name, column) in &self.columns {
            values.push(column.array());
            arrays.push(format!("${}::{}[]", values.len(), column.postgres_type()));
            names.push(*name);
        }
        format!(
            "UNNEST({}) AS {} ({})",
            arrays.join(", "),
            self.name,
            names.join(", ")
        )
    }

    fn values_list(&self, values: &mut Vec<Value>) -> String {
        let mut list = String::from("(SELECT ");
        for (index, (name, _)) in self.columns.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            let _ = write!(list, "{comma}column{} AS {name}", index + 1);
        }
        list.push_str(" FROM (VALUES ");
        let row_count = self.columns.first().map_or(0, |(_, column)| column.len());
        for row in 0..row_count {
            list.push_str(if row == 0 { "(" } else { ", (" });
            for (index, (_, column)) in self.columns.iter().enumerate() {
                values.push(column.value(row));
                let comma = if index == 0 { "" } else { ", " };
                let _ = write!(list, "{comma}?{}", values.len());
            }
            list.push(')');
        }
        if row_count == 0 {
            // A source without rows is still a source.
            let nulls = vec!["NULL"; self.columns.len()].join(", ");
            let _ = write!(list, "({nulls})) LIMIT 0");
        } else {
            list.push(')');
        }
        let _ = write!(list, ") AS {}", self.name);
        list
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

    fn array(&self) -> Value {
        let array_type = match self {
            Self::Uuid(_) => ArrayType::Uuid,
            Self::Text(_) => ArrayType::String,
            Self::Bytes(_) => ArrayType::Bytes,
            Self::Boolean(_) => ArrayType::Bool,
            Self::Time(_) => ArrayType::TimeDateTimeWithTimeZone,
        };
        let values = (0..self.len()).map(|row| self.value(row)).collect();
        Value::Array(array_type, Some(Box::new(values)))
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
