//! How long to wait before the next try: longer each time, never the same as the neighbour's, and never for good.

/// The first wait, µs; the console's page begins with the same.
const FIRST_US: u64 = 500_000;
/// The longest wait, µs; the same in `backoffMs` of the console's `src/wire/stream.ts`.
pub const CAP_US: u64 = 8_000_000;
/// No two tries are closer than this, whatever happens, µs.
pub const FLOOR_US: u64 = 250_000;

/// Waits with jitter from a seed: the same seed gives the same waits. Uploads wait alike.
#[derive(Debug, Clone)]
pub struct Jitter(u64);

impl Jitter {
    /// From `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Before try `tries` (from 0): between half and all of 0.5, 1, 2, 4, 8 s, µs.
    pub fn wait_us(&mut self, tries: u32) -> u64 {
        let whole = FIRST_US.saturating_mul(1 << tries.min(8)).min(CAP_US);
        whole / 2 + self.next() % (whole / 2 + 1)
    }

    /// SplitMix64 (Steele, Lea and Flood 2014): no secret depends on it.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Waits grow to the cap, stay between half and all of it, and two phones do not wait alike.
    #[test]
    fn waits_grow_with_jitter_up_to_the_cap() {
        let (mut one, mut other) = (Jitter::new(1), Jitter::new(2));
        let mut alike = 0;
        for tries in 0..40 {
            let whole = [500_000, 1_000_000, 2_000_000, 4_000_000].get(tries as usize).copied().unwrap_or(CAP_US);
            let (a, b) = (one.wait_us(tries), other.wait_us(tries));
            assert!((whole / 2..=whole).contains(&a) && a >= FLOOR_US, "try {tries} waits {a} µs");
            alike += u32::from(a == b);
        }
        assert!(alike < 3);
    }
}
