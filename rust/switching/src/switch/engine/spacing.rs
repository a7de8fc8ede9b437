//! A space where switching would join two words.
//!
//! Tokens touch only where one of them is of a script written without spaces. If it is switched, a word of a
//! script written with spaces may come to stand against another: against the neighbour's target, or against
//! the neighbour itself.

use crate::tokenize::continues_token;

/// Whether text goes on with a letter, digit or mark of a script written with spaces.
#[inline]
pub(super) fn starts_in_word(bytes: &[u8]) -> bool {
    match bytes.first() {
        None => false,
        Some(first) if first.is_ascii() => first.is_ascii_alphanumeric(),
        Some(_) => decoded(bytes.get(..4).unwrap_or(bytes)).is_some_and(continues_token),
    }
}

/// Whether text ends in a letter, digit or mark of a script written with spaces.
#[inline]
pub(super) fn ends_in_word(bytes: &[u8]) -> bool {
    match bytes.last() {
        None => false,
        Some(last) if last.is_ascii() => last.is_ascii_alphanumeric(),
        Some(_) => {
            let last_four = bytes.get(bytes.len().saturating_sub(4)..).unwrap_or(bytes);
            let is_start = |byte: &u8| *byte & 0xC0 != 0x80;
            let start = last_four.iter().rposition(is_start).unwrap_or_default();
            decoded(last_four.get(start..).unwrap_or_default()).is_some_and(continues_token)
        }
    }
}

/// The first character of bytes that may end within another.
fn decoded(bytes: &[u8]) -> Option<char> {
    bytes.utf8_chunks().next()?.valid().chars().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_scripts_with_spaces_are_told() {
        for word in ["Nord", "ßa", "дом", "한", "2", "e\u{301}", "हिन्दी", "٣"] {
            assert!(starts_in_word(word.as_bytes()) && ends_in_word(word.as_bytes()));
        }
        for other in ["", "北", "ที่", "カ", "-", " ", "…", "😀", "。"] {
            assert!(!starts_in_word(other.as_bytes()) && !ends_in_word(other.as_bytes()));
        }
        assert!(starts_in_word("ß北京".as_bytes()) && !ends_in_word("ß北京".as_bytes()));
        assert!(!starts_in_word(b"\xFFa") && !ends_in_word(b"a\xFF"));
    }
}
