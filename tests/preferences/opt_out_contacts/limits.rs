//! The stream's framing and limits: what is not whole changes nothing.

use contact_lists::proto::OptOutContactsFooter as Footer;

use super::*;

on_both! {
    async fn a_stream_without_its_true_footer_changes_nothing(service: Service) {
        let it = set_up(&service).await;
        for footer in [None, Some(Footer { contact_count: 4 })] {
            let mut messages = opt_out_messages(opt_out_header(&[&it.a]), by_numbers(1..4));
            messages.last_mut().unwrap().footer = footer;
            let refused = it.admin.send_opt_outs(messages).await;
            assert_refused(refused, Code::InvalidArgument, "STREAM_INCOMPLETE");
        }
        assert_eq!(preference_count(&service).await, 0);
    }

    async fn the_header_comes_first_and_nothing_after_the_footer(service: Service) {
        let it = set_up(&service).await;
        let whole = opt_out_messages(opt_out_header(&[&it.a]), by_numbers(1..4));
        let (first, last) = (whole[0].clone(), whole[1].clone());
        for (messages, reason) in [
            (vec![last.clone()], "HEADER_MISSING"),
            (vec![], "HEADER_MISSING"),
            (vec![first.clone(), first.clone(), last.clone()], "HEADER_REPEATED"),
            (vec![first.clone(), last.clone(), last], "MESSAGE_AFTER_FOOTER"),
            (opt_out_messages(opt_out_header(&[&it.a]), Vec::new()), "NO_CONTACTS"),
        ] {
            assert_refused(it.admin.send_opt_outs(messages).await, Code::InvalidArgument, reason);
        }
        assert_eq!(preference_count(&service).await, 0);
    }

    async fn the_most_contacts_are_those_of_an_update(database: Database) {
        let service = Service::start_with(database, &["--max-contacts", "3"]).await;
        let admin = service.admin();
        let refused = admin.opt_out_contacts(opt_out_header(&[]), by_numbers(0..4)).await;
        let status = assert_refused(refused, Code::InvalidArgument, "CONTACT_LIMIT_EXCEEDED");
        assert_eq!(metadata(&status, "limit"), "3");
        assert_eq!(preference_count(&service).await, 0);
        let outcome = admin.opt_out_contacts(opt_out_header(&[]), by_numbers(0..3)).await.unwrap();
        assert_eq!(outcome.opted_out_count, 3);
    }

    async fn a_contact_that_is_too_large_is_rejected(service: Service) {
        let it = set_up(&service).await;
        let large = opted_out_by(&number(1), contact_lists::proto::Consent {
            evidence: "x".repeat(64 * 1024),
            ..Default::default()
        });
        let header = opt_out_header(&[&it.a]).skip_rejected();
        let outcome = it.admin.opt_out_contacts(header, vec![large]).await.unwrap();
        let expected = [(0, "", "CONTACT_TOO_LARGE"), (0, "consent.evidence", "FIELD_TOO_LONG")];
        assert_eq!(rejected(&outcome.rejected_contacts), expected);
    }

    async fn a_full_spool_refuses_the_call(database: Database) {
        let service = Service::start_with(database, &["--max-spool-bytes", "2000"]).await;
        let admin = service.admin();
        let refused = admin.opt_out_contacts(opt_out_header(&[]), by_numbers(0..100)).await;
        assert_refused(refused, Code::ResourceExhausted, "SPOOL_FULL");
        assert_eq!(preference_count(&service).await, 0);
    }

    async fn a_caller_that_leaves_in_the_middle_changes_nothing(service: Service) {
        let it = set_up(&service).await;
        let (messages, receiver) = tokio::sync::mpsc::channel(4);
        let mut preferences = it.admin.preferences.clone();
        let call = tokio::spawn(async move {
            let stream = tokio_stream::wrappers::ReceiverStream::new(receiver);
            preferences.opt_out_contacts(stream).await
        });
        for message in opt_out_messages(opt_out_header(&[&it.a]), by_numbers(1..4)) {
            messages.send(Message { footer: None, ..message }).await.unwrap();
        }
        call.abort();
        assert!(call.await.is_err());
        assert_eq!(preference_count(&service).await, 0);
    }
}
