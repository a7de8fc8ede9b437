//! Selection: the k best rows of one query, from scores that come in any order of rows.

const SIGN: u32 = 1 << 31;

/// An integer that is ordered as the float is: the bits of floats are ordered like integers, the negative
/// ones backwards.
pub(super) fn ordered(score: f32) -> u32 {
    let bits = score.to_bits();
    if bits & SIGN == 0 { bits | SIGN } else { !bits }
}

/// The float of [`ordered`].
pub(super) fn from_ordered(ordered: u32) -> f32 {
    f32::from_bits(if ordered & SIGN == 0 {
        !ordered
    } else {
        ordered ^ SIGN
    })
}

/// A score and a row in one integer whose order is the order of results: higher scores first, and
/// among equal scores the lower row first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Ranked(u64);

impl Ranked {
    fn new(score: f32, row: u32) -> Self {
        // Zero has one sign here, and a score that is not a number goes first, so that it is seen.
        let score = if score.is_nan() {
            f32::NAN
        } else {
            score + 0.0
        };
        Ranked(u64::from(ordered(score)) << 32 | u64::from(!row))
    }

    fn score(self) -> f32 {
        from_ordered((self.0 >> 32) as u32)
    }

    fn row(self) -> u32 {
        !(self.0 as u32)
    }
}

/// The rows that may still be among the k best.
///
/// Candidates gather in a buffer of a few times k; when it is full, one partition keeps the k best
/// and raises the threshold. Each candidate so costs constant time, whatever k and the order of
/// rows; and nearly all rows are dismissed by the threshold, many at a time.
#[derive(Clone, Debug)]
pub(super) struct Selection {
    k: usize,
    capacity: usize,
    candidates: Vec<Ranked>,
    /// Scores below it are not looked for.
    threshold: f32,
    /// What is behind it is not looked for: it was the worst of the k best at the last partition, or is a guess.
    worst: Ranked,
}

impl Selection {
    /// Bytes that a selection of `k` may take.
    pub(super) fn size(k: usize) -> usize {
        Self::capacity(k) * size_of::<Ranked>()
    }

    fn capacity(k: usize) -> usize {
        k.saturating_add(k.max(64))
    }

    /// An empty selection of `k` rows, at least 1.
    pub(super) fn new(k: usize) -> Self {
        Selection {
            k,
            capacity: Self::capacity(k),
            candidates: Vec::new(),
            threshold: f32::NEG_INFINITY,
            worst: Ranked(0),
        }
    }

    /// Offers the scores of consecutive rows.
    pub(super) fn offer(&mut self, first_row: u32, scores: &[f32]) {
        const STEP: usize = 32;
        for (step, scores) in scores.chunks(STEP).enumerate() {
            // No early exit: the compiler makes vector comparisons of it. Written so that NaN passes.
            let dismissed = scores
                .iter()
                .fold(true, |all, score| all & (*score < self.threshold));
            if dismissed {
                continue;
            }
            for (offset, score) in scores.iter().enumerate() {
                if *score < self.threshold {
                    continue;
                }
                // A block's rows fit u32, because the scan refuses more.
                let candidate = Ranked::new(*score, first_row + (step * STEP + offset) as u32);
                if candidate > self.worst {
                    self.push(candidate);
                }
            }
        }
    }

    /// Offers the score of one row.
    pub(super) fn offer_one(&mut self, row: u32, score: f32) {
        if score >= self.threshold || score.is_nan() {
            let candidate = Ranked::new(score, row);
            if candidate > self.worst {
                self.push(candidate);
            }
        }
    }

    /// Brings the threshold up to date.
    pub(super) fn settle(&mut self) {
        self.keep_best();
    }

    /// A score that k of the offered rows reach, or are expected to; minus infinity while fewer were offered, or since the last
    /// partition.
    pub(super) fn threshold(&self) -> f32 {
        self.threshold
    }

    /// Whether it has k rows. Where a guess was too high it has not, though it was offered as many.
    pub(super) fn is_full(&self) -> bool {
        self.candidates.len() >= self.k
    }

    /// Goes on for more rows, and expects to need none behind the last of those so far.
    pub(super) fn deepen(&mut self, k: usize) {
        self.settle();
        self.k = k;
        self.capacity = Self::capacity(k);
    }

