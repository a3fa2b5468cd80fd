//! How a stream is framed: every complete stream of the same contacts has the same outcome, and an incomplete one changes
//! nothing.

use contact_lists::proto::{
    Contact, UpdateContactListContactsFooter as Footer, UpdateContactListContactsHeader as Header,
    UpdateContactListContactsRequest as Message, UpdateContactListContactsResponse as Outcome,
};

use test_support::*;

const PATH: &str = "/contactlists.v1.ContactListService/UpdateContactListContacts";

fn with_header(header: Header) -> Message {
    Message {
        header: Some(header),
        ..Message::default()
    }
}

fn with_contacts(contacts: &[Contact]) -> Message {
    Message {
        contacts: contacts.to_vec(),
        ..Message::default()
    }
}

fn with_footer(contact_count: i32) -> Message {
    Message {
        footer: Some(Footer { contact_count }),
        ..Message::default()
    }
}

/// Sends a stream that holds the first `count` numbers, each once, for a new list; checks the answer and the list.
async fn assert_all_added(service: &Service, count: u32, stream: impl Fn(Header) -> Vec<Message>) {
    let admin = service.admin();
    let list = admin.create_list("Shapes").await;
    let outcome = admin.send(stream(header(&list).add())).await.unwrap();
    let count_of = i32::try_from(count).unwrap();
    assert_eq!(
        (
            outcome.received_count,
            outcome.created_count,
            outcome.added_count
        ),
        (count_of, count_of, count_of)
    );
    assert_eq!(phones(&admin.members(&list).await), numbers(0..count));
    assert_eq!(admin.list(&list).await.contact_count, count_of);
}

/// Sends an incomplete stream to a list with a member, and checks that it is refused for this reason and changes nothing.
async fn assert_changes_nothing(
    service: &Service,
    stream: impl Fn(Header) -> Vec<Message>,
    reason: &str,
    expected: &[(&str, &str)],
) {
    let admin = service.admin();
    let list = admin.create_list("Kept").await;
    admin.create_channel("+12025550100").await;
    let member = contact(&number(0)).name("Ada");
    admin
        .update(header(&list).add(), vec![member])
        .await
        .unwrap();
    let before = service.state(&list).await;
    let refused = admin.send(stream(header(&list))).await;
    let status = assert_refused(refused, Code::InvalidArgument, reason);
    for (key, value) in expected {
        assert_eq!(metadata(&status, key), *value, "{key} of {status:?}");
    }
    assert_eq!(service.state(&list).await, before);
}

/// Cuts contacts into messages at places that a seed picks; the header and the footer come alone or with contacts.
fn split(header: Header, contacts: &[Contact], mut seed: u64) -> Vec<Message> {
    let mut pick = |below: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % below
    };
    let mut messages = vec![with_header(header)];
    let mut rest = contacts;
    if pick(2) == 0 {
        messages[0].contacts = rest[..1].to_vec();
        rest = &rest[1..];
    }
    while !rest.is_empty() {
        let size = 1 + pick(rest.len().min(40) as u64) as usize;
        messages.push(with_contacts(&rest[..size]));
        rest = &rest[size..];
    }
    let footer = with_footer(contacts.len().try_into().unwrap());
    match pick(2) {
        0 => messages.push(footer),
        _ => messages.last_mut().unwrap().footer = footer.footer,
    }
    messages
}

/// An outcome without what differs between two lists.
fn counts(outcome: Outcome) -> Outcome {
    Outcome {
        update_id: String::new(),
        contact_list: None,
        ..outcome
    }
}

