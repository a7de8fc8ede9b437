//! Token byte spans over any script. Text is never rewritten: everything here is a range of the input.
//!
//! A *token* is
//! - a maximal run of letters, digits (any numeric character) and combining marks that starts with a letter
//!   or digit; or
//! - one character, with the combining marks after it, of a script written without spaces (Han, Kana,
//!   Bopomofo, Thai, Lao, Khmer, Myanmar), so that longest match over tokens finds words there. The voicing
//!   marks of half-width Kana, letters to Unicode, are marks here: `ﾊﾞ` is one token as `バ` is.
//!
//! A single *joiner* between two such characters belongs to the token: an apostrophe (`'`, `’`, `‘`), the
//! middle dot of Catalan, Hebrew geresh and gershayim, a soft hyphen, ZWJ and ZWNJ. So `don't`, `l’eau` and
//! `col·lecció` are one token each. A hyphen separates: `gluten-free` is two tokens, and a lexicon entry
//! `gluten-free` is a phrase of two, which also matches `gluten free` (see [`gap`]).
//!
//! [`protect`] says which tokens are part of a URL, an e-mail address or code.

use unicode_normalization::char::is_combining_mark;

mod classes;
pub mod gap;
pub mod marks;
pub mod protect;

/// One token of a text: `text[start..end]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenSpan {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// All bytes are ASCII.
    pub ascii: bool,
    /// Some character is numeric (Unicode `Nd`, `Nl` or `No`).
    pub digit: bool,
}

const WORD: u8 = 1;
const DIGIT: u8 = 2;
const APOSTROPHE: u8 = 4;
const NON_ASCII: u8 = 8;

/// What each byte can be to a token, so that ASCII text is read with one load per byte.
const CLASS: [u8; 256] = byte_classes();

const fn byte_classes() -> [u8; 256] {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            b'a'..=b'z' | b'A'..=b'Z' => WORD,
            b'0'..=b'9' => WORD | DIGIT,
            b'\'' => APOSTROPHE,
            0x80.. => NON_ASCII,
            _ => 0,
        };
        byte += 1;
    }
    classes
}

/// Iterates over the tokens of a text, from left to right.
#[derive(Clone, Debug)]
pub struct TokenSpans<'t> {
    text: &'t str,
    position: usize,
}

/// Returns the tokens of `text`; see the module for what a token is.
pub fn tokens(text: &str) -> TokenSpans<'_> {
    TokenSpans { text, position: 0 }
}

impl Iterator for TokenSpans<'_> {
    type Item = TokenSpan;

    #[inline]
    fn next(&mut self) -> Option<TokenSpan> {
        let bytes = self.text.as_bytes();
        let mut at = self.position;
        while let Some(&byte) = bytes.get(at) {
            let class = CLASS[usize::from(byte)];
            if class & WORD != 0 {
                let span = self.ascii_token(at);
                self.position = span.end;
                return Some(span);
            }
            if class & NON_ASCII == 0 {
                at += 1;
                continue;
            }
            let Some(character) = char_at(self.text, at) else {
                break;
            };
            if starts_token(character) {
                let span = self.any_token(at);
                self.position = span.end;
                return Some(span);
            }
            at += character.len_utf8();
        }
        self.position = bytes.len();
        None
    }
}

impl TokenSpans<'_> {
    /// Reads the token at `start`, an ASCII letter or digit, as long as it stays ASCII.
    #[inline]
    fn ascii_token(&self, start: usize) -> TokenSpan {
        let bytes = self.text.as_bytes();
        let class_at = |at: usize| bytes.get(at).map_or(0, |&byte| CLASS[usize::from(byte)]);
        let mut at = start;
        let mut seen = 0;
        loop {
            let class = class_at(at);
            if class & WORD != 0 {
                seen |= class;
                at += 1;
            } else if class & NON_ASCII != 0 {
                return self.any_token(start);
            } else if class & APOSTROPHE != 0 {
                let next = class_at(at + 1);
                if next & NON_ASCII != 0 {
                    return self.any_token(start);
                }
                if next & WORD == 0 {
                    break;
                }
                at += 1;
            } else {
                break;
            }
        }
        TokenSpan {
            start,
            end: at,
            ascii: true,
            digit: seen & DIGIT != 0,
        }
    }

    /// Reads the token at `start` character by character.
    fn any_token(&self, start: usize) -> TokenSpan {
        let mut span = TokenSpan {
            start,
            end: start,
            ascii: true,
            digit: false,
        };
        let rest = self.text.get(start..).unwrap_or_default();
        let mut characters = rest.chars().peekable();
        let Some(first) = characters.next() else {
            return span;
        };
        span.extend(first);
        if is_unspaced(first) {
            let is_mark = |next: &char| is_combining_mark(*next) || is_voicing_mark(*next);
            while let Some(mark) = characters.next_if(is_mark) {
                span.extend(mark);
            }
            return span;
        }
        while let Some(character) = characters.next() {
            if continues_token(character) {
                span.extend(character);
            } else if is_joiner(character)
                && let Some(&next) = characters.peek()
                && continues_token(next)
            {
                span.extend(character);
            } else {
                break;
            }
        }
        span
    }
}

