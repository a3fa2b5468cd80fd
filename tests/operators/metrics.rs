//! Metrics, as Prometheus scrapes them.

use contact_lists::{proto::ListChannelsRequest, repository::Connection};

use test_support::*;

const UPDATE: &str = "contactlists.v1.ContactListService/UpdateContactListContacts";

async fn start(database: Database) -> Service {
    Service::start_with(database, &["--admin-listen", "127.0.0.1:0"]).await
}

async fn scrape(service: &Service) -> String {
    let (status, scraped) = http_get(service.admin_address(), "/metrics").await;
    assert_eq!(status, 200, "{scraped}");
    scraped
}

/// Checks what was scraped: each metric's name and labels, and its value.
#[track_caller]
fn assert_metrics<const COUNT: usize>(scraped: &str, expected: [(&str, f64); COUNT]) {
    for (name, value) in expected {
        let name = format!("contact_lists_{name}");
        assert_eq!(metric(scraped, &name), Some(value), "{name} in {scraped}");
    }
}

on_both! {
    async fn calls_are_counted_by_method_status_and_reason(database: Database) {
        let service = start(database).await;
        service.admin().channels.list_channels(ListChannelsRequest::default()).await.expect("a page");
        let mut stranger = service.client("cl_nonsense").channels;
        stranger.list_channels(ListChannelsRequest::default()).await.expect_err("a refusal");
        let method = "method=\"contactlists.v1.ChannelService/ListChannels\"";
        assert_metrics(&scrape(&service).await, [
            (&format!("calls_total{{{method},status=\"OK\",reason=\"\"}}"), 1.0),
            (&format!("calls_total{{{method},status=\"UNAUTHENTICATED\",reason=\"API_KEY_INVALID\"}}"), 1.0),
            (&format!("call_duration_seconds_count{{{method}}}"), 2.0),
            (&format!("call_phase_duration_seconds_count{{{method},phase=\"wait\"}}"), 1.0),
            ("running_calls", 0.0),
        ]);
    }

    async fn the_contacts_of_applied_updates_are_counted_by_outcome(database: Database) {
        let service = start(database).await;
        let admin = service.admin();
        let list = admin.create_list("Customers").await;
        admin.create_channel("+12025550100").await;
        admin.opt_out_of_all_channels(&number(1)).await;
        let sent = || vec![contact(&number(1)), contact(&number(2)), contact(&number(2)), contact("1")];
        admin.update(header(&list).add().skip(), sent()).await.expect("an update");
        admin.update(header(&list).add().skip().validate_only(), sent()).await.expect("a preview");
        admin.update(header(&list).remove().no_opt_ins(), contacts([2])).await.expect("an update");
        assert_metrics(&scrape(&service).await, [
            ("contacts_total{outcome=\"created\"}", 2.0),
            ("contacts_total{outcome=\"updated\"}", 0.0),
            ("contacts_total{outcome=\"unchanged\"}", 1.0),
            ("contacts_total{outcome=\"duplicate\"}", 1.0),
            ("contacts_total{outcome=\"rejected\"}", 1.0),
            ("members_total{change=\"added\"}", 2.0),
            ("members_total{change=\"removed\"}", 1.0),
            ("opt_ins_total", 1.0),
            ("kept_opt_outs_total", 1.0),
        ]);
    }

    async fn rejected_contacts_are_counted_by_reason_whether_or_not_the_others_are_applied(database: Database) {
        let service = start(database).await;
        let admin = service.admin();
        let list = admin.create_list("Customers").await;
        let bad = || vec![contact(&number(1)).email("nonsense"), contact(&number(2)).email("nonsense").language("?")];
        admin.update(header(&list).add().skip(), bad()).await.expect("an update");
        admin.update(header(&list).add(), bad()).await.expect_err("a refusal");
        assert_metrics(&scrape(&service).await, [
            ("rejected_contacts_total{reason=\"EMAIL_INVALID\"}", 4.0),
            ("rejected_contacts_total{reason=\"LANGUAGE_INVALID\"}", 2.0),
            // Those that there were not yet are there, so that the first one is an increase.
            ("rejected_contacts_total{reason=\"FIELD_REQUIRED\"}", 0.0),
            ("rejected_contacts_total{reason=\"RECORD_TOO_LARGE\"}", 0.0),
            ("contacts_total{outcome=\"rejected\"}", 2.0),
        ]);
    }

    async fn a_replay_is_counted_and_its_contacts_are_not(database: Database) {
        let service = start(database).await;
        let admin = service.admin();
        let list = admin.create_list("Customers").await;
        let request_id = uuid::Uuid::new_v4().to_string();
        for _ in 0..3 {
            let header = header(&list).add().request_id(&request_id);
            admin.update(header, contacts([1])).await.expect("an update");
        }
        assert_metrics(&scrape(&service).await, [
            ("replayed_updates_total", 2.0),
            ("contacts_total{outcome=\"created\"}", 1.0),
            (&format!("calls_total{{method=\"{UPDATE}\",status=\"OK\",reason=\"\"}}"), 3.0),
        ]);
    }

    async fn an_update_that_waits_for_its_list_is_seen_waiting(database: Database) {
        let service = start(database).await;
        let admin = service.admin();
        let list = admin.create_list("Customers").await;
        let (first, second) = (admin.open(header(&list).add()).await, admin.open(header(&list).add()).await);
        first.send_contacts(contacts([1])).await;
        second.send_contacts(contacts([1])).await;
        let other_client = service.database().connect().await;
        let lock = match service.database().is_postgres() {
            true => "BEGIN; SELECT id FROM contact_lists FOR UPDATE",
            false => "BEGIN IMMEDIATE",
        };
        other_client.execute_unprepared(lock).await.expect("a lock");
        let released = async {
            until("one of them waits for its turn", async || {
                let waiting = "contact_lists_queue_waiting_calls{queue=\"list\"}";
                metric(&scrape(&service).await, waiting) == Some(1.0)
            })
            .await;
            other_client.execute_unprepared("ROLLBACK").await.expect("a release");
        };
        let (first, second, ()) = tokio::join!(first.finish(), second.finish(), released);
        first.expect("an update");
        second.expect("an update");
        let scraped = scrape(&service).await;
        let waits = metric(&scraped, "contact_lists_queue_wait_seconds_count{queue=\"list\"}");
        assert_eq!(waits, Some(2.0), "{scraped}");
        assert_metrics(&scraped, [("queue_waiting_calls{queue=\"list\"}", 0.0)]);
    }

    async fn spooled_bytes_are_given_back(database: Database) {
        let service = start(database).await;
        let admin = service.admin();
        let list = admin.create_list("Customers").await;
        let stream = admin.open(header(&list).add()).await;
        stream.send_contacts(contacts(0..1000)).await;
        let spooled = async || {
            let scraped = scrape(&service).await;
            assert_metrics(&scraped, [("spool_limit_bytes", 4294967296.0)]);
            metric(&scraped, "contact_lists_spool_bytes").expect("a value")
        };
        until("contacts are spooled", async || spooled().await > 0.0).await;
        stream.finish().await.expect("an update");
        until("nothing is spooled", async || spooled().await == 0.0).await;
    }

    async fn the_state_of_the_database_and_its_connections_are_measured(database: Database) {
        let name = if database.is_postgres() { "postgresql" } else { "sqlite" };
        let service = start(database).await;
        let admin = service.admin();
        admin.until_answered().await;
        admin.create_list("Newsletter").await;
        until("the database has answered", async || {
            metric(&scrape(&service).await, "contact_lists_database_up") == Some(1.0)
        })
        .await;
        let scraped = scrape(&service).await;
        let build = format!("build_info{{version=\"{}\",database=\"{name}\"}}", env!("CARGO_PKG_VERSION"));
        assert_metrics(&scraped, [(&build, 1.0)]);
        for pool in ["read", "write", "reserved"] {
            let open = format!("contact_lists_database_connections{{pool=\"{pool}\"}}");
            assert!(metric(&scraped, &open).is_some_and(|it| it >= 1.0), "{scraped}");
        }
    }

    async fn a_purge_is_counted(database: Database) {
        let service = start(database).await;
        until("a purge has run", async || {
            let scraped = scrape(&service).await;
            metric(&scraped, "contact_lists_purges_total{result=\"succeeded\"}") == Some(1.0)
        })
        .await;
        assert_metrics(&scrape(&service).await, [("purged_updates_total", 0.0)]);
    }
}
