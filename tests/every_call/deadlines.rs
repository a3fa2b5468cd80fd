//! A call's deadline, kept by the service: callers here wait for as long as it takes.

use contact_lists::proto::{ListChannelsRequest, UpdateContactListContactsRequest as Message};
use test_support::*;

const MAIN_CALL: &str = "/contactlists.v1.ContactListService/UpdateContactListContacts";
const UNARY_CALL: &str = "/contactlists.v1.ChannelService/ListChannels";
const OPEN_STREAM: &str = "/grpc.health.v1.Health/Watch";

/// Far less than the service's own limits.
const SOON: &str = "200m";

on_both! {
    async fn a_stream_that_is_open_at_its_deadline_ends_and_changes_nothing(service: Service) {
        let list = service.admin().create_list("Customers").await;
        let before = service.state(&list).await;
        let message = Message {
            header: Some(header(&list).add()),
            contacts: contacts([1]),
            footer: None,
        };
        let (_, status) = service.call_with_deadline(MAIN_CALL, SOON, &framed(&message), false).await;
        assert_refused::<()>(Err(status), Code::DeadlineExceeded, "DEADLINE_EXCEEDED");
        assert_eq!(service.state(&list).await, before);
    }

    async fn a_unary_call_that_runs_at_its_deadline_ends(service: Service) {
        // Its message does not come.
        let (_, status) = service.call_with_deadline(UNARY_CALL, SOON, &[], false).await;
        assert_refused::<()>(Err(status), Code::DeadlineExceeded, "DEADLINE_EXCEEDED");
    }

    async fn a_stream_of_responses_ends_at_the_deadline(service: Service) {
        let watch = [0, 0, 0, 0, 0];
        let (received, status) = service.call_with_deadline(OPEN_STREAM, "3S", &watch, true).await;
        assert!(!received.is_empty(), "the health at the beginning");
        assert_refused::<()>(Err(status), Code::DeadlineExceeded, "DEADLINE_EXCEEDED");
    }

    async fn a_call_that_ends_before_its_deadline_succeeds(service: Service) {
        let request = framed(&ListChannelsRequest::default());
        for timeout in ["1H", "99999999H"] {
            let (received, status) = service.call_with_deadline(UNARY_CALL, timeout, &request, true).await;
            assert_eq!((status.code(), received.len()), (Code::Ok, 5));
        }
    }

    async fn a_malformed_deadline_is_ignored(service: Service) {
        let request = framed(&ListChannelsRequest::default());
        for timeout in ["", "soon", "-1S", "1"] {
            let (_, status) = service.call_with_deadline(UNARY_CALL, timeout, &request, true).await;
            assert_eq!(status.code(), Code::Ok, "{timeout:?}");
        }
    }
}
