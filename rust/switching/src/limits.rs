//! What a text can be read at on this machine, to hold the speed of switching against.

/// Which bytes belong to a word: ASCII letters and digits, and every byte of a longer character.
const WORD: [bool; 256] = word_bytes();

const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;

const fn word_bytes() -> [bool; 256] {
    let mut word = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        word[byte] = byte >= 0x80 || (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    word
}

/// Splits a text into words, hashes each and does nothing else: what every switcher that looks words up has
/// to do at least. Returns the sum of the hashes, so that no work can be left out.
pub fn split_and_hash(text: &[u8]) -> u64 {
    let is_word = |byte: &u8| WORD[usize::from(*byte)];
    let mut sum = 0u64;
    let mut at = 0;
    while let Some(gap) = text[at..].iter().position(is_word) {
        let start = at + gap;
        let length = text[start..].iter().position(|byte| !is_word(byte));
        at = length.map_or(text.len(), |length| start + length);
        sum = sum.wrapping_add(hash(text, start, at));
    }
    sum
}

/// Eight bytes at a time by one multiplication each.
#[inline]
fn hash(text: &[u8], start: usize, end: usize) -> u64 {
    let mut hash = (end - start) as u64;
    let mut at = start;
    while at < end {
        hash = (hash ^ eight_bytes(text, at, end)).wrapping_mul(MULTIPLIER);
        hash ^= hash >> 32;
        at += 8;
    }
    hash
}

/// Up to eight bytes of `text[at..end]`, zero above `end`.
#[inline]
fn eight_bytes(text: &[u8], at: usize, end: usize) -> u64 {
    let length = (end - at).min(8);
    match text.get(at..at + 8).map(<[u8; 8]>::try_from) {
        Some(Ok(eight)) => u64::from_le_bytes(eight) & (u64::MAX >> (64 - 8 * length)),
        _ => text[at..end]
            .iter()
            .rev()
            .fold(0, |word, &byte| word << 8 | u64::from(byte)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn separators_alone_have_no_words() {
        assert_eq!(split_and_hash(b""), 0);
        assert_eq!(split_and_hash(b" ,.- \n"), 0);
    }

    proptest! {
        #[test]
        fn the_sum_is_over_the_words_wherever_they_are(text in "[a-z0-9é ,.-]{0,60}") {
            let separator = |character: char| matches!(character, ' ' | ',' | '.' | '-');
            let words = text.split(separator).filter(|word| !word.is_empty());
            let sum = words.fold(0u64, |sum, word| sum.wrapping_add(split_and_hash(word.as_bytes())));
            prop_assert_eq!(split_and_hash(text.as_bytes()), sum);
        }

        #[test]
        fn words_that_differ_in_a_byte_have_other_hashes(word in "[a-z]{1,20}", at: prop::sample::Index) {
            let mut other = word.clone().into_bytes();
            let at = at.index(other.len());
            other[at] ^= 0x20;
            prop_assert_ne!(split_and_hash(word.as_bytes()), split_and_hash(&other));
        }
    }
}