on_both! {
    async fn one_message_can_carry_everything(service: Service) {
        assert_all_added(&service, 3, |header| vec![Message {
            header: Some(header),
            contacts: contacts(0..3),
            footer: Some(Footer { contact_count: 3 }),
        }]).await;
    }

    async fn the_header_can_come_alone(service: Service) {
        assert_all_added(&service, 3, |header| vec![with_header(header), with_contacts(&contacts(0..3))]).await;
    }

    async fn the_footer_can_come_alone(service: Service) {
        assert_all_added(&service, 3, |header| {
            vec![with_header(header), with_contacts(&contacts(0..3)), with_footer(3)]
        }).await;
    }

    async fn the_footers_message_can_carry_contacts(service: Service) {
        assert_all_added(&service, 5, |header| {
            let people = contacts(0..5);
            let last = Message { contacts: people[3..].to_vec(), ..with_footer(5) };
            vec![with_header(header), with_contacts(&people[..3]), last]
        }).await;
    }

    async fn all_contacts_can_come_in_the_headers_message_before_a_lone_footer(service: Service) {
        assert_all_added(&service, 5, |header| {
            vec![Message { contacts: contacts(0..5), ..with_header(header) }, with_footer(5)]
        }).await;
    }

    async fn a_thousand_messages_of_five_are_one_update(database: Database) {
        let service = Service::start_with(database, &["--max-contacts", "5000"]).await;
        assert_all_added(&service, 5000, |header| {
            let people = contacts(0..5000);
            let contacts = people.chunks(5).map(with_contacts);
            [with_header(header)].into_iter().chain(contacts).collect()
        }).await;
    }

    async fn four_thousand_contacts_fit_in_one_message(service: Service) {
        assert_all_added(&service, 4000, |header| {
            vec![Message { contacts: contacts(0..4000), ..with_header(header) }]
        }).await;
    }

    async fn how_a_stream_is_split_into_messages_changes_nothing_about_its_outcome(service: Service) {
        let admin = service.admin();
        let stored = admin.create_list("Stored").await;
        let old: Vec<_> = contacts(0..40).into_iter().map(|one| one.name("Old")).collect();
        admin.update(header(&stored).add(), old).await.unwrap();
        let mut contacts = contacts(0..120);
        contacts.extend((60..90).map(|n| contact(&number(n)).name("Twice")));
        contacts.push(contact("not a number"));
        let list = |name: &'static str| admin.create_list(name);
        let whole = list("Whole").await;
        let header_of = |id: &str| header(id).overwrite().skip().validate_only();
        let expected = counts(admin.update(header_of(&whole), contacts.clone()).await.unwrap());
        assert_eq!(
            (expected.created_count, expected.unchanged_count, expected.duplicate_count, expected.rejected_count),
            (80, 40, 30, 1)
        );
        for seed in 1..=20 {
            let outcome = admin.send(split(header_of(&whole), &contacts, seed)).await.unwrap();
            assert_eq!(counts(outcome), expected, "with seed {seed}");
        }
    }

    async fn a_stream_needs_a_message(service: Service) {
        assert_changes_nothing(&service, |_| vec![], "HEADER_MISSING", &[]).await;
    }

    async fn a_stream_needs_a_header(service: Service) {
        assert_changes_nothing(&service, |_| vec![with_contacts(&contacts(0..2))], "HEADER_MISSING", &[]).await;
    }

    async fn a_header_in_a_later_message_only_is_too_late(service: Service) {
        let stream = |header: Header| vec![with_contacts(&contacts(0..2)), with_header(header.add())];
        assert_changes_nothing(&service, stream, "HEADER_MISSING", &[]).await;
    }

    async fn a_second_header_is_refused(service: Service) {
        let stream = |header: Header| {
            let header = header.add();
            vec![with_header(header.clone()), with_contacts(&contacts(0..2)), with_header(header)]
        };
        assert_changes_nothing(&service, stream, "HEADER_REPEATED", &[("message_index", "2")]).await;
    }

    async fn empty_messages_are_ignored_wherever_they_stand(service: Service) {
        assert_all_added(&service, 2, |header| {
            let parts = [with_header(header), with_contacts(&contacts(0..2)), with_footer(2)];
            let each_between_empty_ones = parts.map(|it| [Message::default(), it, Message::default()]);
            each_between_empty_ones.concat()
        })
        .await;
    }

    async fn a_message_after_the_footer_is_refused(service: Service) {
        let stream = |header: Header| {
            let all = Message { contacts: contacts(0..2), ..with_header(header.add()) };
            vec![all, with_footer(2), with_contacts(&contacts(0..1))]
        };
        assert_changes_nothing(&service, stream, "MESSAGE_AFTER_FOOTER", &[("message_index", "2")]).await;
    }

    async fn a_second_footer_is_refused(service: Service) {
        let stream = |header: Header| {
            let all = Message { contacts: contacts(0..2), ..with_header(header.add()) };
            vec![all, with_footer(2), with_footer(2)]
        };
        assert_changes_nothing(&service, stream, "MESSAGE_AFTER_FOOTER", &[("message_index", "2")]).await;
    }

    async fn a_stream_needs_contacts(service: Service) {
        assert_changes_nothing(&service, |header| vec![with_header(header.add())], "NO_CONTACTS", &[]).await;
    }

    async fn an_overwrite_without_contacts_empties_no_list(service: Service) {
        let stream = |header: Header| vec![with_header(header.overwrite()), with_footer(0)];
        assert_changes_nothing(&service, stream, "NO_CONTACTS", &[]).await;
    }

    async fn an_overwrite_needs_a_footer(service: Service) {
        let stream = |header: Header| vec![with_header(header.overwrite()), with_contacts(&contacts(0..2))];
        assert_changes_nothing(&service, stream, "STREAM_INCOMPLETE", &[("received_count", "2"), ("contact_count", "")])
            .await;
    }

    async fn a_footer_that_counts_more_than_arrived_is_refused(service: Service) {
        let stream = |header: Header| {
            vec![with_header(header.add()), with_contacts(&contacts(0..2)), with_footer(3)]
        };
        assert_changes_nothing(&service, stream, "STREAM_INCOMPLETE", &[("received_count", "2"), ("contact_count", "3")])
            .await;
    }

    async fn a_footer_that_counts_less_than_arrived_is_refused(service: Service) {
        let stream = |header: Header| {
            vec![with_header(header.remove()), with_contacts(&contacts(0..2)), with_footer(1)]
        };
        assert_changes_nothing(&service, stream, "STREAM_INCOMPLETE", &[("received_count", "2"), ("contact_count", "1")])
            .await;
    }

    async fn a_negative_footer_is_refused(service: Service) {
        let stream = |header: Header| {
            vec![with_header(header.overwrite()), with_contacts(&contacts(0..2)), with_footer(-2)]
        };
        assert_changes_nothing(&service, stream, "STREAM_INCOMPLETE", &[("received_count", "2"), ("contact_count", "-2")])
            .await;
    }

    async fn bad_contacts_do_not_hide_that_a_stream_is_incomplete(service: Service) {
        let stream = |header: Header| {
            vec![with_header(header.add()), with_contacts(&[contact("bad")]), with_footer(7)]
        };
        assert_changes_nothing(&service, stream, "STREAM_INCOMPLETE", &[("received_count", "1")]).await;
    }

    async fn a_header_needs_an_action(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("Kept").await;
        let refused = admin.update(header(&list), contacts(0..1)).await;
        assert_invalid(refused, "header.action", "FIELD_REQUIRED");
        assert_eq!(service.rows("SELECT count(*) FROM contacts").await, 0);
    }

    async fn an_unknown_action_is_refused(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("Kept").await;
        let refused = admin.update(Header { action: 4, ..header(&list) }, contacts(0..1)).await;
        assert_invalid(refused, "header.action", "FIELD_INVALID");
        assert_eq!(service.rows("SELECT count(*) FROM contacts").await, 0);
    }

    async fn an_unknown_rejection_policy_is_refused(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("Kept").await;
        let unknown = Header { rejection_policy: -1, ..header(&list).add() };
        let refused = admin.update(unknown, contacts(0..1)).await;
        assert_invalid(refused, "header.rejection_policy", "FIELD_INVALID");
        assert_eq!(service.rows("SELECT count(*) FROM contacts").await, 0);
    }

    async fn a_malformed_list_id_is_refused(service: Service) {
        let refused = service.admin().update(header("Newsletter").add(), contacts(0..1)).await;
        assert_invalid(refused, "header.contact_list_id", "FIELD_INVALID");
        assert_eq!(service.rows("SELECT count(*) FROM contacts").await, 0);
    }

    async fn a_missing_list_id_is_refused(service: Service) {
        let refused = service.admin().update(header("").add(), contacts(0..1)).await;
        assert_invalid(refused, "header.contact_list_id", "FIELD_REQUIRED");
        assert_eq!(service.rows("SELECT count(*) FROM contacts").await, 0);
    }

    async fn all_that_is_wrong_with_a_header_is_reported(service: Service) {
        let bad = header("Newsletter").request_id("once").custom_object("customer");
        let refused = service.admin().update(bad, contacts(0..1)).await;
        let status = assert_refused(refused, Code::InvalidArgument, "REQUEST_INVALID");
        let mut fields: Vec<_> = violations(&status).into_iter().map(|(field, _)| field).collect();
        fields.sort();
        assert_eq!(
            fields,
            ["header.action", "header.contact_list_id", "header.custom_object_id", "header.request_id"]
        );
    }

    async fn bytes_that_are_no_message_are_refused(service: Service) {
        let key = format!("Bearer {}", service.key(Scope::Write).await);
        let refused = service.call_raw(PATH, Some(&key), b"\xff\xff\xff no message").await;
        assert_refused(refused, Code::InvalidArgument, "MESSAGE_MALFORMED");
    }
}
