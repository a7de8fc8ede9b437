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
        let end = end.min(self.rows);
        (start / 64..end.div_ceil(64)).flat_map(move |place| {
            let mut word = self.words.get(place).copied().unwrap_or(0);
            let first = place * 64;
            if start > first {
                word &= u64::MAX << (start - first);
            }
            if end < first + 64 {
                word &= (1 << (end - first)) - 1;
            }
            std::iter::from_fn(move || {
                let row = first as u32 + (word != 0).then(|| word.trailing_zeros())?;
                word &= word - 1;
                Some(row)
            })
        })
    }

    /// Sixteen rows from `16 * group` on, as bits.
    pub fn group(&self, group: usize) -> u16 {
        let word = self.words.get(group / 4).copied().unwrap_or(0);
        (word >> (group % 4 * 16)) as u16
    }

    /// The rows, one per item, whose item is wanted.
    pub fn of<T>(items: &[T], is_wanted: impl Fn(&T) -> bool) -> Self {
        let word = |items: &[T]| {
            let bits = items.iter().enumerate();
            bits.fold(0, |word, (bit, item)| {
                word | u64::from(is_wanted(item)) << bit
            })
        };
        Bitmap {
            words: items.chunks(64).map(word).collect(),
            rows: items.len(),
        }
    }

    /// What [`Bitmap::words`] gave; `None` where it fits no set of so many rows.
    pub fn from_words(words: Vec<u64>, rows: usize) -> Option<Self> {
        let past_the_end = match rows % 64 {
            0 => 0,
            rest => words.last()? >> rest,
        };
        (words.len() == rows.div_ceil(64) && past_the_end == 0).then_some(Bitmap { words, rows })
    }

    /// Puts in the rows of another set of as many rows.
    pub fn or(&mut self, other: &Bitmap) {
        self.combine(other, |ours, theirs| ours | theirs);
    }

    /// Leaves only those that are in another set of as many rows, too.
    pub fn and(&mut self, other: &Bitmap) {
        self.combine(other, |ours, theirs| ours & theirs);
    }

    /// Takes out those that are in another set of as many rows.
    pub fn and_not(&mut self, other: &Bitmap) {
        self.combine(other, |ours, theirs| ours & !theirs);
    }

    fn combine(&mut self, other: &Bitmap, with: impl Fn(u64, u64) -> u64) {
        debug_assert_eq!(self.rows, other.rows);
        for (ours, theirs) in self.words.iter_mut().zip(&other.words) {
            *ours = with(*ours, *theirs);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows_of(flags: &[bool]) -> Vec<u32> {
        let rows = flags.iter().enumerate().filter(|(_, is_in)| **is_in);
        rows.map(|(row, _)| row as u32).collect()
    }

    proptest! {
        #[test]
        fn is_a_set_of_rows(
            flags in proptest::collection::vec((any::<bool>(), any::<bool>()), 0..200),
            (start, end) in (0usize..220, 0usize..220),
        ) {
            let (left, right): (Vec<bool>, Vec<bool>) = flags.iter().copied().unzip();
            let [ours, theirs] = [&left, &right].map(|flags| Bitmap::of(flags, |flag| *flag));
            prop_assert_eq!(ours.between(0, usize::MAX).collect::<Vec<_>>(), rows_of(&left));
            prop_assert_eq!(ours.count(), rows_of(&left).len());
            let within = |row: &u32| (start..end).contains(&(*row as usize));
            let expected: Vec<u32> = rows_of(&left).into_iter().filter(within).collect();
            prop_assert_eq!(ours.between(start, end).collect::<Vec<_>>(), expected);
            let again = Bitmap::from_words(ours.words().to_vec(), ours.rows());
            prop_assert_eq!(again.as_ref(), Some(&ours));
            type Operation = (fn(&mut Bitmap, &Bitmap), fn(bool, bool) -> bool);
            let operations: [Operation; 3] = [
                (Bitmap::or, |x, y| x | y),
                (Bitmap::and, |x, y| x & y),
                (Bitmap::and_not, |x, y| x & !y),
            ];
            for (operate, expected) in operations {
                let mut both = ours.clone();
                operate(&mut both, &theirs);
                prop_assert_eq!(both, Bitmap::of(&flags, |(x, y)| expected(*x, *y)));
            }
            for row in 0..flags.len() {
                prop_assert_eq!(ours.contains(row), left[row]);
                prop_assert_eq!(ours.group(row / 16) >> (row % 16) & 1 == 1, left[row]);
            }
        }
    }

    #[test]
    fn full_is_full_and_bits_past_the_end_are_refused() {
        for rows in [0, 1, 63, 64, 65, 128] {
            assert_eq!(Bitmap::full(rows).count(), rows);
            assert_eq!(Bitmap::full(rows), Bitmap::of(&vec![(); rows], |()| true));
        }
        assert!(Bitmap::from_words(vec![0b100], 2).is_none());
        assert!(Bitmap::from_words(vec![0, 0], 2).is_none());
        assert!(Bitmap::from_words(vec![0b11], 2).is_some());
    }
}
