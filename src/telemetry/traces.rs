//! Traces, sent to a collector by OTLP: a span for each call, and one for each of its phases. They are made once the call has
//! ended, so that nothing but its record can get into them.

use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, ensure};
use opentelemetry::{
    Context, KeyValue,
    trace::{
        Span, SpanBuilder, SpanContext, SpanKind, Status, TraceContextExt, TraceFlags, TraceState,
        Tracer, TracerProvider,
    },
};
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{SdkTracer, SdkTracerProvider},
};

use super::{TraceParent, call::Call, running_call::EndedCall};

const SERVICE_NAME: &str = "contact-lists";

/// The variables of OpenTelemetry that can name the service.
const NAME_VARIABLES: [&str; 2] = ["OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES"];

/// How long the collector has to take some spans.
const EXPORT_LIMIT: Duration = Duration::from_secs(5);

/// The statuses that are errors of the service rather than of its caller.
const SERVER_ERRORS: [&str; 5] = [
    "UNKNOWN",
    "DEADLINE_EXCEEDED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
];

/// Where the traces of a server go. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Traces {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

impl Traces {
    /// Sends traces to the collector at `endpoint`, such as "http://localhost:4317". A collector that is not there costs the
    /// traces alone. Fails if the endpoint is malformed, and needs the runtime.
    pub fn to_collector(endpoint: &str) -> anyhow::Result<Self> {
        ensure!(
            endpoint.starts_with("http://"),
            "cannot send traces to {endpoint}: it is not http://HOST:PORT; TLS is left to a collector beside the server"
        );
        let exporter = SpanExporter::builder()
            .with_tonic()
            .with_endpoint(endpoint)
            .with_timeout(EXPORT_LIMIT)
            .build()
            .with_context(|| format!("cannot send traces to {endpoint}"))?;
        let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        let mut resource = Resource::builder().with_attribute(version);
        // Else the builder has found the name there.
        if !NAME_VARIABLES.into_iter().any(names_the_service) {
            resource = resource.with_service_name(SERVICE_NAME);
        }
        let resource = resource.build();
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource)
            .build();
        let tracer = provider.tracer(SERVICE_NAME);
        Ok(Self { provider, tracer })
    }

    /// Makes the spans of a call that has ended. Returns the id of its trace.
    pub(super) fn add(&self, ended: &EndedCall<'_>) -> u128 {
        let parent = ended.origin.trace_parent.map(remote);
        let parent = parent.unwrap_or_default();
        let clock = Clock::new(ended);
        let builder = SpanBuilder::from_name(ended.origin.method)
            .with_kind(SpanKind::Server)
            .with_start_time(clock.at(ended.start))
            .with_attributes(attributes(ended));
        let mut span = self.tracer.build_with_context(builder, &parent);
        if SERVER_ERRORS.contains(&ended.status) {
            span.set_status(Status::error(ended.reason.unwrap_or_default()));
        }
        let context = span.span_context().clone();
        let trace_id = u128::from_be_bytes(context.trace_id().to_bytes());
        let parent = Context::new().with_remote_span_context(context);
        for (phase, start, end) in &ended.call.phases {
            let builder = SpanBuilder::from_name(phase.name()).with_start_time(clock.at(*start));
            let mut span = self.tracer.build_with_context(builder, &parent);
            span.end_with_timestamp(clock.at(*end));
        }
        span.end_with_timestamp(clock.at(ended.end));
        trace_id
    }

    /// Sends what has not been sent yet, for at most `limit`.
    pub async fn shutdown(self, limit: Duration) {
        let provider = self.provider;
        let sending = move || provider.shutdown_with_timeout(limit);
        match tokio::task::spawn_blocking(sending).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "traces.lost"),
            Err(error) => tracing::warn!(%error, "traces.lost"),
        }
    }
}

/// The context of a call whose caller has a span.
fn remote(parent: TraceParent) -> Context {
    let flags = TraceFlags::default().with_sampled(parent.is_sampled);
    let span = SpanContext::new(
        parent.trace_id.into(),
        parent.span_id.into(),
        flags,
        true,
        TraceState::default(),
    );
    Context::new().with_remote_span_context(span)
}

/// What a span says of its call. The line in the log says more, and has the trace's id.
fn attributes(ended: &EndedCall<'_>) -> Vec<KeyValue> {
    let Call {
        organization_id,
        api_key_id,
        contact_list_id,
        update_id,
        request_id,
        ..
    } = ended.call;
    let ids = [
        ("organization_id", organization_id.map(|id| id.0)),
        ("api_key_id", *api_key_id),
        ("contact_list_id", *contact_list_id),
        ("update_id", *update_id),
        ("request_id", *request_id),
    ];
    let ids = ids
        .into_iter()
        .filter_map(|(name, id)| Some(KeyValue::new(name, id?.to_string())));
    let reason = ended.reason.map(|reason| KeyValue::new("reason", reason));
    let known = [
        KeyValue::new("rpc.system", "grpc"),
        KeyValue::new("rpc.method", ended.origin.method),
        KeyValue::new("status", ended.status),
    ];
    known.into_iter().chain(reason).chain(ids).collect()
}

/// The time of day at the instants of a call.
struct Clock {
    end: Instant,
    end_time: SystemTime,
}

impl Clock {
    fn new(ended: &EndedCall<'_>) -> Self {
        Self {
            end: ended.end,
            end_time: SystemTime::now(),
        }
    }

    fn at(&self, instant: Instant) -> SystemTime {
        self.end_time - self.end.duration_since(instant)
    }
}

/// Whether a variable of OpenTelemetry names the service.
fn names_the_service(variable: &str) -> bool {
    let value = std::env::var(variable).unwrap_or_default();
    match variable {
        "OTEL_RESOURCE_ATTRIBUTES" => value
            .split(',')
            .any(|it| it.trim().starts_with("service.name=")),
        _ => !value.is_empty(),
    }
}
