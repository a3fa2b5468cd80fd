//! Random sequences of calls, against the real server over a socket and against a plain model of the rules: every answer
//! and every read must agree. A disagreement shrinks to a short sequence, which is printed as JSON.
//!
//! `cargo test` runs a short form. The long form: `CONTACT_LISTS_MODEL_STEPS=500000 cargo test --release --test model`, so
//! many steps on each database. `CONTACT_LISTS_MODEL_SEED` repeats a run.
//!
//! To keep a sequence as a test, save what was printed as `kept/<what it is about>.json`.

mod calls;
mod clock;
mod compare;
mod draw;
mod draw_contacts;
mod frame;
mod look;
mod model;
mod run;
mod search;
mod side;
mod tally;

use test_support as support;
use test_support::*;

on_both! {
    async fn kept_sequences(database: Database) {
        search::kept(database).await;
    }

    async fn random_sequences(database: Database) {
        search::random(database).await;
    }
}
