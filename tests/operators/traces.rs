//! Traces, as a collector gets them.

use std::time::Duration;

use contact_lists::proto::ListChannelsRequest;
use opentelemetry_proto::tonic::trace::v1::{Span, span::SpanKind, status::StatusCode};
use tokio::{net::TcpListener, time::timeout};
use tonic::Request;

use test_support::*;

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const UNRECORDED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
const UPDATE: &str = "contactlists.v1.ContactListService/UpdateContactListContacts";
const LIST: &str = "contactlists.v1.ChannelService/ListChannels";

async fn start(database: Database, collector: &Collector) -> Service {
    Service::start_with(database, &["--otlp-endpoint", &collector.endpoint()]).await
}

/// Lists channels for a caller that has a span.
async fn list_channels(service: &Service, parent: &'static str) {
    let mut request = Request::new(ListChannelsRequest::default());
    let parent = parent.parse().expect("a value for a header");
    request.metadata_mut().insert("traceparent", parent);
    service
        .admin()
        .channels
        .list_channels(request)
        .await
        .expect("a page");
}

/// The one span of this name.
#[track_caller]
fn one<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    let mut found = spans.iter().filter(|span| span.name == name);
    let span = found
        .next()
        .unwrap_or_else(|| panic!("no {name}: {spans:?}"));
    assert!(found.next().is_none(), "{name}: {spans:?}");
    span
}

on_both! {
    async fn a_call_has_a_span_below_its_callers(database: Database) {
        let collector = Collector::start().await;
        let mut service = start(database, &collector).await;
        list_channels(&service, PARENT).await;
        service.shutdown().await;
        let spans = collector.spans();
        let span = one(&spans, LIST);
        assert_eq!(span.kind(), SpanKind::Server);
        assert_eq!(hex::encode(&span.trace_id), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(hex::encode(&span.parent_span_id), "00f067aa0ba902b7");
        assert!(span.start_time_unix_nano < span.end_time_unix_nano);
    }

    async fn an_update_has_a_span_for_each_phase_within_its_own(database: Database) {
        let collector = Collector::start().await;
        let mut service = start(database, &collector).await;
        let admin = service.admin();
        let list = admin.create_list("Customers").await;
        admin.update(header(&list).add(), contacts([1, 2])).await.expect("an update");
        service.shutdown().await;
        let spans = collector.spans();
        let update = one(&spans, UPDATE);
        let phases: Vec<_> = spans.iter().filter(|span| span.parent_span_id == update.span_id).collect();
        let mut names: Vec<_> = phases.iter().map(|span| span.name.as_str()).collect();
        names.sort_unstable();
        // Its work goes on between the others.
        names.dedup();
        assert_eq!(names, ["authenticate", "commit", "fold", "handle", "plan", "receive", "wait", "write"]);
        for phase in phases {
            assert_eq!(phase.trace_id, update.trace_id);
            assert!(phase.start_time_unix_nano >= update.start_time_unix_nano, "{phase:?} in {update:?}");
            assert!(phase.end_time_unix_nano <= update.end_time_unix_nano, "{phase:?} in {update:?}");
        }
    }

    async fn a_trace_that_the_caller_does_not_record_is_not_sent(database: Database) {
        let collector = Collector::start().await;
        let mut service = start(database, &collector).await;
        list_channels(&service, UNRECORDED).await;
        service.shutdown().await;
        assert_eq!(collector.spans(), []);
    }

    async fn a_refusal_is_no_error_of_the_span(database: Database) {
        let collector = Collector::start().await;
        let mut service = start(database, &collector).await;
        let mut stranger = service.client("cl_nonsense").channels;
        stranger.list_channels(ListChannelsRequest::default()).await.expect_err("a refusal");
        service.shutdown().await;
        let spans = collector.spans();
        let span = one(&spans, LIST);
        assert_ne!(span.status.clone().unwrap_or_default().code(), StatusCode::Error);
        assert!(format!("{:?}", span.attributes).contains("API_KEY_INVALID"), "{span:?}");
    }

    async fn the_trace_that_a_call_begins_is_in_its_line(database: Database) {
        let collector = Collector::start().await;
        let watched = Watched::start(&database, &["--otlp-endpoint", &collector.endpoint()]).await;
        watched.admin().channels.list_channels(ListChannelsRequest::default()).await.expect("a page");
        let line = watched.call("ListChannels").await;
        until("its span has arrived", async || !collector.spans().is_empty()).await;
        let spans = collector.spans();
        assert_eq!(line["trace_id"], hex::encode(&one(&spans, LIST).trace_id));
    }

    async fn a_collector_that_is_gone_or_silent_hurts_no_call_and_holds_no_shutdown_up(database: Database) {
        let silent = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let silent = format!("http://{}", silent.local_addr().expect("the port"));
        for endpoint in ["http://127.0.0.1:1", &silent] {
            let args = ["--otlp-endpoint", endpoint, "--grace-seconds", "5"];
            let mut service = Service::start_with(database.clone(), &args).await;
            for _ in 0..20 {
                list_channels(&service, PARENT).await;
            }
            let ended = timeout(Duration::from_secs(5), service.shutdown()).await;
            ended.expect("an end within the grace period");
        }
    }
}
