//! The hash of the format: of a token's normal form, of a sequence of tokens, and of the file's bytes.
//!
//! Multiply-and-fold over little-endian words. It is part of the format's version: changing it changes every
//! file.

const LENGTH: u64 = 0x9E37_79B9_7F4A_7C15;
const START: u64 = 0x2D35_8DCC_AA6C_78A5;
const WORD: u64 = 0x8BB8_4B93_962E_ACC9;
const LAST: u64 = 0x4B33_A62E_D433_D4A3;
const GAP: u64 = 0xA076_1D64_78BD_642F;

/// Makes small letters of ASCII capitals, and leaves small letters, digits and the apostrophe as they are.
const LOWER: u64 = 0x2020_2020_2020_2020;
const ONES: u64 = 0x0101_0101_0101_0101;

/// Bytes that are hashed at a time, and that must be readable from a token's start on.
pub const WINDOW: usize = 16;

/// Masks for the first bytes of a window, by their number.
const MASKS: [[u64; 2]; WINDOW + 1] = masks();

const fn masks() -> [[u64; 2]; WINDOW + 1] {
    let mut masks = [[0; 2]; WINDOW + 1];
    let mut length = 1;
    while length <= WINDOW {
        masks[length] = if length <= 8 {
            [u64::MAX >> (64 - 8 * length), 0]
        } else {
            [u64::MAX, u64::MAX >> (128 - 8 * length)]
        };
        length += 1;
    }
    masks
}

#[inline]
fn fold(left: u64, right: u64) -> u64 {
    let product = u128::from(left) * u128::from(right);
    (product as u64) ^ ((product >> 64) as u64)
}

/// The first `length` bytes of a window, at most all, as two little-endian words that small letters are made
/// of; zero above.
#[inline]
fn small_words(window: &[u8; WINDOW], length: usize) -> [u64; 2] {
    let [low, high] = words(window);
    let mask = &MASKS[length.min(WINDOW)];
    [(low | LOWER) & mask[0], (high | LOWER) & mask[1]]
}

#[inline]
fn words(window: &[u8; WINDOW]) -> [u64; 2] {
    let [low, high] = [0, 8].map(|start| std::array::from_fn(|at| window[start + at]));
    [u64::from_le_bytes(low), u64::from_le_bytes(high)]
}

#[inline]
fn window_at(bytes: &[u8], at: usize) -> Option<&[u8; WINDOW]> {
    bytes.get(at..)?.first_chunk()
}

/// Whether words of small letters, digits and apostrophes have a digit: only digits have bit 4 and lack bit 6.
#[inline]
fn has_digit([low, high]: [u64; 2]) -> bool {
    (low >> 4 & !(low >> 6) | high >> 4 & !(high >> 6)) & ONES != 0
}

#[inline]
fn absorb(state: u64, [low, high]: [u64; 2]) -> u64 {
    fold(low ^ START ^ state, high ^ WORD)
}

#[inline]
fn finish(state: u64, length: usize) -> u64 {
    fold(state ^ (length as u64).wrapping_mul(LENGTH), LAST)
}

/// Hashes an ASCII token, `bytes[start..end]`, in normal form, and says whether it has a digit.
///
/// [`WINDOW`] bytes must follow `end`.
#[inline]
pub fn hash_ascii(bytes: &[u8], start: usize, end: usize) -> (u64, bool) {
    let length = end - start;
    match window_at(bytes, start) {
        Some(window) if length <= WINDOW => {
            let words = small_words(window, length);
            (finish(absorb(0, words), length), has_digit(words))
        }
        _ => hash_long(bytes, start, end),
    }
}

#[cold]
fn hash_long(bytes: &[u8], start: usize, end: usize) -> (u64, bool) {
    let mut state = 0;
    let mut digits = false;
    for at in (start..end).step_by(WINDOW) {
        let window = window_at(bytes, at).unwrap_or(&[0; WINDOW]);
        let words = small_words(window, end - at);
        digits |= has_digit(words);
        state = absorb(state, words);
    }
    (finish(state, end - start), digits)
}

/// Hashes a token in normal form.
pub fn hash_bytes(token: &[u8]) -> u64 {
    let state = token.chunks(WINDOW).fold(0, |state, chunk| {
        let mut window = [0; WINDOW];
        for (to, from) in window.iter_mut().zip(chunk) {
            *to = *from;
        }
        absorb(state, words(&window))
    });
    finish(state, token.len())
}

