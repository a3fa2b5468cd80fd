//! Request bodies: how long and how slowly they may arrive, and how much memory they may take.

use contact_lists::proto::{CreateChannelRequest, ListChannelsRequest};
use test_support::*;

const MAIN_CALL: &str = "/contactlists.v1.ContactListService/UpdateContactListContacts";
const UNARY_CALL: &str = "/contactlists.v1.ChannelService/CreateChannel";

/// One second instead of half a minute.
const IMPATIENT: [&str; 2] = ["--stream-idle-seconds", "1"];

/// Waits until the service ends a call, whose response has headers only.
async fn ended(connection: &mut ByHand) {
    let end = connection
        .until(kind::HEADERS)
        .await
        .expect("an end of the call");
    assert_eq!(end.flags & 1, 1, "the end of the stream");
}

async fn has_free_permit(client: &Client) -> bool {
    let request = ListChannelsRequest::default();
    client.channels.clone().list_channels(request).await.is_ok()
}

on_both! {
    async fn a_call_whose_body_does_not_come_gives_its_permit_back(database: Database) {
        let args = [&IMPATIENT[..], &["--max-calls-per-key", "2"]].concat();
        let service = Service::start_with(database, &args).await;
        let key = service.key(Scope::Write).await;
        let client = service.client(&key);
        let mut silent = service.connect_by_hand(65_535).await;
        silent.begin(1, UNARY_CALL, &key).await.unwrap();
        silent.begin(3, MAIN_CALL, &key).await.unwrap();
        for _ in 0..2 {
            ended(&mut silent).await;
        }
        until("a permit is free", async || has_free_permit(&client).await).await;
    }

    async fn a_unary_call_that_stops_inside_its_message_ends(database: Database) {
        let service = Service::start_with(database, &IMPATIENT).await;
        let key = service.key(Scope::Write).await;
        let mut silent = service.connect_by_hand(65_535).await;
        silent.begin(1, UNARY_CALL, &key).await.unwrap();
        let request = CreateChannelRequest { name: "Reception".to_owned(), ..Default::default() };
        let message = framed(&request);
        silent.write(&frame(kind::DATA, 0, 1, &message[..message.len() - 1])).await.unwrap();
        ended(&mut silent).await;
    }

    async fn a_stream_that_trickles_is_ended_like_a_silent_one(database: Database) {
        let args = [&IMPATIENT[..], &["--min-stream-bytes-per-second", "1000000"]].concat();
        let service = Service::start_with(database, &args).await;
        let admin = service.admin();
        let list = admin.create_list("Trickle").await;
        let mut stream = admin.open(header(&list).add()).await;
        let sent = std::cell::Cell::new(0);
        until("the stream is ended", async || {
            sent.set(sent.get() + 1);
            stream.send_contacts(vec![contact(&number(sent.get()))]).await;
            stream.has_ended()
        }).await;
        assert_refused(stream.answer().await, Code::DeadlineExceeded, "STREAM_IDLE");
    }

    async fn a_body_in_frames_of_one_byte_is_read(service: Service) {
        let key = service.key(Scope::Write).await;
        let mut slow = service.connect_by_hand(65_535).await;
        slow.begin(1, UNARY_CALL, &key).await.unwrap();
        let phone = Some("+12025550123".to_owned());
        let request = CreateChannelRequest { name: "x".repeat(200), phone, ..Default::default() };
        let message = framed(&request);
        let frames = message.iter().enumerate().map(|(n, byte)| {
            frame(kind::DATA, (n + 1 == message.len()).into(), 1, &[*byte])
        });
        slow.write(&frames.collect::<Vec<_>>().concat()).await.unwrap();
        ended(&mut slow).await;
    }

    /// The budget for messages of the key's is used up, and nobody reads what comes.
    async fn small_frames_of_a_call_that_waits_hold_up_no_other_on_its_connection(database: Database) {
        let service = Service::start(database).await;
        let key = service.key(Scope::Write).await;
        let mut announcing = service.connect_by_hand(65_535).await;
        let announced = [&[0][..], &(4 * 1024 * 1024_u32).to_be_bytes()].concat();
        for stream in (0..17).map(|n| 2 * n + 1) {
            announcing.begin(stream, MAIN_CALL, &key).await.unwrap();
            announcing.write(&frame(kind::DATA, 0, stream, &announced)).await.unwrap();
        }
        let bytes = frame(kind::DATA, 0, 33, &[0]).repeat(100_000);
        announcing.write(&bytes).await.unwrap();
        announcing.begin(35, UNARY_CALL, &key).await.unwrap();
        announcing.send(35, &CreateChannelRequest::default(), true).await.unwrap();
        let answered = announcing.until(kind::HEADERS).await.expect("a response");
        assert_eq!(answered.stream, 35);
    }

    /// Sixteen messages of the largest size may arrive at once with one key.
    async fn messages_that_are_only_announced_keep_no_other_key_waiting(database: Database) {
        let service = Service::start_with(database, &["--stream-idle-seconds", "2"]).await;
        let key = service.key(Scope::Write).await;
        let mut announcing = service.connect_by_hand(65_535).await;
        let announced = [&[0][..], &(4 * 1024 * 1024_u32).to_be_bytes(), b"and no more"].concat();
        for stream in (0..20).map(|n| 2 * n + 1) {
            announcing.begin(stream, MAIN_CALL, &key).await.unwrap();
            announcing.write(&frame(kind::DATA, 0, stream, &announced)).await.unwrap();
        }
        let admin = service.admin();
        let list = admin.create_list("Large").await;
        let people = (0..4000).map(|n| contact(&number(n)).name(&"x".repeat(200))).collect();
        assert_eq!(admin.update(header(&list).add(), people).await.unwrap().created_count, 4000);
        for _ in 0..20 {
            ended(&mut announcing).await;
        }
    }
}
