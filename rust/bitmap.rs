//! Which rows take part in something: one bit per row.

/// A set of rows `0..rows`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bitmap {
    words: Vec<u64>,
    rows: usize,
}

impl Bitmap {
    /// No row of `rows`.
    pub fn new(rows: usize) -> Self {
        Bitmap {
            words: vec![0; rows.div_ceil(64)],
            rows,
        }
    }

    /// All of `rows` rows.
    pub fn full(rows: usize) -> Self {
        let mut words = vec![u64::MAX; rows.div_ceil(64)];
        if let (Some(last), rest @ 1..) = (words.last_mut(), rows % 64) {
            *last = (1 << rest) - 1;
        }
        Bitmap { words, rows }
    }

    /// Puts a row in; one that is out of range is ignored.
    pub fn set(&mut self, row: usize) {
        if row < self.rows {
            self.words[row / 64] |= 1 << (row % 64);
        }
    }

    /// Takes a row out.
    pub fn clear(&mut self, row: usize) {
        if row < self.rows {
            self.words[row / 64] &= !(1 << (row % 64));
        }
    }

    /// Whether a row is in.
    pub fn contains(&self, row: usize) -> bool {
        row < self.rows && self.words[row / 64] >> (row % 64) & 1 == 1
    }

    /// The number of rows there are, in or out.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of rows that are in.
    pub fn count(&self) -> usize {
        self.words
            .iter()
            .map(|word| word.count_ones() as usize)
            .sum()
    }

    /// Row r is bit r % 64 of word r / 64; bits past the last row are 0.
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// The rows from `start` to `end` that are in, in order.
    pub fn between(&self, start: usize, end: usize) -> impl Iterator<Item = u32> + '_ {
        (start..end.min(self.rows))
            .filter(|row| self.contains(*row))
            .map(|row| row as u32)
    }

    /// Sixteen rows from `16 * group` on, as bits.
    pub fn group(&self, group: usize) -> u16 {
        let word = self.words.get(group / 4).copied().unwrap_or(0);
        (word >> (group % 4 * 16)) as u16
    }
}