/// Whether an ASCII token of at most [`WINDOW`] bytes, `bytes[start..start + length]`, in normal form is the first
/// bytes of `source`, which has as many bytes as a window or more.
#[inline(always)]
pub fn same_short(bytes: &[u8], start: usize, source: &[u8], length: usize) -> bool {
    let windows = (window_at(bytes, start), source.first_chunk());
    let ((Some(token), Some(source)), Some(mask)) = (windows, MASKS.get(length)) else {
        return false;
    };
    let ([low, high], [source_low, source_high]) = (words(token), words(source));
    let differs = ((low | LOWER) ^ source_low) & mask[0] | ((high | LOWER) ^ source_high) & mask[1];
    differs == 0
}

/// Whether the ASCII token `bytes[start..end]` in normal form is the first bytes of `source`, a normal form
/// of the same length or longer.
#[inline]
pub fn same_ascii(bytes: &[u8], start: usize, end: usize, source: &[u8]) -> bool {
    let length = end - start;
    if length <= WINDOW && source.len() >= WINDOW {
        return same_short(bytes, start, source, length);
    }
    match (bytes.get(start..end), source.get(..length)) {
        (Some(token), Some(source)) => source.eq_ignore_ascii_case(token),
        _ => false,
    }
}

/// Whether the first bytes of `source` are those of `text[start..end]`, its ASCII capitals made small.
#[inline]
pub fn same_text(text: &[u8], start: usize, end: usize, source: &[u8]) -> bool {
    let mut differs = 0;
    for (at, from) in (start..end).step_by(WINDOW).zip((0..).step_by(WINDOW)) {
        let (Some(window), Some(other)) = (window_at(text, at), window_at(source, from)) else {
            return false;
        };
        let used = (end - at).min(WINDOW) as u8;
        for (lane, (&byte, &own)) in window.iter().zip(other).enumerate() {
            let case = if own.is_ascii_lowercase() { 0x20 } else { 0 };
            let differing = (byte ^ own) & !case;
            differs |= if (lane as u8) < used { differing } else { 0 };
        }
    }
    differs == 0
}

/// Hashes a sequence of tokens that is longer by one, `gap` being the packed gap between them.
#[inline]
pub fn hash_longer(sequence: u64, gap: u64, token: u64) -> u64 {
    fold(sequence ^ gap.wrapping_mul(GAP), token ^ LENGTH).wrapping_add(sequence.rotate_left(17))
}

/// Sums up bytes; independent lanes, so that it runs at the speed of memory.
pub fn checksum(bytes: &[u8]) -> u64 {
    let mut lanes = [START, WORD, LAST, GAP];
    let (blocks, rest) = bytes.as_chunks::<32>();
    for block in blocks {
        for (lane, eight) in lanes.iter_mut().zip(block.as_chunks::<8>().0) {
            *lane = fold(*lane ^ u64::from_le_bytes(*eight), LENGTH).wrapping_add(*lane);
        }
    }
    let sum = lanes.iter().fold(bytes.len() as u64, |sum, lane| {
        fold(sum ^ lane, LAST).wrapping_add(lane.rotate_left(31))
    });
    hash_longer(sum, 0, hash_bytes(rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ascii_hashes_as_its_normal_form(token in "[a-zA-Z0-9']{1,40}", before in "[a-z ]{0,9}") {
            let lower = token.to_ascii_lowercase();
            let text = format!("{before}{token}{}", " and more".repeat(2));
            let end = before.len() + token.len();
            let (hash, digit) = hash_ascii(text.as_bytes(), before.len(), end);
            prop_assert_eq!(hash, hash_bytes(lower.as_bytes()));
            prop_assert_eq!(digit, token.bytes().any(|byte| byte.is_ascii_digit()));
            let source = format!("{lower}{}", "x".repeat(token.len() % 20));
            prop_assert!(same_ascii(text.as_bytes(), before.len(), end, source.as_bytes()));
            let other = lower.replacen(|character: char| character != 'z', "z", 1);
            let same = same_ascii(text.as_bytes(), before.len(), end, other.as_bytes());
            prop_assert_eq!(same, other == lower);
        }

        #[test]
        fn checksum_sees_every_flipped_bit(
            mut bytes in proptest::collection::vec(any::<u8>(), 1..200), at: prop::sample::Index, bit in 0u8..8
        ) {
            let whole = checksum(&bytes);
            let at = at.index(bytes.len());
            bytes[at] ^= 1u8 << bit;
            prop_assert_ne!(checksum(&bytes), whole);
        }
    }
}
