//! The statements of each call, from the log of the database driver.

use std::{
    collections::BTreeSet,
    fmt::Debug,
    sync::{Mutex as SyncMutex, OnceLock},
    time::Duration,
};

use tokio::{
    sync::{
        Mutex, MutexGuard,
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

/// A call that is over, and its statements in the order in which they ended.
struct Call {
    method: String,
    statements: Vec<String>,
}

/// Collects what the driver logs in a call's span, and passes it on when the span is closed: the last statements can be
/// logged after the response.
struct Collector(UnboundedSender<Call>);

/// What spans and events have in their fields.
#[derive(Default)]
struct Fields {
    method: Option<String>,
    summary: String,
    statement: String,
}

impl Fields {
    /// Returns the statement, unless it sets a new connection up.
    fn statement(self) -> Option<String> {
        let set_up = [
            "PRAGMA ",
            "SHOW transaction_read_only",
            "SELECT 1 FROM sqlite_schema",
        ];
        if set_up.iter().any(|it| self.summary.starts_with(it)) {
            return None;
        }
        Some(if self.statement.is_empty() {
            self.summary
        } else {
            self.statement
        })
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "method" => self.method = Some(value.to_owned()),
            "summary" => self.summary = value.to_owned(),
            "db.statement" => self.statement = value.trim().to_owned(),
            _ => {}
        }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Collector {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let (Some(method), Some(span)) = (fields.method, context.span(id)) {
            span.extensions_mut().insert(SyncMutex::new(Call {
                method,
                statements: Vec::new(),
            }));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        if event.metadata().target() != "sqlx::query" {
            return;
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        let Some(statement) = fields.statement() else {
            return;
        };
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(call) = span.extensions().get::<SyncMutex<Call>>() {
                call.lock().unwrap().statements.push(statement.clone());
            }
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let span = context.span(&id);
        let call = span.and_then(|span| span.extensions_mut().remove::<SyncMutex<Call>>());
        if let Some(call) = call {
            // Nobody reads once the tests are over.
            let _ = self.0.send(call.into_inner().unwrap());
        }
    }
}

/// The log. One test reads it at a time.
pub struct Log(MutexGuard<'static, UnboundedReceiver<Call>>);

impl Log {
    /// Waits until no other test reads it.
    pub async fn read() -> Self {
        static CALLS: OnceLock<Mutex<UnboundedReceiver<Call>>> = OnceLock::new();
        let calls = CALLS.get_or_init(|| {
            let (sender, receiver) = unbounded_channel();
            Registry::default().with(Collector(sender)).init();
            Mutex::new(receiver)
        });
        Self(calls.lock().await)
    }

    /// Returns the statements of all calls that are over and were not asked for.
    pub fn statements(&mut self) -> BTreeSet<String> {
        let calls = std::iter::from_fn(|| self.0.try_recv().ok());
        calls.flat_map(|call| call.statements).collect()
    }

    /// Makes a call, and returns its statements. `method` is its name, such as `ListContacts`.
    pub async fn statements_of<T>(
        &mut self,
        method: &str,
        call: impl Future<Output = T>,
    ) -> (T, Vec<String>) {
        while self.0.try_recv().is_ok() {}
        let response = call.await;
        let over = async {
            loop {
                let call = self.0.recv().await.expect("a log");
                if call.method.ends_with(&format!("/{method}")) {
                    return call.statements;
                }
            }
        };
        let statements = timeout(Duration::from_secs(10), over).await;
        (response, statements.expect("the call is over"))
    }
}
