//! Health and server reflection, which need no key.

use tokio_stream::StreamExt;
use tonic::{
    Status,
    transport::{Channel, Endpoint},
};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_reflection::pb::{v1, v1alpha};

use test_support::*;

const SERVICES: [&str; 5] = [
    "contactlists.v1.ChannelService",
    "contactlists.v1.CommunicationPreferenceService",
    "contactlists.v1.ContactListService",
    "contactlists.v1.ContactService",
    "contactlists.v1.CustomObjectService",
];

fn connect(service: &Service) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{}", service.address()));
    endpoint.expect("an address").connect_lazy()
}

async fn health(connection: &Channel, name: &str) -> Result<ServingStatus, Status> {
    let request = HealthCheckRequest {
        service: name.to_owned(),
    };
    let answer = HealthClient::new(connection.clone()).check(request).await?;
    Ok(answer.into_inner().status())
}

async fn until_health_is(connection: &Channel, name: &str, expected: ServingStatus) {
    until("health says so", async || {
        health(connection, name)
            .await
            .is_ok_and(|status| status == expected)
    })
    .await;
}

on_both! {
    async fn the_server_and_each_service_are_serving(service: Service) {
        let connection = connect(&service);
        for name in SERVICES.into_iter().chain([""]) {
            until_health_is(&connection, name, ServingStatus::Serving).await;
        }
    }

    async fn an_unknown_service_has_no_health(service: Service) {
        let status = health(&connect(&service), "contactlists.v1.Nothing").await.unwrap_err();
        assert_eq!(status.code(), Code::NotFound);
    }

    async fn a_message_without_a_key_has_at_most_4_kib(service: Service) {
        let connection = connect(&service);
        let taken = health(&connection, &"a".repeat(4000)).await.unwrap_err();
        assert_eq!(taken.code(), Code::NotFound);
        let refused = health(&connection, &"a".repeat(4096)).await.unwrap_err();
        assert_eq!(refused.code(), Code::OutOfRange);
    }

    async fn watchers_of_health_are_limited_and_leave_room_for_who_asks_once(service: Service) {
        let mut watches = Vec::new();
        // More than a connection may have at once: so on several.
        let refused = loop {
            assert!(watches.len() <= 256, "{} watches", watches.len());
            let mut client = HealthClient::new(connect(&service));
            match client.watch(HealthCheckRequest::default()).await {
                Ok(watch) => watches.push(watch),
                Err(status) => break status,
            }
        };
        assert_refused::<()>(Err(refused), Code::ResourceExhausted, "TOO_MANY_CALLS");
        until_health_is(&connect(&service), "", ServingStatus::Serving).await;
        drop(watches);
        until("a watcher has room again", async || {
            let mut client = HealthClient::new(connect(&service));
            client.watch(HealthCheckRequest::default()).await.is_ok()
        })
        .await;
    }

    async fn checks_whose_message_does_not_come_make_room_for_others(service: Service) {
        let check = "/grpc.health.v1.Health/Check";
        let mut waiting = Vec::new();
        // 64 at once on each connection.
        for _ in 0..17 {
            let mut connection = service.connect_by_hand(65_535).await;
            for stream in (0..64).map(|n| 2 * n + 1) {
                connection.begin(stream, check, "none").await.unwrap();
            }
            waiting.push(connection);
        }
        let refused = waiting[0].until(kind::HEADERS).await.expect("an end of the longest wait");
        assert_eq!(refused.flags & 1, 1, "the end of the stream");
        until_health_is(&connect(&service), "", ServingStatus::Serving).await;
    }

    async fn a_watcher_of_health_is_told_of_the_shutdown(service: Service) {
        let mut service = service;
        let connection = connect(&service);
        until_health_is(&connection, "", ServingStatus::Serving).await;
        let request = HealthCheckRequest::default();
        let mut client = HealthClient::new(connection);
        let mut changes = client.watch(request).await.unwrap().into_inner();
        let mut heard = Vec::new();
        let listen = async {
            // The server's end may cut the stream off; what was received before that counts.
            while let Some(Ok(change)) = changes.next().await {
                heard.push(change.status());
                if heard.last() == Some(&ServingStatus::NotServing) {
                    break;
                }
            }
            drop(changes);
            drop(client);
        };
        tokio::join!(listen, service.shutdown());
        assert_eq!(heard, [ServingStatus::Serving, ServingStatus::NotServing]);
    }

    async fn reflection_v1_lists_the_services(service: Service) {
        let request = v1::ServerReflectionRequest {
            host: String::new(),
            message_request: Some(v1::server_reflection_request::MessageRequest::ListServices(String::new())),
        };
        let mut client = v1::server_reflection_client::ServerReflectionClient::new(connect(&service));
        let answer = client.server_reflection_info(tokio_stream::iter([request])).await.unwrap();
        let answer = answer.into_inner().message().await.unwrap().expect("an answer");
        let Some(v1::server_reflection_response::MessageResponse::ListServicesResponse(list)) =
            answer.message_response
        else {
            panic!("{answer:?}");
        };
        assert_lists_the_services(list.service.into_iter().map(|service| service.name).collect());
    }

    async fn reflection_v1alpha_lists_the_services(service: Service) {
        let request = v1alpha::ServerReflectionRequest {
            host: String::new(),
            message_request: Some(v1alpha::server_reflection_request::MessageRequest::ListServices(String::new())),
        };
        let mut client = v1alpha::server_reflection_client::ServerReflectionClient::new(connect(&service));
        let answer = client.server_reflection_info(tokio_stream::iter([request])).await.unwrap();
        let answer = answer.into_inner().message().await.unwrap().expect("an answer");
        let Some(v1alpha::server_reflection_response::MessageResponse::ListServicesResponse(list)) =
            answer.message_response
        else {
            panic!("{answer:?}");
        };
        assert_lists_the_services(list.service.into_iter().map(|service| service.name).collect());
    }

    /// What grpcurl asks before it can send a message.
    async fn reflection_describes_the_main_call(service: Service) {
        let symbol = "contactlists.v1.ContactListService.UpdateContactListContacts".to_owned();
        let request = v1::ServerReflectionRequest {
            host: String::new(),
            message_request: Some(
                v1::server_reflection_request::MessageRequest::FileContainingSymbol(symbol),
            ),
        };
        let mut client = v1::server_reflection_client::ServerReflectionClient::new(connect(&service));
        let answer = client.server_reflection_info(tokio_stream::iter([request])).await.unwrap();
        let answer = answer.into_inner().message().await.unwrap().expect("an answer");
        let Some(v1::server_reflection_response::MessageResponse::FileDescriptorResponse(files)) =
            answer.message_response
        else {
            panic!("{answer:?}");
        };
        assert!(!files.file_descriptor_proto.is_empty());
    }
}

#[track_caller]
fn assert_lists_the_services(names: Vec<String>) {
    for name in SERVICES.into_iter().chain(["grpc.health.v1.Health"]) {
        assert!(
            names.iter().any(|listed| listed == name),
            "{name} is not in {names:?}"
        );
    }
}
