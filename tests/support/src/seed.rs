//! Random choices that can be repeated with a seed.

use std::{env, str::FromStr};

use uuid::Uuid;

use crate::notice;

/// The environment variable that repeats the choices of an earlier run.
const SEED: &str = "CONTACT_LISTS_SEED";

/// Returns the number in an environment variable, or else `default`.
pub fn setting<T: FromStr>(variable: &str, default: T) -> T {
    match env::var(variable) {
        Ok(value) => value
            .parse()
            .unwrap_or_else(|_| panic!("{variable} is not a number: {value}")),
        Err(_) => default,
    }
}

/// The seed of a test. A test that fails prints how to get the same choices again.
pub struct Seed(u64);

impl Seed {
    /// The seed in `CONTACT_LISTS_SEED`, or else a new one.
    pub fn from_env() -> Self {
        Self(setting(SEED, Uuid::new_v4().as_u64_pair().0 >> 16))
    }

    /// The source of choices for one part of the test, such as a round.
    pub fn random(&self, part: u64) -> Random {
        Random(self.0 ^ part.wrapping_mul(0xd134_2543_de82_ef95))
    }

    /// 32 bytes for a generator of another library, for one part of the test.
    pub fn bytes(&self, part: u64) -> [u8; 32] {
        let mut random = self.random(part);
        let mut bytes = [0; 32];
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&random.next().to_le_bytes());
        }
        bytes
    }
}

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            notice(&format!("{SEED}={} repeats these choices", self.0));
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

    /// True in `percent` of 100 cases.
    pub fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of the choices.
    pub fn pick<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())].clone()
    }

    /// A source whose choices are independent of those still to come from this one.
    pub fn fork(&mut self) -> Self {
        Self(self.next())
    }

    /// Brings items into a random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for n in (1..items.len()).rev() {
            items.swap(n, self.below(n + 1));
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
