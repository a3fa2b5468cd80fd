//! Updates that may be cut off, and what became of them: an account of what must be stored.

use contact_lists::{proto::UpdateContactListContactsResponse as Outcome, repository::Repository};
use sea_orm::{ConnectionTrait, Statement};
use tonic::Status;

use crate::{
    common::{new_id, people},
    support::*,
};

/// How many contacts an update has.
pub const CONTACTS: u32 = 60;

/// What an update does.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// New contacts become members of a list of all callers.
    Add,
    /// New contacts become the only members of the caller's own list.
    Overwrite,
    /// The members that the caller added last leave the list of all callers.
    Remove,
}

/// An update that was sent, and what became of it.
#[derive(Clone, Debug)]
pub struct Attempt {
    pub kind: Kind,
    pub list: String,
    pub first: u32,
    pub request_id: String,
}

impl Attempt {
    /// Sends it.
    pub async fn send(&self, caller: &Client) -> Result<Outcome, Status> {
        let header = header(&self.list).request_id(&self.request_id);
        let header = match self.kind {
            Kind::Add => header.add(),
            Kind::Overwrite => header.overwrite(),
            Kind::Remove => header.remove(),
        };
        caller.update(header, people(self.first, CONTACTS)).await
    }

    /// Whether this takes another one's members away, if it is applied.
    pub fn undoes(&self, other: &Self) -> bool {
        match self.kind {
            Kind::Add => false,
            Kind::Overwrite => self.list == other.list,
            Kind::Remove => self.first == other.first,
        }
    }

    /// Checks an answer's counts: they are those of the one time that the update was applied.
    pub fn assert_counts(&self, outcome: &Outcome) {
        let counts = (outcome.created_count, outcome.unchanged_count);
        let once = match self.kind {
            Kind::Add | Kind::Overwrite => (CONTACTS, 0),
            Kind::Remove => (0, CONTACTS),
        };
        let moved = match self.kind {
            Kind::Add | Kind::Overwrite => outcome.added_count,
            Kind::Remove => outcome.removed_count,
        };
        let counts = (counts.0 as u32, counts.1 as u32, moved as u32);
        assert_eq!(counts, (once.0, once.1, CONTACTS), "{self:?}: {outcome:?}");
    }
}

/// What is stored of an update.
#[derive(Debug, PartialEq, Eq)]
pub struct Stored {
    contacts: i64,
    members: i64,
    opt_ins: i64,
    records: i64,
}

impl Stored {
    /// What the database has, past the service.
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

    /// What an update leaves once it is applied.
    pub fn applied(kind: Kind) -> Self {
        let all = i64::from(CONTACTS);
        Self {
            contacts: all,
            members: if matches!(kind, Kind::Remove) { 0 } else { all },
            opt_ins: all,
            records: 1,
        }
    }

    /// Applied, but for its memberships, which a later update took away.
    pub fn undone(kind: Kind) -> Self {
        Self {
            members: 0,
            ..Self::applied(kind)
        }
    }

    /// What there is before it is applied.
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

/// What one caller keeps between rounds.
#[derive(Clone)]
pub struct Sender {
    pub client: Client,
    shared_list: String,
    own_list: String,
    next: u32,
    /// What it added last and has not removed yet.
    added: Option<u32>,
}

impl Sender {
    /// The next update, each of new contacts but for what is removed.
    pub fn next(&mut self, n: u64) -> Attempt {
        let (kind, list, first) = match (n % 3, self.added.take()) {
            (0, Some(added)) => (Kind::Remove, &self.shared_list, added),
            (1, added) => {
                self.added = added;
                (Kind::Overwrite, &self.own_list, self.next)
            }
            _ => {
                self.added = Some(self.next);
                (Kind::Add, &self.shared_list, self.next)
            }
        };
        if first == self.next {
            self.next += CONTACTS;
        }
        Attempt {
            kind,
            list: list.clone(),
            first,
            request_id: new_id(),
        }
    }
}

/// Callers with a list that all share and one of their own each, in an organization with one channel.
pub async fn senders(service: &Service, count: u32) -> Vec<Sender> {
    let admin = service.admin();
    admin.create_channel("+12025550100").await;
    let shared_list = admin.create_list("Shared").await;
    let mut senders = Vec::new();
    for n in 0..count {
        senders.push(Sender {
            client: service.admin(),
            shared_list: shared_list.clone(),
            own_list: admin.create_list(&format!("Own {n}")).await,
            next: n * (80_000_000 / count),
            added: None,
        });
    }
    senders
}

/// What all updates that are applied, or will be once they are repeated, leave behind.
#[derive(Default)]
pub struct Account {
    applied: u32,
    /// The members of the list of all callers.
    shared_members: u32,
}

impl Account {
    /// Counts an update.
    pub fn enter(&mut self, attempt: &Attempt) {
        self.applied += 1;
        match attempt.kind {
            Kind::Add => self.shared_members += CONTACTS,
            Kind::Remove => self.shared_members -= CONTACTS,
            Kind::Overwrite => {}
        }
    }

    /// Checks that nothing but the updates' own doing is stored, and that each is recorded once.
    pub async fn assert_true(&self, database: &Database) {
        let records = "SELECT count(*) FROM contact_list_updates";
        let records = database.rows(records).await;
        assert_eq!(records, i64::from(self.applied), "doubled or lost records");
        let shared = "SELECT count(*) FROM contact_list_contacts JOIN contact_lists \
            ON id = contact_list_id WHERE name = 'Shared'";
        let shared = database.rows(shared).await;
        assert_eq!(shared, i64::from(self.shared_members), "members");
        let partial = "SELECT count(*) FROM contact_lists WHERE name LIKE 'Own%' \
            AND contact_count NOT IN (0, $1)";
        let size = [i64::from(CONTACTS).into()];
        assert_eq!(database.rows_with(partial, size).await, 0, "overwrites");
        let untrue = "SELECT count(*) FROM contact_lists l WHERE contact_count <> (SELECT count(*) \
            FROM contact_list_contacts m WHERE m.contact_list_id = l.id)";
        assert_eq!(database.rows(untrue).await, 0, "counts of members");
        let orphans = "SELECT count(*) FROM contact_list_contacts m LEFT JOIN contacts c \
            ON c.id = m.contact_id WHERE c.id IS NULL";
        assert_eq!(database.rows(orphans).await, 0, "members without a contact");
        if !database.is_postgres() {
            let sound = "SELECT integrity_check = 'ok' FROM pragma_integrity_check";
            assert_eq!(database.rows(sound).await, 1, "the file");
        }
    }
}
