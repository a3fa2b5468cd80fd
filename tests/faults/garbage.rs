//! Clients that send no valid call, or that vanish. Each is told what is wrong as far as possible, and no other client is
//! disturbed.

use std::time::Duration;

use contact_lists::proto::UpdateContactListContactsRequest as Message;
use futures_util::future::join_all;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::timeout,
};

use test_support::*;

use crate::helpers::{assert_whole, numbered_contacts, read};

/// A gRPC frame, valid or not.
fn grpc_frame(flag: u8, length: u32, payload: &[u8]) -> Vec<u8> {
    [&[flag][..], &length.to_be_bytes(), payload].concat()
}

fn random_bytes(random: &mut Random, most: usize) -> Vec<u8> {
    let count = 1 + random.below(most);
    (0..count).map(|_| random.below(256) as u8).collect()
}

/// Writes bytes to a new connection and reads the answer, until the server ends the connection or sends no more.
async fn write_to(service: &Service, bytes: &[u8]) {
    let mut connection = TcpStream::connect(service.address())
        .await
        .expect("a server");
    // The server may end it before it has taken everything.
    let _ = connection.write_all(bytes).await;
    let _ = connection.shutdown().await;
    let mut answer = Vec::new();
    let _ = timeout(Duration::from_secs(1), connection.read_to_end(&mut answer)).await;
}

