//! Many callers at once, in rounds of a few calls each. Their responses, and what is stored in the end, must be what the
//! reference model gives for some serial order of the calls that fits the times at which they were made and answered.
//!
//! `CONTACT_LISTS_RACES` is the number of rounds on each database.

mod round;
mod search;
mod statistics;
mod workload;

use round::Harness;
use statistics::Statistics;

use test_support::*;

/// How many rounds the short form has.
const ROUND_COUNT: u64 = 60;

/// From how many rounds on the test reports its progress, and checks that everything has happened at least once.
const LONG: u64 = 500;

on_both! {
    async fn concurrent_calls_act_as_if_one_after_another(service: Service) {
        let seed = Seed::from_env();
        let round_count = setting("CONTACT_LISTS_RACES", ROUND_COUNT);
        let harness = Harness::new(&service).await;
        let mut statistics = Statistics::default();
        for n in 0..round_count {
            let round = harness.round(seed.random(n), &mut statistics).await;
            if let Err(error) = round {
                panic!("round {n}: {error}");
            }
            if round_count >= LONG && (n + 1) % LONG == 0 {
                notice(&statistics.line(&service));
            }
        }
        notice(&statistics.line(&service));
        statistics.assert_covered(round_count >= LONG);
    }
}
