//! Stalled streams that hold as much as they may.

use test_support::*;

use crate::helpers::{behind_a_relay, read};

/// How much the service lets a client send on a stream that it does not read.
const WINDOW_BYTES: usize = 384 * 1024;

/// So few that even a slow machine has read them all before the calls fail for want of the database; more than h2 would take
/// with windows as it makes them by itself.
const STREAMS: u32 = 4;

const MAIN_CALL: &str = "/contactlists.v1.ContactListService/UpdateContactListContacts";

/// As much as a stream may hold, in messages of one contact, each in a frame of its own.
fn full_window(stream: u32) -> Vec<u8> {
    let message = [0; 30];
    let one = frame(kind::DATA, 0, stream, &message);
    one.repeat(WINDOW_BYTES / message.len())
}

on_both! {
    /// While the database does not answer, nothing takes what callers send.
    async fn a_connection_lives_on_when_its_streams_stand_still_full_of_small_frames(database: Database) {
        let Some((service, relay)) = behind_a_relay(database, &[]).await else { return };
        let admin = service.admin();
        until("calls are answered", async || read(&admin).await.is_ok()).await;
        let key = service.key(Scope::Write).await;
        let mut crowd = service.connect_by_hand(0).await;
        relay.freeze();
        for stream in (0..STREAMS).map(|n| 2 * n + 1) {
            crowd.begin(stream, MAIN_CALL, &key).await.unwrap();
            crowd.write(&full_window(stream)).await.unwrap();
        }
        crowd.write(&frame(kind::PING, 0, 0, b"at last.")).await.unwrap();
        loop {
            let frame = crowd.next().await.expect("a connection");
            assert_ne!(frame.kind, kind::GOAWAY);
            if frame.kind == kind::PING && frame.payload == b"at last." {
                break;
            }
        }
        relay.mend();
        until("calls are answered", async || read(&admin).await.is_ok()).await;
    }
}
