//! The first reading of a text: where runs of word characters begin and end, and where code may be.

use super::classes::{Block, classify};

/// Line feeds that a text must have at its end, at least, and its length a multiple of it.
pub const PADDING: usize = 64;

/// Bits over the bytes of a text, and the runs that they give.
#[derive(Debug, Default)]
pub struct Marks {
    blocks: Vec<Block>,
    /// First and one past the last byte of each run, in turn.
    edges: Vec<u32>,
    opens: Vec<u64>,
    closes: Vec<u64>,
    suspects: Vec<u64>,
    has_wide: bool,
}

/// What stands between two bytes that end a chunk for good, and whether none of it can be protected.
#[derive(Debug, Default)]
pub struct HardChunk {
    start: usize,
    end: usize,
    is_prose: bool,
}

impl Marks {
    /// Reads `text`, whose last [`PADDING`] bytes are line feeds; what is more than a multiple of
    /// [`PADDING`] is not read.
    pub fn read(&mut self, text: &[u8]) {
        self.blocks.clear();
        self.edges.clear();
        self.opens.clear();
        self.closes.clear();
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
            let later = |now: u64, before: u64| now << 1 | before >> 63;
            let sooner = |now: u64, after: u64| now >> 1 | after << 63;
            let of_word = block.word | block.wide;
            let of_word_before = later(of_word, before.word | before.wide);
            let of_word_after = sooner(of_word, after.word | after.wide);
            let blank_after = sooner(block.blank, after.blank);
            let run = of_word | block.apostrophe & of_word_before & of_word_after;
            push_bits(&mut self.edges, run ^ later(run, run_before), index);
            self.opens.push(later(block.blank, before.blank));
            self.closes.push(block.blank | block.point & blank_after);
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

    /// Whether no chunk around the token `start..end` can be protected: it stands between blanks, save for
    /// one full stop or comma after it, or what stands about it is nothing that code is made of.
    ///
    /// `chunk` is the hard chunk that was looked at last: those of a script without spaces hold very many
    /// tokens, and are not to be looked through for each.
    #[inline]
    pub fn is_prose(&self, text: &[u8], start: usize, end: usize, chunk: &mut HardChunk) -> bool {
        let bit = |masks: &[u64], at: usize| {
            masks
                .get(at / 64)
                .is_some_and(|mask| mask >> (at % 64) & 1 != 0)
        };
        bit(&self.opens, start) && bit(&self.closes, end)
            || self.is_chunk_of_prose(text, start, end, chunk)
    }

    /// Looks at the token's hard chunk, or at more where characters that are not ASCII end it sooner.
    fn is_chunk_of_prose(
        &self,
        text: &[u8],
        start: usize,
        end: usize,
        chunk: &mut HardChunk,
    ) -> bool {
        if chunk.start > start || end > chunk.end {
            *chunk = self.hard_chunk(text, start, end);
        }
        chunk.is_prose
    }

    fn hard_chunk(&self, text: &[u8], start: usize, end: usize) -> HardChunk {
        let hard = |index: usize| self.blocks.get(index).map_or(u64::MAX, |block| block.hard);
        let mut low = start / 64;
        let mut below = hard(low) & ((1 << (start % 64)) - 1);
        while below == 0 && low > 0 {
            low -= 1;
            below = hard(low);
        }
        let low = if below == 0 {
            0
        } else {
            low * 64 + 64 - below.leading_zeros() as usize
        };
        let mut high = end / 64;
        let mut above = hard(high) & u64::MAX << (end % 64);
        while above == 0 {
            high += 1;
            above = hard(high);
        }
        let high = high * 64 + above.trailing_zeros() as usize;
        let is_tag = low > 0 && text.get(low - 1) == Some(&b'<');
        let is_suspect = self.any(low, high, |index| {
            self.suspects.get(index).copied().unwrap_or(0)
        });
        HardChunk {
            start: low,
            end: high,
            is_prose: !is_tag && !is_suspect,
        }
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
