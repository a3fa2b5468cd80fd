//! Random sequences of calls, against the real server over a socket and against the reference model of the rules: every
//! answer and every read must agree. A disagreement shrinks to a short sequence, which is printed as JSON.
//!
//! `cargo test` runs a short form. The long form: `CONTACT_LISTS_MODEL_STEPS=500000 cargo test --release --test model`, that
//! many steps on each database. `CONTACT_LISTS_SEED` repeats a run.
//!
//! To keep a sequence as a test, save what was printed as `kept/<what it is about>.json`.

mod calls;
mod clock;
mod compare;
mod contact_strategies;
mod coverage;
mod fixed_steps;
mod reads;
mod replica;
mod runner;
mod sequence;
mod strategies;

use test_support::*;

on_both! {
    async fn kept_sequences(database: Database) {
        runner::run_kept(database).await;
    }

    async fn random_sequences(database: Database) {
        runner::run_random(database).await;
    }
}
