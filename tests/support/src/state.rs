//! Everything that an update could have changed, to check that it has not; and bounded waiting.

use std::time::{Duration, Instant};

use contact_lists::proto::{ContactList, ContactListContact};

use super::{Client, Service};

const TABLES: [&str; 7] = [
    "communication_preferences",
    "contact_list_contacts",
    "contact_list_updates",
    "contact_lists",
    "contacts",
    "custom_object_records",
    "opted_out_numbers",
];

const WAIT_LIMIT: Duration = Duration::from_secs(30);

/// A list with its members, and how many rows each table has.
#[derive(Debug, PartialEq)]
pub struct Stored {
    list: ContactList,
    members: Vec<ContactListContact>,
    row_counts: Vec<(&'static str, i64)>,
}

impl Service {
    /// What is stored now. If two of these are equal, nothing was changed in between.
    pub async fn state(&self, list_id: &str) -> Stored {
        self.state_seen_by(&self.admin(), list_id).await
    }

    /// The same for a service that has stopped, asked through another server of its database.
    pub async fn state_seen_by(&self, caller: &Client, list_id: &str) -> Stored {
        let mut row_counts = Vec::new();
        for table in TABLES {
            let count = self.rows(&format!("SELECT count(*) FROM {table}")).await;
            row_counts.push((table, count));
        }
        Stored {
            list: caller.list(list_id).await,
            members: caller.members(list_id).await,
            row_counts,
        }
    }
}

/// Checks a condition until it holds. Panics with `what` if it never does.
pub async fn until<F: Future<Output = bool>>(what: &str, mut ask: impl FnMut() -> F) {
    let start = Instant::now();
    while !ask().await {
        assert!(start.elapsed() < WAIT_LIMIT, "never: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
