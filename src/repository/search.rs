//! Searches that read a bounded number of rows, whatever they look for.
//!
//! A page is ordered by id, and some filters can't be looked up in an index in that order. Such a search goes through the
//! rows in order of their ids, and ends the page early after [`MAX_ROWS`].

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select,
};
use uuid::Uuid;

use crate::{error::Result, memory_budget::MemoryShare};

/// How many rows one page goes through.
pub const MAX_ROWS: u64 = 4000;

/// What a search found.
pub struct Found<T, K = Uuid> {
    /// The rows, ordered by id, or by another key.
    pub rows: Vec<T>,
    /// The last id that the search looked at, if there may be more rows after it.
    pub searched_to: Option<K>,
    /// The memory of what is large among them, to be held until the response has been taken.
    pub memory: Option<MemoryShare>,
}

impl<T> Found<T> {
    /// Leaves all but the first `count` rows to the next page.
    pub fn keep(&mut self, count: usize, id: impl Fn(&T) -> Uuid) {
        if count < self.rows.len() {
            self.rows.truncate(count);
            self.searched_to = self.rows.last().map(id);
        }
    }
}

/// All rows.
impl<T, K> From<Vec<T>> for Found<T, K> {
    fn from(rows: Vec<T>) -> Self {
        Self {
            rows,
            searched_to: None,
            memory: None,
        }
    }
}

/// Narrows `query` to the first [`MAX_ROWS`] rows with an `id` above `after`. The second value is the last of their ids, if
/// there are that many. What `query` filters by already must be in an index that is ordered by `id`.
pub async fn first_rows<E: EntityTrait>(
    db: &impl ConnectionTrait,
    query: Select<E>,
    id: impl ColumnTrait,
    after: Uuid,
) -> Result<(Select<E>, Option<Uuid>)> {
    let query = query.filter(id.gt(after));
    let last: Option<Uuid> = query
        .clone()
        .select_only()
        .column(id)
        .order_by_asc(id)
        .offset(MAX_ROWS - 1)
        .limit(1)
        .into_tuple()
        .one(db)
        .await?;
    let query = match last {
        Some(last) => query.filter(id.lte(last)),
        None => query,
    };
    Ok((query, last))
}
