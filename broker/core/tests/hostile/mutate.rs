//! Mutations that are the same each time.

/// A small generator: `SplitMix64`.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).unwrap_or_default()
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }
}

/// Draws on seeds and changes them.
pub(crate) struct Mutator {
    seeds: Vec<Vec<u8>>,
    random: Random,
}

impl Mutator {
    pub(crate) fn new(seeds: impl IntoIterator<Item = Vec<u8>>) -> Self {
        Self { seeds: seeds.into_iter().collect(), random: Random(20_261_128) }
    }

    /// A seed with one to four changes.
    pub(crate) fn next(&mut self) -> Vec<u8> {
        let mut bytes = self.seed();
        for _ in 0..=self.random.below(4) {
            self.change(&mut bytes);
        }
        bytes
    }

    fn seed(&mut self) -> Vec<u8> {
        let index = self.random.below(self.seeds.len());
        self.seeds[index].clone()
    }

    fn change(&mut self, bytes: &mut Vec<u8>) {
        let at = self.random.below(bytes.len());
        match self.random.below(7) {
            0 if !bytes.is_empty() => bytes[at] ^= 1 << self.random.below(8),
            1 if !bytes.is_empty() => bytes[at] = self.random.byte(),
            // A length or a number at its end.
            2 if !bytes.is_empty() => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][self.random.below(5)],
            3 => bytes.truncate(at),
            4 => bytes.insert(at, self.random.byte()),
            5 => {
                let end = at + self.random.below(bytes.len() - at);
                bytes.drain(at..end);
            }
            _ => {
                let other = self.seed();
                let from = self.random.below(other.len());
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
        }
    }
}
