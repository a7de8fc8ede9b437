//! The hash of the format: of a token's normal form, of a sequence of tokens, and of the file's bytes.
//!
//! Multiply-and-fold over little-endian 8-byte words. It is part of the format's version: changing it
//! changes every file.

const LENGTH: u64 = 0x9E37_79B9_7F4A_7C15;
const START: u64 = 0x2D35_8DCC_AA6C_78A5;
const WORD: u64 = 0x8BB8_4B93_962E_ACC9;
const LAST: u64 = 0x4B33_A62E_D433_D4A3;
const GAP: u64 = 0xA076_1D64_78BD_642F;

#[inline]
fn fold(left: u64, right: u64) -> u64 {
    let product = u128::from(left) * u128::from(right);
    (product as u64) ^ ((product >> 64) as u64)
}

/// Lower-cases the ASCII capitals among eight bytes.
#[inline]
fn lowercase(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let low = word & (0x7F * ONES);
    let from_a = low + (0x80 - b'A' as u64) * ONES;
    let above_z = low + (0x7F - b'Z' as u64) * ONES;
    let capital = (from_a ^ above_z) & !word & (0x80 * ONES);
    word | (capital >> 2)
}

/// Up to eight bytes of `bytes[start..end]` as a little-endian word, zero above `end`.
#[inline]
fn word_at(bytes: &[u8], start: usize, end: usize) -> u64 {
    let length = end - start;
    if let Some(Ok(eight)) = bytes.get(start..start + 8).map(<[u8; 8]>::try_from) {
        let word = u64::from_le_bytes(eight);
        return if length >= 8 {
            word
        } else {
            word & !(u64::MAX << (8 * length))
        };
    }
    let mut padded = [0; 8];
    for (to, from) in padded
        .iter_mut()
        .zip(bytes.get(start..end).unwrap_or_default())
    {
        *to = *from;
    }
    u64::from_le_bytes(padded)
}

/// Hashes the token `bytes[start..end]`, its ASCII capitals lower-cased.
#[inline]
pub(super) fn hash_token(bytes: &[u8], start: usize, end: usize) -> u64 {
    let mut hash = START ^ ((end - start) as u64).wrapping_mul(LENGTH);
    let mut at = start;
    while at < end {
        hash = fold(hash ^ lowercase(word_at(bytes, at, end.min(at + 8))), WORD);
        at += 8;
    }
    fold(hash, LAST)
}

/// Hashes a sequence of tokens that is longer by one, `gap` being the packed gap between them.
#[inline]
pub(super) fn hash_longer(sequence: u64, gap: u64, token: u64) -> u64 {
    fold(sequence ^ gap.wrapping_mul(GAP), token ^ LENGTH).wrapping_add(sequence.rotate_left(17))
}

/// Sums up bytes; four independent lanes, so that it runs at the speed of memory.
pub(super) fn checksum(bytes: &[u8]) -> u64 {
    let mut lanes = [START, WORD, LAST, GAP];
    let mut blocks = bytes.chunks_exact(32);
    for block in &mut blocks {
        for (lane, eight) in lanes.iter_mut().zip(block.chunks_exact(8)) {
            *lane = fold(*lane ^ word_at(eight, 0, 8), LENGTH).wrapping_add(*lane);
        }
    }
    let rest = blocks.remainder();
    let sum = lanes.iter().fold(bytes.len() as u64, |sum, lane| {
        fold(sum ^ lane, LAST).wrapping_add(lane.rotate_left(31))
    });
    hash_longer(sum, 0, hash_exact(rest))
}

fn hash_exact(bytes: &[u8]) -> u64 {
    bytes.chunks(8).fold(START, |hash, eight| {
        fold(hash ^ word_at(eight, 0, eight.len()), WORD).wrapping_add(hash.rotate_left(23))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn hash_ignores_ascii_case_and_surroundings(token in "[a-zA-Z']{1,20}", before in "[a-z ]{0,9}") {
            let lower = token.to_ascii_lowercase();
            let alone = hash_token(lower.as_bytes(), 0, lower.len());
            let text = format!("{before}{token} and more");
            prop_assert_eq!(hash_token(text.as_bytes(), before.len(), before.len() + token.len()), alone);
        }

        #[test]
        fn lowercase_is_that_of_the_standard_library(bytes: [u8; 8]) {
            let lower = bytes.map(|byte| byte.to_ascii_lowercase());
            prop_assert_eq!(lowercase(u64::from_le_bytes(bytes)), u64::from_le_bytes(lower));
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