impl TokenSpan {
    fn extend(&mut self, character: char) {
        self.end += character.len_utf8();
        self.ascii &= character.is_ascii();
        self.digit |= character.is_numeric();
    }
}

fn char_at(text: &str, at: usize) -> Option<char> {
    text.get(at..)?.chars().next()
}

fn starts_token(character: char) -> bool {
    character.is_alphanumeric() && !is_combining_mark(character)
}

/// Letters, digits and marks, but those of the scripts that are written without spaces between words.
pub(crate) fn continues_token(character: char) -> bool {
    (character.is_alphanumeric() || is_combining_mark(character)) && !is_unspaced(character)
}

/// The voicing marks of half-width Kana, characters of their own there.
fn is_voicing_mark(character: char) -> bool {
    matches!(character, '\u{FF9E}' | '\u{FF9F}')
}

/// Characters that hold a word together when they stand between two of its characters.
fn is_joiner(character: char) -> bool {
    matches!(
        character,
        '\'' | '’' | '‘' | '·' | '\u{5F3}' | '\u{5F4}' | '\u{AD}' | '\u{200C}' | '\u{200D}'
    )
}

/// Letters, digits and marks of the scripts that are written without spaces between words.
pub(crate) fn is_unspaced(character: char) -> bool {
    matches!(
        character,
        '\u{0E00}'..='\u{0EFF}'        // Thai, Lao
        | '\u{1000}'..='\u{109F}'      // Myanmar
        | '\u{1780}'..='\u{17FF}'      // Khmer
        | '\u{3005}'..='\u{3007}'      // ideographic iteration mark, closing mark, zero
        | '\u{3041}'..='\u{30FA}'      // Hiragana, Katakana
        | '\u{30FC}'..='\u{312F}'      // long vowel mark, Bopomofo
        | '\u{31A0}'..='\u{31BF}'      // Bopomofo extended
        | '\u{31F0}'..='\u{31FF}'      // Katakana extension
        | '\u{3400}'..='\u{4DBF}'      // Han extension A
        | '\u{4E00}'..='\u{9FFF}'      // Han
        | '\u{F900}'..='\u{FAFF}'      // Han compatibility
        | '\u{FF66}'..='\u{FF9F}'      // half-width Katakana
        | '\u{20000}'..='\u{323AF}'    // Han extensions B to H
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(text: &str) -> Vec<&str> {
        tokens(text)
            .map(|span| &text[span.start..span.end])
            .collect()
    }

    #[test]
    fn words_keep_inner_apostrophes_and_split_at_hyphens() {
        assert_eq!(
            words("Don't 'quote' gluten-free rock 'n' roll's"),
            ["Don't", "quote", "gluten", "free", "rock", "n", "roll's"]
        );
        assert_eq!(
            words("l’eau col·lecció naïve"),
            ["l’eau", "col·lecció", "naïve"]
        );
    }

    #[test]
    fn marks_and_invisible_joiners_stay_inside_a_word() {
        assert_eq!(words("e\u{301}te\u{301} x"), ["e\u{301}te\u{301}", "x"]);
        assert_eq!(words("می\u{200C}خواهم"), ["می\u{200C}خواهم"]);
        assert_eq!(
            words("so\u{AD}ft हिन्दी ❤\u{FE0F} ok"),
            ["so\u{AD}ft", "हिन्दी", "ok"]
        );
    }

    #[test]
    fn unspaced_scripts_give_one_token_per_character() {
        assert_eq!(
            words("北京大学 ABC語"),
            ["北", "京", "大", "学", "ABC", "語"]
        );
        assert_eq!(words("ที่นี่"), ["ที่", "นี่"]);
        assert_eq!(words("ﾊﾞｰ ﾞﾊﾟ"), ["ﾊﾞ", "ｰ", "ﾞ", "ﾊﾟ"]);
    }

    #[test]
    fn digits_are_seen() {
        let found: Vec<bool> = tokens("abc a1 12 ½ ４x").map(|span| span.digit).collect();
        assert_eq!(found, [false, true, true, true, true]);
    }

    proptest! {
        #[test]
        fn spans_are_ordered_not_empty_and_on_character_boundaries(text in "\\PC{0,60}") {
            let mut last = 0;
            for span in tokens(&text) {
                prop_assert!(span.start >= last && span.end > span.start);
                let token = text.get(span.start..span.end);
                prop_assert!(token.is_some());
                prop_assert_eq!(token.unwrap().is_ascii(), span.ascii);
                last = span.end;
            }
        }

        #[test]
        fn the_fast_and_the_general_path_agree(text in "[a-c'1’é -]{0,20}") {
            for span in tokens(&text) {
                prop_assert_eq!(TokenSpans { text: &text, position: 0 }.any_token(span.start), span);
            }
        }
    }
}
