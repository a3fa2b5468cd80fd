//! A ledger of the updates that were sent, and what must be stored of them.

use contact_lists::repository::Repository;
use sea_orm::{ConnectionTrait, Statement};
use test_support::*;

use crate::attempts::{Attempt, CONTACTS, Kind};

/// The rows that an update has left.
#[derive(Debug, PartialEq, Eq)]
pub struct Stored {
    contacts: i64,
    members: i64,
    opt_ins: i64,
    records: i64,
}

impl Stored {
    /// Reads them past the service.
    pub async fn of(repository: &Repository, attempt: &Attempt) -> Self {
        let sql = "SELECT count(*), count(m.contact_id), count(p.contact_id), \
            (SELECT count(*) FROM contact_list_updates WHERE request_id = $4) \
            FROM contacts c \
            LEFT JOIN contact_list_contacts m ON m.organization_id = c.organization_id \
                AND m.contact_id = c.id AND m.contact_list_id = $3 \
            LEFT JOIN communication_preferences p ON p.organization_id = c.organization_id \
                AND p.contact_id = c.id AND p.opted_in \
            WHERE c.phone BETWEEN $1 AND $2";
        let id = |text: &str| uuid::Uuid::parse_str(text).expect("an id");
        let values = [
            number(attempt.first).into(),
            number(attempt.first + CONTACTS - 1).into(),
            id(&attempt.list).into(),
            id(&attempt.request_id).into(),
        ];
        let db = repository.db();
        let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
        let row = db.query_one_raw(statement).await.expect("a query");
        let row = row.expect("one row");
        let count = |index| row.try_get_by_index(index).expect("a count");
        Self {
            contacts: count(0),
            members: count(1),
            opt_ins: count(2),
            records: count(3),
        }
    }

    /// The rows of an applied update.
    pub fn applied(kind: Kind) -> Self {
        let all = i64::from(CONTACTS);
        Self {
            contacts: all,
            members: if matches!(kind, Kind::Remove) { 0 } else { all },
            opt_ins: all,
            records: 1,
        }
    }

    /// The rows of an applied update whose members a later update has removed.
    pub fn undone(kind: Kind) -> Self {
        Self {
            members: 0,
            ..Self::applied(kind)
        }
    }

    /// The rows before an update is applied.
    pub fn absent(kind: Kind) -> Self {
        let all = if matches!(kind, Kind::Remove) {
            i64::from(CONTACTS)
        } else {
            0
        };
        Self {
            contacts: all,
            members: all,
            opt_ins: all,
            records: 0,
        }
    }
}

/// Counts the updates that are applied, or that will be once they are repeated.
#[derive(Default)]
pub struct Ledger {
    applied: u32,
    /// The members of the list of all callers.
    shared_members: u32,
}

impl Ledger {
    /// Counts an update.
    pub fn enter(&mut self, attempt: &Attempt) {
        self.applied += 1;
        match attempt.kind {
            Kind::Add => self.shared_members += CONTACTS,
            Kind::Remove => self.shared_members -= CONTACTS,
            Kind::Overwrite => {}
        }
    }

    /// Checks that exactly the effects of the updates are stored, and that each is recorded once.
    pub async fn assert_matches(&self, database: &Database) {
        let records = "SELECT count(*) FROM contact_list_updates";
        let records = database.rows(records).await;
        assert_eq!(
            records,
            i64::from(self.applied),
            "updates are lost or done twice"
        );
        let shared = "SELECT count(*) FROM contact_list_contacts JOIN contact_lists \
            ON id = contact_list_id WHERE name = 'Shared'";
        let shared = database.rows(shared).await;
        assert_eq!(
            shared,
            i64::from(self.shared_members),
            "members of the shared list"
        );
        let partial = "SELECT count(*) FROM contact_lists WHERE name LIKE 'Own%' \
            AND contact_count NOT IN (0, $1)";
        let size = [i64::from(CONTACTS).into()];
        assert_eq!(
            database.rows_with(partial, size).await,
            0,
            "overwrites that are stored by half"
        );
        let miscounted = "SELECT count(*) FROM contact_lists l WHERE contact_count <> (SELECT count(*) \
            FROM contact_list_contacts m WHERE m.contact_list_id = l.id)";
        assert_eq!(
            database.rows(miscounted).await,
            0,
            "lists with a wrong contact_count"
        );
        let orphans = "SELECT count(*) FROM contact_list_contacts m LEFT JOIN contacts c \
            ON c.id = m.contact_id WHERE c.id IS NULL";
        assert_eq!(database.rows(orphans).await, 0, "members without a contact");
        if !database.is_postgres() {
            let sound = "SELECT integrity_check = 'ok' FROM pragma_integrity_check";
            assert_eq!(database.rows(sound).await, 1, "the file is damaged");
        }
    }
}
