//! Random numbers that a seed brings back.

/// The variable that names the seed to repeat.
const SEED: &str = "CONTACT_LISTS_SEED";

/// A SplitMix64 generator.
pub struct Random(u64);

impl Random {
    /// Starts with the seed that the environment names, else with a new one; gives the seed back for the record.
    pub fn new() -> (Self, u64) {
        let named = std::env::var(SEED)
            .ok()
            .map(|seed| seed.parse().expect("a number as CONTACT_LISTS_SEED"));
        let seed = named.unwrap_or_else(|| uuid::Uuid::new_v4().as_u64_pair().0 >> 32);
        (Self(seed), seed)
    }

    /// The next number below a limit.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit.max(1)
    }
}
