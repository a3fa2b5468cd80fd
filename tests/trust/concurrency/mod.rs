//! Many callers at once, in rounds of a few calls each: what they are answered and what is stored in the end is what some
//! order of the calls, one after another, gives in the model - an order that fits the times at which they were made and
//! answered.
//!
//! `CONTACT_LISTS_RACES` is the number of rounds on each database.

mod round;
mod search;
mod tally;
mod workload;

use round::Arena;
use tally::Tally;

use crate::{
    random::{Seed, setting},
    support::*,
};

/// How many rounds there are where nobody asks for more.
const ROUND_COUNT: u64 = 60;

/// From how many rounds on the test says how far it is, and what must have happened at least once is checked.
const LONG: u64 = 500;

on_both! {
    async fn calls_at_once_act_one_after_another(service: Service) {
        let seed = Seed::take();
        let round_count = setting("CONTACT_LISTS_RACES", ROUND_COUNT);
        let arena = Arena::new(&service).await;
        let mut tally = Tally::default();
        for n in 0..round_count {
            let round = arena.round(seed.random(n), &mut tally).await;
            if let Err(failure) = round {
                panic!("round {n}: {failure}");
            }
            if round_count >= LONG && (n + 1) % LONG == 0 {
                notice(&tally.line(&service));
            }
        }
        notice(&tally.line(&service));
        tally.assert_not_blind(round_count >= LONG);
    }
}