    /// The number of rows to select.
    pub(super) fn k(&self) -> usize {
        self.k
    }

    /// Takes over the candidates of a selection over other rows, and what that one did not look for.
    pub(super) fn merge(&mut self, other: &Selection) {
        for candidate in &other.candidates {
            if *candidate >= self.worst {
                self.push(*candidate);
            }
        }
        if other.worst > self.worst {
            self.worst = other.worst;
            self.threshold = self.worst.score();
            self.candidates.retain(|candidate| *candidate >= self.worst);
        }
    }

    /// The k best (all, where fewer were offered), the best first, as (score, row).
    pub(super) fn finish(mut self) -> impl ExactSizeIterator<Item = (f32, u32)> {
        self.keep_best();
        self.candidates.sort_unstable_by(|x, y| y.cmp(x));
        self.candidates
            .into_iter()
            .map(|candidate| (candidate.score(), candidate.row()))
    }

    fn push(&mut self, candidate: Ranked) {
        self.candidates.push(candidate);
        if self.candidates.len() >= self.capacity {
            self.keep_best();
        }
    }

    fn keep_best(&mut self) {
        if self.candidates.len() >= self.k {
            let (_, worst, _) = self
                .candidates
                .select_nth_unstable_by(self.k - 1, |x, y| y.cmp(x));
            self.worst = *worst;
            self.threshold = worst.score();
            self.candidates.truncate(self.k);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Sorts everything, in the way of a textbook.
    fn sorted(scores: &[f32], k: usize) -> Vec<(f32, u32)> {
        let mut all: Vec<(f32, u32)> = scores.iter().copied().zip(0..).collect();
        all.sort_by(|x, y| y.0.partial_cmp(&x.0).unwrap().then(x.1.cmp(&y.1)));
        all.truncate(k);
        all
    }

    proptest! {
        #[test]
        fn selects_what_sorting_selects(
            scores in prop::collection::vec(prop_oneof![-1e3f32..1e3, (-3i8..3).prop_map(f32::from)], 1..900),
            k in 1usize..1000,
            block in 1usize..200,
            workers in 1usize..4,
            backwards: bool,
        ) {
            let mut selections = vec![Selection::new(k); workers];
            let mut blocks: Vec<usize> = (0..scores.len()).step_by(block).collect();
            if backwards {
                blocks.reverse();
            }
            for (turn, first) in blocks.into_iter().enumerate() {
                let end = scores.len().min(first + block);
                selections[turn % workers].offer(first as u32, &scores[first..end]);
            }
            let mut merged = selections.pop().unwrap();
            for selection in &selections {
                merged.merge(selection);
            }
            let found: Vec<(f32, u32)> = merged.finish().collect();
            prop_assert_eq!(found, sorted(&scores, k));
        }
    }

    #[test]
    fn zeros_of_either_sign_tie_and_the_lower_row_wins() {
        let mut selection = Selection::new(2);
        selection.offer(0, &[-0.0, 0.0, -0.0]);
        let rows: Vec<u32> = selection.finish().map(|(_, row)| row).collect();
        assert_eq!(rows, [0, 1]);
    }

    #[test]
    fn a_score_that_is_not_a_number_comes_first() {
        let mut scores = vec![1.0; 500];
        scores[400] = -f32::NAN;
        let mut selection = Selection::new(3);
        selection.offer(0, &scores);
        let found: Vec<(f32, u32)> = selection.finish().collect();
        assert!(found[0].0.is_nan());
        assert_eq!(found[0].1, 400);
        assert_eq!(&found[1..], [(1.0, 0), (1.0, 1)]);
    }

    #[test]
    fn minus_infinity_fills_up_the_last_places() {
        let mut selection = Selection::new(3);
        selection.offer(7, &[f32::NEG_INFINITY, 1.0, f32::NEG_INFINITY]);
        let found: Vec<(f32, u32)> = selection.finish().collect();
        assert_eq!(
            found,
            [(1.0, 8), (f32::NEG_INFINITY, 7), (f32::NEG_INFINITY, 9)]
        );
    }
}
