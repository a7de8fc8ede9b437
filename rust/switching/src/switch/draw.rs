//! Random draws that depend on what is drawn for, never on what was drawn before.

use crate::weighted::{RANGE, uniform_of};

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// The finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
#[inline]
fn mix(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}

/// What a draw decides; part of its number.
#[derive(Clone, Copy, Debug)]
pub enum Purpose {
    /// Whether a unit is switched.
    Choose = 0,
    /// Into which language.
    Language = 1,
    /// Into which of the languages that have it, after the first lacked it.
    Redraw = 2,
    /// By which target.
    Target = 3,
}

/// The draws of one text.
#[derive(Clone, Copy, Debug)]
pub struct Draws {
    key: u64,
}

impl Draws {
    /// The draws for the field `field` of the record `record_id`.
    ///
    /// The key is a hash over little-endian words `w`: `key = mix(((key ^ w) + GOLDEN) mod 2^64)` from 0. The words
    /// are seed, epoch, the byte lengths of `field` and `record_id`, then the bytes of `field` and of `record_id`,
    /// each cut into words of eight, the last one filled up with zeros.
    pub fn new(seed: u64, epoch: u64, record_id: &str, field: &str) -> Self {
        let lengths = [seed, epoch, field.len() as u64, record_id.len() as u64];
        let words = lengths
            .into_iter()
            .chain(words_of(field))
            .chain(words_of(record_id));
        let key = words.fold(0, |key, word| mix((key ^ word).wrapping_add(GOLDEN)));
        Draws { key }
    }

    /// A number in [0, 1) for unit number `unit`: the upper 53 bits of
    /// `mix((key + (4 unit + purpose + 1) GOLDEN) mod 2^64)` over 2^53.
    ///
    /// Unit 0 is the text, unit `i + 1` starts at token `i`.
    #[inline]
    pub fn uniform(&self, unit: u64, purpose: Purpose) -> f64 {
        uniform_of(self.number(unit, purpose))
    }

    /// The 53 bits of [`Draws::uniform`], before they are scaled.
    #[inline]
    pub fn number(&self, unit: u64, purpose: Purpose) -> u64 {
        let number = unit.wrapping_mul(4).wrapping_add(purpose as u64 + 1);
        mix(self.key.wrapping_add(number.wrapping_mul(GOLDEN))) >> 11
    }

    /// The numbers of unit `first` and of those after it.
    #[inline]
    pub fn numbers(&self, first: u64, purpose: Purpose) -> impl Iterator<Item = u64> + use<> {
        let number = first.wrapping_mul(4).wrapping_add(purpose as u64 + 1);
        let mut state = self.key.wrapping_add(number.wrapping_mul(GOLDEN));
        std::iter::repeat_with(move || {
            let number = mix(state) >> 11;
            state = state.wrapping_add(GOLDEN.wrapping_mul(4));
            number
        })
    }

    /// One of `count` numbers from 0, each with the same chance: the number drawn times `count` over 2^53.
    #[inline]
    pub fn below(&self, count: usize, unit: u64, purpose: Purpose) -> usize {
        // 53 bits shifted up by 11 times less than 2^32: the upper half of the product is the quotient.
        let number = u128::from(self.number(unit, purpose) << 11);
        ((number * count as u128) >> 64) as usize
    }
}

/// The least number that is not drawn with a probability: `uniform < probability` is `number < threshold`.
pub fn threshold(probability: f64) -> u64 {
    // The product is exact, being one by a power of two.
    (probability * RANGE as f64).ceil() as u64
}

fn words_of(text: &str) -> impl Iterator<Item = u64> + '_ {
    text.as_bytes().chunks(8).map(|chunk| {
        let mut word = [0; 8];
        for (to, from) in word.iter_mut().zip(chunk) {
            *to = *from;
        }
        u64::from_le_bytes(word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_differ_by_everything_they_depend_on() {
        let draw =
            |seed, epoch, id, field| Draws::new(seed, epoch, id, field).uniform(1, Purpose::Choose);
        let first = draw(1, 0, "a", "text");
        for other in [
            draw(2, 0, "a", "text"),
            draw(1, 1, "a", "text"),
            draw(1, 0, "b", "text"),
            draw(1, 0, "a", "title"),
            draw(1, 0, "ta", "tex"),
        ] {
            assert_ne!(first, other);
        }
        assert_eq!(first, draw(1, 0, "a", "text"));
    }

    #[test]
    fn the_threshold_divides_as_the_probability_does() {
        for probability in [0.0, 1e-17, 0.1, 0.3, 0.5, 2.0 / 3.0, 1.0] {
            let threshold = threshold(probability);
            for number in [threshold.saturating_sub(1), threshold, threshold + 1] {
                let uniform = uniform_of(number);
                assert_eq!(number < threshold, uniform < probability, "{probability}");
            }
        }
    }

    #[test]
    fn draws_are_uniform() {
        let draws = Draws::new(7, 0, "record", "text");
        let mean = (0..100_000)
            .map(|unit| draws.uniform(unit, Purpose::Target))
            .sum::<f64>()
            / 1e5;
        assert!((mean - 0.5).abs() < 0.005, "{mean}");
    }
}