on_both! {
    async fn invalid_frames_are_refused_as_the_callers_mistake(service: Service) {
        let list = service.admin().create_list("Garbage").await;
        let before = service.state(&list).await;
        let gzip = [("grpc-encoding", "gzip")];
        let good = prost::Message::encode_to_vec(&messages(header(&list).add(), numbered_contacts(0, 5))[0]);
        let length = good.len() as u32;
        let twice = [grpc_frame(0, length, &good), grpc_frame(0, length + 1, &good)].concat();
        let head = [grpc_frame(0, length, &good), grpc_frame(0, length, &[])].concat();
        let wrong = [
            ("half a frame's header", vec![0, 0, 0], "MESSAGE_MALFORMED"),
            ("a frame longer than what comes", grpc_frame(0, length + 1, &good), "MESSAGE_MALFORMED"),
            ("a good frame, then one that is cut", twice, "MESSAGE_MALFORMED"),
            ("a good frame, then a header alone", head, "MESSAGE_MALFORMED"),
            ("a frame shorter than its message", grpc_frame(0, length - 1, &good[..good.len() - 1]), "MESSAGE_MALFORMED"),
            ("an unknown flag", grpc_frame(7, length, &good), "MESSAGE_MALFORMED"),
            ("a frame that is compressed in an unnamed way", grpc_frame(1, length, &good), "MESSAGE_MALFORMED"),
            ("no protobuf", grpc_frame(0, 4, &[0xff; 4]), "MESSAGE_MALFORMED"),
        ];
        for (what, body, reason) in wrong {
            let status = service.post_raw(&[], body).await;
            assert_eq!((what, status.code()), (what, Code::InvalidArgument), "{status:?}");
            assert_refused::<()>(Err(status), Code::InvalidArgument, reason);
        }
        let status = service.post_raw(&[], grpc_frame(0, u32::MAX, &good)).await;
        assert_refused::<()>(Err(status), Code::ResourceExhausted, "MESSAGE_TOO_LARGE");
        let status = service.post_raw(&gzip, grpc_frame(1, length, &good)).await;
        assert_refused::<()>(Err(status), Code::InvalidArgument, "MESSAGE_MALFORMED");
        let status = service.post_raw(&[("grpc-encoding", "br")], grpc_frame(1, length, &good)).await;
        let status = assert_refused::<()>(Err(status), Code::Unimplemented, "COMPRESSION_UNSUPPORTED");
        assert_eq!(metadata(&status, "grpc_encoding"), "br");
        assert!(service.state(&list).await == before, "nothing was changed");
    }

    async fn a_contact_that_is_not_utf_8_is_refused_with_the_number_of_its_message(service: Service) {
        let list = service.admin().create_list("Garbage").await;
        let before = service.state(&list).await;
        let first = Message { footer: None, ..messages(header(&list).add(), numbered_contacts(0, 5))[0].clone() };
        let good = prost::Message::encode_to_vec(&first);
        // A contact with a phone, and a name in Latin-1.
        let contact = b"\x22\x0c+14155552001\x3a\x06M\xfcller";
        let message = [&[0x12, contact.len() as u8], contact.as_slice()].concat();
        let body = [grpc_frame(0, good.len() as u32, &good), grpc_frame(0, message.len() as u32, &message)].concat();
        let status = service.post_raw(&[], body).await;
        let status = assert_refused::<()>(Err(status), Code::InvalidArgument, "MESSAGE_MALFORMED");
        assert_eq!(metadata(&status, "message_index"), "1");
        assert!(service.state(&list).await == before, "nothing was changed");
    }

    async fn random_bytes_are_refused_and_are_never_a_defect(service: Service) {
        let seed = Seed::from_env();
        let mut random = seed.random(0);
        let list = service.admin().create_list("Garbage").await;
        let before = service.state(&list).await;
        for round in 0..150 {
            let payload = random_bytes(&mut random, 60);
            let is_framed = round % 3 > 0;
            let body = if is_framed { grpc_frame(0, payload.len() as u32, &payload) } else { payload };
            let status = service.post_raw(&[], body.clone()).await;
            let expected = [Code::InvalidArgument, Code::ResourceExhausted];
            assert!(expected.contains(&status.code()), "{body:x?}: {status:?}");
        }
        assert!(service.state(&list).await == before, "nothing was changed");
    }

    async fn connections_that_speak_another_protocol_disturb_no_other(service: Service) {
        let seed = Seed::from_env();
        let mut random = seed.random(0);
        let (admin, mut writing) = (service.admin(), JoinSet::new());
        let list = admin.create_list("Garbage").await;
        for round in 0..40_u32 {
            let noise = random_bytes(&mut random, 4000);
            let bytes = match round % 4 {
                0 => noise,
                1 => [PREFACE, &noise].concat(),
                2 => [PREFACE, &frame(4, 0, 0, &[]), &frame(random.below(12) as u8, random.below(256) as u8, random.below(4) as u32, &noise)].concat(),
                _ => format!("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", noise.len()).into_bytes(),
            };
            let address = service.address();
            writing.spawn(async move {
                let mut connection = TcpStream::connect(address).await.expect("a server");
                let _ = connection.write_all(&bytes).await;
                connection
            });
            admin.update(header(&list).add(), numbered_contacts(round * 10, 10)).await.expect("no other caller is disturbed");
        }
        drop(writing.join_all().await);
        write_to(&service, PREFACE).await;
        assert_eq!(admin.list(&list).await.contact_count, 400);
        assert_whole(&service, &list).await;
    }

    /// The server learns of the end by a reset, in the middle of the stream.
    async fn callers_whose_connections_are_reset_leave_nothing_behind(database: Database) {
        let service = Service::start_with(database, &["--max-calls", "4"]).await;
        let admin = service.admin();
        let list = admin.create_list("Garbage").await;
        let before = service.state(&list).await;
        let message = Message {
            header: Some(header(&list).add()),
            contacts: numbered_contacts(0, 50),
            footer: None,
        };
        for _ in 0..8 {
            // One more as long as calls are admitted, as one that comes beside the reading call is refused.
            let mut connections = Vec::new();
            while read(&admin).await.is_ok() {
                connections.push(service.begin_by_hand(&message).await);
                assert!(connections.len() < 400, "they don't count as running calls");
            }
            assert!(connections.len() >= 4, "they count as running calls");
            for connection in connections {
                connection.set_zero_linger().expect("a reset at the end");
            }
            until("they no longer count as running calls", async || {
                let streams = (0..4).map(|_| admin.open(header(&list).add().validate_only()));
                let mut are_all_open = true;
                for stream in join_all(streams).await {
                    stream.send_contacts(numbered_contacts(0, 1)).await;
                    are_all_open &= stream.finish().await.is_ok();
                }
                are_all_open
            }).await;
        }
        assert!(service.state(&list).await == before, "nothing was changed");
    }
}
