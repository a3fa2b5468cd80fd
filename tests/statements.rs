//! How many statements a call takes: so many per chunk, and never one per contact. A binary of its own, as the log that it
//! counts in is the whole process's.

use std::{
    fmt::Debug,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use contact_lists::proto::{Contact, UpdateContactListContactsHeader};
use test_support::*;
use tokio::{
    sync::{
        Mutex,
        mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    },
    time::timeout,
};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id},
};
use tracing_subscriber::{Layer, Registry, layer::Context, prelude::*, registry::LookupSpan};

/// The statements that an update has sent so far.
#[derive(Default)]
struct StatementCount(AtomicU64);

/// Counts the statements that the database driver logs within an update's span, and says how many they were when the span is
/// closed: the last ones can be logged after the answer.
struct StatementCounter(UnboundedSender<u64>);

/// What spans and events say of themselves.
#[derive(Default)]
struct Said {
    is_update: bool,
    /// Whether it is how a new connection is set up.
    is_set_up: bool,
}

impl Visit for Said {
    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "method" => self.is_update = value.ends_with("/UpdateContactListContacts"),
            "summary" => self.is_set_up = value.starts_with("SET ") || value.starts_with("PRAGMA "),
            _ => {}
        }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for StatementCounter {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut said = Said::default();
        attributes.record(&mut said);
        if let (true, Some(span)) = (said.is_update, context.span(id)) {
            span.extensions_mut().insert(StatementCount::default());
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut said = Said::default();
        event.record(&mut said);
        if event.metadata().target() != "sqlx::query" || said.is_set_up {
            return;
        }
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(StatementCount(count)) = span.extensions().get() {
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let span = context.span(&id);
        let count = span.and_then(|span| span.extensions_mut().remove());
        if let Some(StatementCount(count)) = count {
            self.0.send(count.into_inner()).expect("the test counts");
        }
    }
}

/// The counts of the updates that are over. One test counts at a time.
fn counts() -> &'static Mutex<UnboundedReceiver<u64>> {
    static COUNTS: OnceLock<Mutex<UnboundedReceiver<u64>>> = OnceLock::new();
    COUNTS.get_or_init(|| {
        let (sender, receiver) = unbounded_channel();
        Registry::default().with(StatementCounter(sender)).init();
        Mutex::new(receiver)
    })
}

/// How many statements an update takes.
async fn statements_of(
    counts: &mut UnboundedReceiver<u64>,
    client: &Client,
    header: UpdateContactListContactsHeader,
    contacts: Vec<Contact>,
) -> u64 {
    client.update(header, contacts).await.unwrap();
    let count = timeout(Duration::from_secs(10), counts.recv()).await;
    count.expect("the call is over").unwrap()
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
        let mut counts = counts().lock().await;
        let admin = service.admin();
        let list = admin.create_list("Newsletter").await;
        admin.create_channel("+12025550100").await;
        admin.create_customer_object().await;

        let few_new = statements_of(&mut counts, &admin, header(&list).add(), contacts(0..2, "pro")).await;
        let many_new = statements_of(&mut counts, &admin, header(&list).add(), contacts(10..500, "pro")).await;
        assert_eq!(few_new, many_new, "new contacts");
        let few_kept = statements_of(&mut counts, &admin, header(&list).add(), contacts(0..2, "pro")).await;
        let many_kept = statements_of(&mut counts, &admin, header(&list).add(), contacts(10..500, "pro")).await;
        assert_eq!(few_kept, many_kept, "unchanged contacts");
        let few_changed = statements_of(&mut counts, &admin, header(&list).add(), contacts(0..2, "free")).await;
        let many_changed = statements_of(&mut counts, &admin, header(&list).add(), contacts(10..500, "free")).await;
        assert_eq!(few_changed, many_changed, "changed contacts");

        let few_removed = statements_of(&mut counts, &admin, header(&list).remove(), contacts(0..2, "free")).await;
        let many_removed = statements_of(&mut counts, &admin, header(&list).remove(), contacts(10..500, "free")).await;
        assert_eq!(few_removed, many_removed, "removed contacts");
        let overwrite = || header(&list).overwrite().skip();
        let few_left = statements_of(&mut counts, &admin, overwrite(), contacts(0..2, "pro")).await;
        let many_left = statements_of(&mut counts, &admin, overwrite(), contacts(10..500, "pro")).await;
        assert_eq!(few_left, many_left, "an overwrite");

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
