//! What each byte of a text can be to the tokeniser, as one bit per byte and class.
//!
//! Text is read in blocks of 64 bytes. A byte's classes are those of [`CLASSES`], its entry there being the
//! specification; the kernels do the same look-up for many bytes at once and give the same bits.

#[cfg(target_arch = "x86_64")]
mod x86;

/// An ASCII letter or digit.
const WORD: u8 = 1;
/// The apostrophe `'`.
const APOSTROPHE: u8 = 1 << 1;
/// A space or line feed.
const BLANK: u8 = 1 << 2;
/// A full stop or comma.
const POINT: u8 = 1 << 3;
/// What ends a chunk for good: ASCII white space, `"`, `<`, `>` and `` ` ``.
const HARD: u8 = 1 << 4;
/// What makes code of a chunk more often than not: `@ \ = _ / ~ $ # % &`.
const CODE: u8 = 1 << 5;
/// The hyphen `-`.
const HYPHEN: u8 = 1 << 6;
/// The colon.
const COLON: u8 = 1 << 7;

/// Classes of the ASCII bytes; the others have none.
const CLASSES: [u8; 128] = classes();

const fn classes() -> [u8; 128] {
    let mut classes = [0; 128];
    let mut byte = 0;
    while byte < 128 {
        classes[byte] = match byte as u8 {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => WORD,
            b'\'' => APOSTROPHE,
            b' ' | b'\n' => BLANK | HARD,
            b'\t' | b'\r' | 0x0B | 0x0C | b'"' | b'<' | b'>' | b'`' => HARD,
            b'.' | b',' => POINT,
            b'@' | b'\\' | b'=' | b'_' | b'/' | b'~' | b'$' | b'#' | b'%' | b'&' => CODE,
            b'-' => HYPHEN,
            b':' => COLON,
            _ => 0,
        };
        byte += 1;
    }
    classes
}

/// The classes of 64 bytes: bit `i` belongs to byte `i`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) word: u64,
    pub(super) apostrophe: u64,
    pub(super) blank: u64,
    pub(super) point: u64,
    pub(super) hard: u64,
    pub(super) code: u64,
    pub(super) hyphen: u64,
    pub(super) colon: u64,
    /// Bytes of characters that are not ASCII.
    pub(super) wide: u64,
}

/// Appends the classes of `text`, in blocks of 64 bytes.
pub(super) fn classify(text: &[[u8; 64]], blocks: &mut Vec<Block>) {
    #[cfg(target_arch = "x86_64")]
    if x86::classify(text, blocks) {
        return;
    }
    classify_scalar(text, blocks);
}

fn classify_scalar(text: &[[u8; 64]], blocks: &mut Vec<Block>) {
    blocks.extend(text.iter().map(|bytes| {
        let mut masks = [0u64; 8];
        let mut wide = 0;
        for (at, &byte) in bytes.iter().enumerate() {
            let classes = CLASSES.get(usize::from(byte)).copied().unwrap_or(0);
            wide |= u64::from(byte >> 7) << at;
            for (class, mask) in masks.iter_mut().enumerate() {
                *mask |= u64::from(classes >> class & 1) << at;
            }
        }
        Block::new(masks, wide)
    }));
}

impl Block {
    #[inline]
    fn new(masks: [u64; 8], wide: u64) -> Self {
        let [word, apostrophe, blank, point, hard, code, hyphen, colon] = masks;
        Block {
            word,
            apostrophe,
            blank,
            point,
            hard,
            code,
            hyphen,
            colon,
            wide,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &[[u8; 64]]) {
        let mut scalar = Vec::new();
        classify_scalar(text, &mut scalar);
        let mut active = Vec::new();
        classify(text, &mut active);
        assert_eq!(active, scalar);
        #[cfg(target_arch = "x86_64")]
        for classified in x86::each(text) {
            assert_eq!(classified, scalar);
        }
    }

    #[test]
    fn every_byte_at_every_place() {
        for byte in 0..=u8::MAX {
            let turned = std::array::from_fn(|at| byte.wrapping_add(at as u8));
            check(&[[byte; 64], turned]);
        }
    }

    proptest! {
        #[test]
        fn kernels_agree_with_the_table(text in proptest::collection::vec(any::<[u8; 32]>(), 0..8)) {
            let blocks: Vec<[u8; 64]> = text
                .chunks_exact(2)
                .map(|two| std::array::from_fn(|at| two[at / 32][at % 32]))
                .collect();
            check(&blocks);
        }
    }
}
