//! How many statements a call takes: so many per chunk, and never one per contact. A binary of its own, as the log that it
//! counts in is the whole process's.

#[path = "api/support/mod.rs"]
mod support;

use std::{
    fmt::Debug,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use contact_lists::proto::{Contact, UpdateContactListContactsHeader};
use support::*;
use tokio::sync::Mutex;
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{Layer, Registry, layer::Context, prelude::*, registry::LookupSpan};

/// The statements that calls have sent so far.
static STATEMENT_COUNT: AtomicU64 = AtomicU64::new(0);

/// One test counts at a time.
static COUNTING: Mutex<()> = Mutex::const_new(());

/// Counts the statements that the database driver logs within a call's span: not those of health and purge, and not how a new
/// connection is set up.
struct StatementCounter;

/// Whether an event is of a session's settings.
#[derive(Default)]
struct IsSetUp(bool);

impl Visit for IsSetUp {
    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0 |= field.name() == "summary" && value.starts_with("SET ");
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for StatementCounter {
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let in_call = context
            .event_scope(event)
            .is_some_and(|mut scope| scope.any(|span| span.name() == "call"));
        let mut set_up = IsSetUp::default();
        event.record(&mut set_up);
        if event.metadata().target() == "sqlx::query" && in_call && !set_up.0 {
            STATEMENT_COUNT.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn start_counting() {
    static STARTED: OnceLock<()> = OnceLock::new();
    STARTED.get_or_init(|| Registry::default().with(StatementCounter).init());
}

/// How many statements an update takes.
async fn statements_of(
    client: &Client,
    header: UpdateContactListContactsHeader,
    contacts: Vec<Contact>,
) -> u64 {
    let before = STATEMENT_COUNT.load(Ordering::Relaxed);
    client.update(header, contacts).await.unwrap();
    STATEMENT_COUNT.load(Ordering::Relaxed) - before
}

/// Checks that many contacts take as many statements as few. The log of a call's last one may come after its answer, and then
/// counts for the next call: one more here, one less there.
fn assert_same(few: u64, many: u64, what: &str) {
    assert!(
        few.abs_diff(many) <= 2,
        "{what}: {few} statements for few, {many} for many"
    );
}

fn contacts(numbers: std::ops::Range<u32>, name: &str) -> Vec<Contact> {
    numbers
        .map(|n| {
            contact(&number(n))
                .name(name)
                .external_id(&format!("crm-{n}"))
                .properties(json!({"plan": name}))
        })
        .collect()
}

on_both! {
    async fn statements_do_not_grow_with_the_contacts_of_a_chunk(service: Service) {
        start_counting();
        let _alone = COUNTING.lock().await;
        let admin = service.admin();
        let list = admin.create_list("Newsletter").await;
        admin.create_channel("+12025550100").await;
        admin.create_customer_object().await;

        let few_new = statements_of(&admin, header(&list).add(), contacts(0..2, "pro")).await;
        let many_new = statements_of(&admin, header(&list).add(), contacts(10..500, "pro")).await;
        assert_same(few_new, many_new, "new contacts");
        let few_kept = statements_of(&admin, header(&list).add(), contacts(0..2, "pro")).await;
        let many_kept = statements_of(&admin, header(&list).add(), contacts(10..500, "pro")).await;
        assert_same(few_kept, many_kept, "unchanged contacts");
        let few_changed = statements_of(&admin, header(&list).add(), contacts(0..2, "free")).await;
        let many_changed = statements_of(&admin, header(&list).add(), contacts(10..500, "free")).await;
        assert_same(few_changed, many_changed, "changed contacts");

        let few_removed = statements_of(&admin, header(&list).remove(), contacts(0..2, "free")).await;
        let many_removed = statements_of(&admin, header(&list).remove(), contacts(10..500, "free")).await;
        assert_same(few_removed, many_removed, "removed contacts");
        let overwrite = || header(&list).overwrite().skip();
        let few_left = statements_of(&admin, overwrite(), contacts(0..2, "pro")).await;
        let many_left = statements_of(&admin, overwrite(), contacts(10..500, "pro")).await;
        assert_same(few_left, many_left, "an overwrite");

        // A call has a fixed part, and a few statements for each chunk.
        for (count, what) in [
            (many_new, "new"),
            (many_kept, "unchanged"),
            (many_changed, "changed"),
            (many_removed, "removed"),
            (many_left, "left"),
        ] {
            assert!((10..=25).contains(&count), "{count} statements for {what} contacts");
        }
        notice(&format!("new {many_new}, unchanged {many_kept}, changed {many_changed}"));
    }
}
