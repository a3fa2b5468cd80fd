//! The `request_id`: a call is applied once, and can be looked up.

use super::*;

on_both! {
    async fn the_same_call_again_gets_the_recorded_answer_and_changes_nothing(service: Service) {
        let it = set_up(&service).await;
        let header = opt_out_header(&[&it.a]).identified(&new_id());
        let first = it.admin.opt_out_contacts(header.clone(), by_numbers(1..4)).await.unwrap();
        it.change_one(true, 1, Some(&it.a)).await;
        let split = opt_out_messages(header.clone(), Vec::new()).into_iter().take(1).map(|message| Message {
            footer: None,
            ..message
        });
        let one_by_one = by_numbers(1..4).into_iter().map(|contact| Message {
            contacts: vec![contact],
            ..Message::default()
        });
        let mut messages: Vec<Message> = split.chain(one_by_one).collect();
        messages[3].footer = opt_out_messages(header, by_numbers(1..4)).pop().unwrap().footer;
        let again = it.admin.send_opt_outs(messages).await.unwrap();
        assert_eq!(again, Outcome { replayed: true, ..first });
        assert_eq!(it.opt_states(1).await, [(it.a.clone(), true)]);
    }

    async fn other_input_under_the_same_id_is_refused(service: Service) {
        let it = set_up(&service).await;
        let id = new_id();
        let header = opt_out_header(&[&it.a]).identified(&id);
        it.admin.opt_out_contacts(header.clone(), by_numbers(1..4)).await.unwrap();
        let other_header = opt_out_header(&[&it.b]).identified(&id);
        let others = [(header.clone(), by_numbers(1..3)), (header, by_numbers(2..5)), (other_header, by_numbers(1..4))];
        for (header, contacts) in others {
            let refused = it.admin.opt_out_contacts(header, contacts).await;
            assert_refused(refused, Code::InvalidArgument, "REQUEST_ID_REUSED");
        }
    }

    async fn a_recorded_call_is_replayed_even_when_its_channel_is_gone(service: Service) {
        let it = set_up(&service).await;
        let header = opt_out_header(&[&it.a]).identified(&new_id());
        let first = it.admin.opt_out_contacts(header.clone(), by_numbers(1..4)).await.unwrap();
        let request = contact_lists::proto::DeleteChannelRequest { id: it.a.clone() };
        it.admin.channels.clone().delete_channel(request).await.unwrap();
        let again = it.admin.opt_out_contacts(header, by_numbers(1..4)).await.unwrap();
        assert_eq!(again, Outcome { replayed: true, ..first });
    }

    async fn a_recorded_call_is_found_by_its_request_id(service: Service) {
        let it = set_up(&service).await;
        let id = new_id();
        assert_refused(recorded(&it.admin, &id).await, Code::NotFound, "RESOURCE_NOT_FOUND");
        let header = opt_out_header(&[]).skip_rejected().identified(&id);
        let named = everyone([number(1).as_str(), "no-such-id"]);
        let outcome = it.admin.opt_out_contacts(header, named).await.unwrap();
        let found = recorded(&it.admin, &id).await.unwrap();
        assert_eq!((found.request_id, found.outcome), (id.clone(), Some(outcome)));
        let other = service.other_admin().await;
        assert_refused(recorded(&other, &id).await, Code::NotFound, "RESOURCE_NOT_FOUND");
    }

    async fn of_two_such_calls_at_once_one_is_applied_and_one_replayed(service: Service) {
        let it = set_up(&service).await;
        let header = opt_out_header(&[&it.a]).identified(&new_id());
        let calls = [(); 2].map(|()| {
            let (caller, header) = (service.admin(), header.clone());
            tokio::spawn(async move { caller.opt_out_contacts(header, by_numbers(1..40)).await })
        });
        let mut replayed = 0;
        for call in calls {
            replayed += i32::from(call.await.unwrap().unwrap().replayed);
        }
        assert_eq!(replayed, 1);
        assert_eq!(recorded_count(&service).await, 1);
    }

    async fn without_a_request_id_nothing_is_recorded(service: Service) {
        let it = set_up(&service).await;
        it.admin.opt_out_contacts(opt_out_header(&[&it.a]), by_numbers(1..4)).await.unwrap();
        assert_eq!(recorded_count(&service).await, 0);
    }
}
