//! Choices that look random, and come again from the same seed.

use std::{env, str::FromStr};

use uuid::Uuid;

use crate::support::notice;

/// The variable that gives a seed of an earlier run again.
const SEED: &str = "CONTACT_LISTS_SEED";

/// The number in an environment variable, or else `default`.
pub fn setting<T: FromStr>(name: &str, default: T) -> T {
    match env::var(name) {
        Ok(value) => value
            .parse()
            .unwrap_or_else(|_| panic!("{name} is not a number: {value}")),
        Err(_) => default,
    }
}

/// The seed of a test. If the test fails, it says what to give to get the same choices again.
pub struct Seed(u64);

impl Seed {
    /// The one that is given, or else a new one.
    pub fn take() -> Self {
        Self(setting(SEED, Uuid::new_v4().as_u64_pair().0 >> 16))
    }

    /// The choices of one part of the test.
    pub fn random(&self, part: u64) -> Random {
        Random(self.0 ^ part.wrapping_mul(0xd134_2543_de82_ef95))
    }
}

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            notice(&format!(
                "the same choices come again with {SEED}={}",
                self.0
            ));
        }
    }
}

/// A source of choices: SplitMix64.
#[derive(Clone)]
pub struct Random(u64);

impl Random {
    /// A number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    /// True so many times in a hundred.
    pub fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of these.
    pub fn pick<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())].clone()
    }

    /// Another source, whose choices have nothing to do with what is still to come from this one.
    pub fn fork(&mut self) -> Self {
        Self(self.next())
    }

    /// Brings things into a random order.
    pub fn shuffle<T>(&mut self, things: &mut [T]) {
        for n in (1..things.len()).rev() {
            things.swap(n, self.below(n + 1));
        }
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
