//! Chance that can be repeated: the same seed gives the same everywhere and for ever.

/// xorshift64*.
pub struct Dice(u64);

impl Dice {
    /// Begins at this state; even and odd neighbours begin alike.
    pub fn new(seed: u64) -> Dice {
        Dice(seed | 1)
    }

    pub fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// One of the numbers below `n`; of none, 0.
    pub fn below(&mut self, n: usize) -> usize {
        // The upper half, which is the better one, fits everywhere.
        usize::try_from(self.roll() >> 33).unwrap() % n.max(1)
    }
}

/// The bytes that `probe bytes=COUNT:SEED` prints.
pub fn noise(count: usize, seed: u64) -> Vec<u8> {
    let mut dice = Dice::new(seed);
    let mut out = Vec::with_capacity(count + 8);
    while out.len() < count {
        out.extend_from_slice(&dice.roll().to_le_bytes());
    }
    out.truncate(count);
    out
}
