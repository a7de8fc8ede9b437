//! The first reading of a text: where runs of word characters begin and end, and where code may be.

use std::ops::Range;

use super::classes::{Block, classify};

/// Line feeds that a text must have at its end, at least, and its length a multiple of it.
pub const PADDING: usize = 64;

/// Bits over the bytes of a text, and the runs that they give.
#[derive(Debug, Default)]
pub struct Marks {
    blocks: Vec<Block>,
    /// First and one past the last byte of each run, in turn.
    edges: Vec<u32>,
    suspects: Vec<u64>,
    has_wide: bool,
}

impl Marks {
    /// Reads `text`, whose last [`PADDING`] bytes are line feeds; what is more than a multiple of
    /// [`PADDING`] is not read.
    pub fn read(&mut self, text: &[u8]) {
        self.blocks.clear();
        self.edges.clear();
        self.suspects.clear();
        classify(text.as_chunks::<PADDING>().0, &mut self.blocks);
        let mut wide = 0;
        let mut before = Block {
            blank: u64::MAX,
            ..Block::default()
        };
        let mut run_before = 0;
        let after = self.blocks.iter().copied().skip(1);
        let after = after.chain([Block::default()]);
        for (index, (block, after)) in self.blocks.iter().copied().zip(after).enumerate() {
            let sooner = |now: u64, after: u64| now >> 1 | after << 63;
            let of_word = block.word | block.wide;
            let of_word_before = later(of_word, before.word | before.wide);
            let of_word_after = sooner(of_word, after.word | after.wide);
            let blank_after = sooner(block.blank, after.blank);
            let run = of_word | block.apostrophe & of_word_before & of_word_after;
            push_bits(&mut self.edges, run ^ later(run, run_before), index);
            self.suspects.push(
                block.code
                    | block.point & of_word_after
                    | block.hyphen & !later(block.word, before.word)
                    | block.colon & !blank_after,
            );
            wide |= block.wide;
            run_before = run;
            before = block;
        }
        self.has_wide = wide != 0;
    }

    /// The runs of letters, digits, inner apostrophes and bytes that are not ASCII.
    pub fn runs(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let (pairs, _) = self.edges.as_chunks::<2>();
        pairs
            .iter()
            .map(|&[start, end]| (start as usize, end as usize))
    }

    /// Whether every byte is ASCII.
    pub fn is_all_ascii(&self) -> bool {
        !self.has_wide
    }

    /// Whether every byte of `start..end` is ASCII.
    #[inline]
    pub fn is_ascii(&self, start: usize, end: usize) -> bool {
        !self.has_wide
            || !self.any(start, end, |index| {
                self.blocks.get(index).map_or(0, |block| block.wide)
            })
    }

    /// The ranges, in order, outside of which no token is protected. A range stands between bytes that end a
    /// chunk for good and holds something that code is made of, or comes right after a `<`. Most text has none,
    /// so its tokens need not be looked at one by one.
    pub fn suspects<'m>(&'m self, text: &'m [u8]) -> impl Iterator<Item = Range<usize>> + 'm {
        let block = |index: usize| self.blocks.get(index).copied().unwrap_or_default();
        let is_tag = |at: usize| at > 0 && text.get(at - 1) == Some(&b'<');
        let mut index = 0;
        let (mut own, mut rest) = (0, 0);
        let mut seen = 0;
        std::iter::from_fn(move || {
            loop {
                while rest == 0 {
                    own = *self.suspects.get(index)?;
                    let may_open = |block: Block| block.hard & !block.blank;
                    let before = may_open(block(index.wrapping_sub(1)));
                    rest = own | later(may_open(block(index)), before);
                    index += 1;
                }
                let bit = rest.trailing_zeros() as usize;
                let at = (index - 1) * 64 + bit;
                rest &= rest - 1;
                if at >= seen && (own >> bit & 1 != 0 || is_tag(at)) {
                    let chunk = self.hard_chunk(at);
                    seen = chunk.end;
                    return Some(chunk);
                }
            }
        })
    }

    /// What stands around a byte between two that end a chunk for good.
    fn hard_chunk(&self, at: usize) -> Range<usize> {
        let hard = |index: usize| self.blocks.get(index).map_or(u64::MAX, |block| block.hard);
        let mut low = at / 64;
        let mut below = hard(low) & ((1 << (at % 64)) - 1);
        while below == 0 && low > 0 {
            low -= 1;
            below = hard(low);
        }
        let low = if below == 0 {
            0
        } else {
            low * 64 + 64 - below.leading_zeros() as usize
        };
        let mut high = at / 64;
        let mut above = hard(high) & u64::MAX << (at % 64);
        while above == 0 {
            high += 1;
            above = hard(high);
        }
        low..high * 64 + above.trailing_zeros() as usize
    }

    /// Whether one of the bits `start..end` is set.
    #[inline]
    fn any(&self, start: usize, end: usize, mask: impl Fn(usize) -> u64) -> bool {
        let (first, last) = (start / 64, end / 64);
        let from = u64::MAX << (start % 64);
        let until = !(u64::MAX << (end % 64));
        if first == last {
            return mask(first) & from & until != 0;
        }
        mask(first) & from != 0
            || (first + 1..last).any(|index| mask(index) != 0)
            || mask(last) & until != 0
    }
}

/// A mask moved by one byte, so that each bit says what is true of the byte before.
#[inline]
fn later(now: u64, before: u64) -> u64 {
    now << 1 | before >> 63
}

/// Appends the places of the bits that are set in the mask of block `index`.
#[inline]
fn push_bits(places: &mut Vec<u32>, mut mask: u64, index: usize) {
    let count = mask.count_ones() as usize;
    let first = places.len();
    // Eight at a time, whether there are so many or not: bits in text come without a pattern that a branch
    // could be predicted by.
    places.resize(first + count.next_multiple_of(8), 0);
    let base = (index * 64) as u32;
    if let Some(fresh) = places.get_mut(first..) {
        for eight in fresh.as_chunks_mut::<8>().0 {
            for place in eight {
                *place = base.wrapping_add(mask.trailing_zeros());
                mask &= mask.wrapping_sub(1);
            }
        }
    }
    places.truncate(first + count);
}

#[cfg(test)]
mod tests {
    use super::super::tokens;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_tokens_of_the_runs_are_those_of_the_text(text in "([a-c'1’é· \\-“北]{0,9}|[a-z']{60,70}){0,9}") {
            let mut padded = text.clone();
            padded.push_str(&"\n".repeat(text.len().next_multiple_of(PADDING) + PADDING - text.len()));
            let mut marks = Marks::default();
            marks.read(padded.as_bytes());
            let mut found = Vec::new();
            for (start, end) in marks.runs() {
                let run = &text[start..end];
                prop_assert_eq!(marks.is_ascii(start, end), run.is_ascii());
                found.extend(tokens(run).map(|span| (start + span.start, start + span.end)));
                if run.is_ascii() {
                    prop_assert_eq!(found.last(), Some(&(start, end)));
                }
            }
            let expected: Vec<_> = tokens(&text).map(|span| (span.start, span.end)).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
