//! The port for operators.

use std::time::Duration;

use tokio::{io::AsyncWriteExt, time::timeout};

use test_support::*;

async fn readiness(service: &Service) -> (u16, String) {
    http_get(service.admin_address(), "/readyz").await
}

fn ready() -> (u16, String) {
    (200, "ready\n".to_owned())
}

on_both! {
    async fn a_server_is_alive_and_becomes_ready(database: Database) {
        let service = Service::start_with(database, &["--admin-listen", "127.0.0.1:0"]).await;
        let alive = http_get(service.admin_address(), "/healthz").await;
        assert_eq!(alive, (200, "alive\n".to_owned()));
        until("it is ready", async || readiness(&service).await == ready()).await;
    }

    async fn another_path_is_not_found(database: Database) {
        let service = Service::start_with(database, &["--admin-listen", "127.0.0.1:0"]).await;
        let (status, text) = http_get(service.admin_address(), "/").await;
        assert_eq!(status, 404);
        assert!(text.contains("/metrics"), "{text}");
    }

    async fn a_server_whose_port_for_operators_is_taken_takes_another(database: Database) {
        let holder = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let taken = holder.local_addr().expect("the port");
        let service = Service::start_with(database, &["--admin-listen", &taken.to_string()]).await;
        assert_ne!(service.admin_address(), taken);
        until("it is ready", async || readiness(&service).await == ready()).await;
    }

    async fn connections_with_half_a_request_keep_no_other_out(database: Database) {
        let service = Service::start_with(database, &["--admin-listen", "127.0.0.1:0"]).await;
        let mut silent = Vec::new();
        for _ in 0..40 {
            let stream = tokio::net::TcpStream::connect(service.admin_address()).await;
            let mut stream = stream.expect("a connection");
            stream.write_all(b"GET /healthz HTTP/1.1\r\nhost:").await.expect("half a request");
            silent.push(stream);
        }
        let alive = http_get(service.admin_address(), "/healthz");
        // Half of what a connection may take.
        let alive = timeout(Duration::from_secs(5), alive).await;
        assert_eq!(alive.expect("a response in time"), (200, "alive\n".to_owned()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_whose_database_is_gone_is_not_ready_and_says_why() {
    let Some(database) = Database::postgres().await else {
        notice("a_server_whose_database_is_gone is skipped: PostgreSQL is not installed");
        return;
    };
    let relay = Relay::start(&database).await.expect("a relay");
    let service = Service::start_behind(database, &relay, &["--admin-listen", "127.0.0.1:0"]).await;
    until("it is ready", async || readiness(&service).await == ready()).await;
    relay.cut();
    let expected = (
        503,
        "not ready: the database does not answer, or takes no writes\n".to_owned(),
    );
    until("it is not ready", async || {
        readiness(&service).await == expected
    })
    .await;
    let (_, scraped) = http_get(service.admin_address(), "/metrics").await;
    assert_eq!(metric(&scraped, "contact_lists_database_up"), Some(0.0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_drains_is_not_ready_and_says_so() {
    let mut service =
        Service::start_with(Database::sqlite(), &["--admin-listen", "127.0.0.1:0"]).await;
    let admin = service.admin();
    let list = admin.create_list("Customers").await;
    // An open call holds the shutdown up.
    let stream = admin.open(header(&list).add()).await;
    stream.send_contacts(contacts([1])).await;
    until("it is ready", async || readiness(&service).await == ready()).await;
    let address = service.admin_address();
    let expected = (503, "not ready: draining\n".to_owned());
    let drains = async {
        until("it drains", async || {
            http_get(address, "/readyz").await == expected
        })
        .await;
        stream.finish().await.expect("an update");
    };
    tokio::join!(drains, service.shutdown());
}
