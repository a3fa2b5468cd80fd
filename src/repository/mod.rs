//! Where everything is stored: SQLite or PostgreSQL, through SeaORM. Every query is restricted to the organization that its
//! function takes, right after the connection.
//!
//! # The order of locks
//!
//! A call takes the locks that it needs in the order of this table, and keeps them until it commits. So, except in the cases
//! below, no two calls wait for each other. SQLite has one writer at a time: there, the first two are the only locks.
//!
//! | lock | mode | taken by |
//! |---|---|---|
//! | 1. turn in the list's queue | one call at a time, in order of arrival | `UpdateContactListContacts`, `UpdateContactList`, `DeleteContactList`; `DeleteContact` for all of the contact's lists, but while it waits for one it gives the others back |
//! | 2. one of the writers' connections | as many calls at a time as there are, but updates of many contacts leave two to others, and let them go first | every call that writes |
//! | 3. the list's row | `FOR UPDATE` | the calls of 1; `DeleteContact` with `SKIP LOCKED` |
//! | 4. the organization's row | `FOR SHARE` | `UpdateContactListContacts`, `UpdateContact`: the channels and custom objects that the contacts were checked against stay as they are |
//! |  | `FOR NO KEY UPDATE` | `CreateChannel`, `UpdateChannel`, `CreateCustomObject`, `AddCustomProperty`, `DeleteCustomObject`; `contact-lists suppression apply`: no contact is created, and none gets a number |
//! | 5. the channels' rows | `FOR KEY SHARE`, all by id | `UpdateContactListContacts`, `UpdateContact`, `OptIn`, `OptOut`, `OptOutContacts`, `DeleteContact`, `suppression apply`: no channel is deleted |
//! |  | `FOR UPDATE`, one | `UpdateChannel`, `DeleteChannel` |
//! | 6. contacts' rows | `FOR NO KEY UPDATE`, in order of their phones | `UpdateContactListContacts` and `OptOutContacts`, chunk by chunk, and so `suppression apply`; `OptIn`, `OptOut`; one: `UpdateContact` |
//! |  | `FOR UPDATE`, one | `DeleteContact`, with `SKIP LOCKED` |
//! | 7. the unique key of a number | by writing a contact with it, in order of the numbers | `UpdateContactListContacts`, chunk by chunk, and `UpdateContact`, where a contact is new or changes number; `OptIn`, `OptOut` and, chunk by chunk, `OptOutContacts` of an unassigned number, which insert a contact with it and delete it again: no contact gets the number until the commit, and a call that then gives it to a contact reads its opt-outs after that |
//! | 8. the rest | by writing | preferences, opted-out numbers, members, records, erasures: always under one of the locks above. Recorded updates: under the list's, and recorded opt-outs under none, but the retention job clears them, and writes the purge time, under no list's lock, in a transaction that takes 2 only |
//!
//! `suppression apply` erases contacts as `DeleteContact` does, in transactions of their own. `DeleteContact` never waits while it holds a list: where one of its lists or the contact is locked, it ends its transaction,
//! waits for that alone, and starts again.
//!
//! Three cases are out of order:
//!
//! - Stored contacts whose phone differs from the one in the update are found by their external_id, after the other contacts
//!   of the chunk.
//! - A call that stores an external_id waits for another call that is storing the same one, because of the unique index; the
//!   entries are made in the order of the contacts' phones, not of the external_ids.
//! - In a chunk, contacts that change their number take it after those that are new.
//!
//! If two calls wait for each other because of these, PostgreSQL ends one of them with a deadlock error. That call is run
//! again, as is one that finds its external_id taken once the other has committed; see [`Repository::write`].

pub mod api_keys;
pub mod bulk;
pub mod channels;
mod connect;
mod connect_error;
pub mod contact_lists;
pub mod contact_search;
pub mod contacts;
pub mod custom_objects;
mod database_copy;
mod db_error;
mod distribute;
pub mod entity;
pub mod journal;
mod migrate;
pub mod migration;
pub mod opted_out_numbers;
pub mod organizations;
mod pools;
mod postgres_plans;
mod postgres_sessions;
mod postgres_url;
pub mod preference_history;
pub mod preference_pages;
pub mod preferences;
mod prefix;
pub mod purge_times;
pub mod recorded_opt_outs;
pub mod records;
mod retry;
pub mod search;
mod sql;
mod sqlite_checkpoints;
mod sqlite_file;
mod sqlite_lock;
pub mod suppressions;
mod timeout;
mod transaction;
pub mod updates;
mod write_queue;

/// What reads go through: a connection, or a transaction's.
pub use sea_orm::ConnectionTrait as Connection;

pub use self::{
    connect::{DatabaseOptions, Repository},
    connect_error::ConnectError,
    distribute::DistributeError,
    migrate::{MigrationState, SchemaError},
    pools::ACQUIRE_TIMEOUT,
    postgres_sessions::Pooler,
    sqlite_lock::FileLock,
    transaction::{Transaction, TransactionOutcome},
    write_queue::WriteLength,
};
