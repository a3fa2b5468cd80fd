//! Sources of rows: columns of values that are bound to one statement.

use sea_orm::{Value, sea_query::ArrayType};
use time::OffsetDateTime;
use uuid::Uuid;

/// A named source of rows: columns of the same length.
pub struct Rows {
    pub(super) name: &'static str,
    pub(super) columns: Vec<(&'static str, Column)>,
}

/// A column's values. No value is null: an array with a null cannot be bound, so absent texts are empty and absent ids nil,
/// and the statement turns them back with `NULLIF`.
pub(super) enum Column {
    Uuid(Vec<Uuid>),
    Text(Vec<String>),
    Bytes(Vec<Vec<u8>>),
    Boolean(Vec<bool>),
    Time(Vec<OffsetDateTime>),
    Number(Vec<i64>),
}

impl Rows {
    /// Creates a source that a statement names `{name}`, without columns yet.
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            columns: Vec::new(),
        }
    }

    /// Creates a source of ids alone, in a column `id`.
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

    /// Adds a column of whole numbers.
    pub fn numbers(self, column: &'static str, values: impl IntoIterator<Item = i64>) -> Self {
        self.column(column, Column::Number(values.into_iter().collect()))
    }

    fn column(mut self, name: &'static str, column: Column) -> Self {
        self.columns.push((name, column));
        self
    }

    /// Returns a placeholder for each value of the only column.
    pub(super) fn list(&self, values: &mut Vec<Value>) -> String {
        let Some((_, column)) = self.columns.first() else {
            return String::new();
        };
        values.extend((0..column.len()).map(|row| column.value(row)));
        vec!["?"; column.len()].join(", ")
    }

    /// Returns the rows as a table of values.
    pub(super) fn values_table(&self, values: &mut Vec<Value>) -> String {
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
    /// Returns the number of rows.
    fn len(&self) -> usize {
        match self {
            Self::Uuid(values) => values.len(),
            Self::Text(values) => values.len(),
            Self::Bytes(values) => values.len(),
            Self::Boolean(values) => values.len(),
            Self::Time(values) => values.len(),
            Self::Number(values) => values.len(),
        }
    }

    /// Returns the value of a row.
    fn value(&self, row: usize) -> Value {
        match self {
            Self::Uuid(values) => values[row].into(),
            Self::Text(values) => values[row].as_str().into(),
            Self::Bytes(values) => values[row].clone().into(),
            Self::Boolean(values) => values[row].into(),
            Self::Time(values) => values[row].into(),
            Self::Number(values) => values[row].into(),
        }
    }

    /// Returns the values as one array to bind.
    pub(super) fn into_array(self) -> Value {
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
            Self::Number(values) => array(ArrayType::BigInt, values),
        }
    }

    /// Returns the values' type on PostgreSQL.
    pub(super) fn postgres_type(&self) -> &'static str {
        match self {
            Self::Uuid(_) => "uuid",
            Self::Text(_) => "text",
            Self::Bytes(_) => "bytea",
            Self::Boolean(_) => "boolean",
            Self::Time(_) => "timestamptz",
            Self::Number(_) => "bigint",
        }
    }
}
