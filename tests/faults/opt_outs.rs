//! Calls of `OptOutContacts` are cancelled at random. Each is applied completely or not at all, and exactly once when it is
//! repeated.

use std::time::Duration;

use test_support::*;
use tokio::time::{Instant, timeout};

use crate::helpers::{new_id, within};

/// How many calls are cancelled on each database.
const CANCEL_COUNT: u32 = 30;

/// How many numbers a call has, in more than one chunk of SQLite.
const NUMBERS: u32 = 600;

on_both! {
    async fn opt_outs_of_callers_that_leave_are_applied_completely_or_not_at_all(service: Service) {
        let mut random = Seed::from_env().random(0);
        let (mut usual, mut answered) = (Duration::from_millis(100), 0);
        for round in 0..CANCEL_COUNT {
            let names = (0..NUMBERS).map(|n| number(round * NUMBERS + n));
            let contacts: Vec<_> = names.map(|name| opted_out(&name)).collect();
            let header = opt_out_header(&[]).identified(&new_id());
            let caller = service.admin();
            let call = caller.opt_out_contacts(header.clone(), contacts.clone());
            let patience = usual.mul_f64(random.below(1300) as f64 / 1000.0);
            answered += u32::from(timeout(patience, call).await.is_ok());
            let stored = service.rows("SELECT count(*) FROM opted_out_numbers").await;
            assert_eq!(stored % i64::from(NUMBERS), 0, "a part of round {round}");
            let start = Instant::now();
            let again = caller.opt_out_contacts(header, contacts);
            let again = within(60, "a repetition", again).await.expect("an answer");
            assert_eq!(again.opted_out_count as u32, NUMBERS);
            if !again.replayed {
                usual = start.elapsed();
            }
            let stored = service.rows("SELECT count(*) FROM opted_out_numbers").await;
            assert_eq!(stored, i64::from((round + 1) * NUMBERS));
            assert_eq!(service.rows("SELECT count(*) FROM contacts").await, 0);
        }
        notice(&format!("cancelled {CANCEL_COUNT}, answered before {answered}"));
    }
}
