//! Tokens that are part of a URL, an e-mail address, a file name, an option or an identifier.
//!
//! Text is cut into *hard chunks* at white space, quotation marks, `<`, `>`, `` ` ``, typographic
//! punctuation and characters of unspaced scripts, which are never protected. In a hard chunk everything
//! from the start of a URL (`scheme://`, `www.` and a word, `mailto:` and more) on is protected; a hard chunk right after `<`, a
//! tag's name, is so from its start. The rest is cut at `( ) [ ] { } | , ;` into *soft chunks*, and a soft
//! chunk is protected as a whole when it
//! - holds `@`, `\`, `=` or `::`;
//! - holds `_` between two word bytes (`foo_bar`, yet not `_emphasis_`);
//! - holds `.` between two word bytes, unless both sides of each such dot are one letter (`file.txt`,
//!   `cslir.org`, yet not `U.S.`);
//! - starts like an option (`--word`, `-x` alone), a hidden file (`.bashrc`), a path (`/usr`, `~`), a
//!   variable, tag or entity (`$HOME`, `#tag`, `%s`, `&amp`);
//! - holds two slashes or more (`usr/share/doc`).
//!
//! Numbers and words with digits (`libfoo2`, `1st`) are marked by the tokeniser itself
//! ([`TokenSpan::digit`](super::TokenSpan)).

use std::ops::Range;

use super::is_unspaced;

/// Answers, for tokens from left to right, whether they are protected; linear in the text.
#[derive(Debug)]
pub struct Protection<'t> {
    text: &'t str,
    hard: Range<usize>,
    protected_from: usize,
    soft: Range<usize>,
    soft_is_code: bool,
}

impl<'t> Protection<'t> {
    /// Starts at the beginning of `text`.
    pub fn new(text: &'t str) -> Self {
        Protection {
            text,
            hard: 0..0,
            protected_from: usize::MAX,
            soft: 0..0,
            soft_is_code: false,
        }
    }

    /// Whether the token that starts at `start` is protected. Tokens come from left to right; some may be
    /// left out.
    pub fn is_protected(&mut self, start: usize) -> bool {
        let rest = self.text.get(start..).unwrap_or_default();
        if rest.starts_with(is_hard_delimiter) {
            return false;
        }
        if !self.hard.contains(&start) {
            self.hard = self.chunk_around(start, self.hard.end, self.text.len(), is_hard_delimiter);
            let chunk = self.text.get(self.hard.clone()).unwrap_or_default();
            let is_tag = self.text.as_bytes().get(self.hard.start.wrapping_sub(1)) == Some(&b'<');
            let start = if is_tag { Some(0) } else { url_start(chunk) };
            self.protected_from = start.map_or(usize::MAX, |at| self.hard.start + at);
        }
        if start >= self.protected_from {
            return true;
        }
        if !self.soft.contains(&start) {
            let low = self.hard.start.max(self.soft.end);
            let high = self.hard.end.min(self.protected_from);
            self.soft = self.chunk_around(start, low, high, is_soft_delimiter);
            self.soft_is_code = is_code(self.text.get(self.soft.clone()).unwrap_or_default());
        }
        self.soft_is_code
    }

    fn chunk_around(
        &self,
        at: usize,
        low: usize,
        high: usize,
        ends: fn(char) -> bool,
    ) -> Range<usize> {
        let before = self.text.get(low..at).unwrap_or_default();
        let after = self.text.get(at..high).unwrap_or_default();
        let start = before
            .char_indices()
            .rev()
            .find(|&(_, character)| ends(character))
            .map_or(low, |(index, character)| low + index + character.len_utf8());
        let end = after
            .char_indices()
            .find(|&(_, character)| ends(character))
            .map_or(high, |(index, _)| at + index);
        start..end
    }
}

fn is_hard_delimiter(character: char) -> bool {
    match character {
        '"' | '<' | '>' | '`' => true,
        '\0'..='\x7F' => character.is_ascii_whitespace() || character == '\x0B',
        '’' | '\u{2010}' | '\u{2011}' | '\u{200C}' | '\u{200D}' => false,
        '«' | '»' | '\u{2000}'..='\u{206F}' | '\u{3000}'..='\u{303F}' | '\u{FF00}'..='\u{FF65}' => {
            true
        }
        _ => character.is_whitespace() || is_unspaced(character),
    }
}

fn is_soft_delimiter(character: char) -> bool {
    matches!(
        character,
        '(' | ')' | '[' | ']' | '{' | '}' | '|' | ',' | ';'
    )
}

/// Any byte of a non-ASCII character counts: those that are no part of words end a chunk or do not matter.
fn is_word_byte(byte: Option<&u8>) -> bool {
    byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii())
}

fn url_start(chunk: &str) -> Option<usize> {
    let scheme = chunk.find("://").and_then(|separator| {
        let is_scheme =
            |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'.' | b'-');
        let scheme = chunk.as_bytes().get(..separator)?;
        let length = scheme
            .iter()
            .rev()
            .take_while(|&byte| is_scheme(byte))
            .count();
        (length > 0).then_some(separator - length)
    });
    let named = |name: &[u8], goes_on: fn(Option<&u8>) -> bool| {
        let bytes = chunk.as_bytes();
        let starts = bytes.windows(name.len()).enumerate();
        let mut found = starts.filter(|(_, window)| window.eq_ignore_ascii_case(name));
        found.find_map(|(at, _)| {
            let starts = at == 0 || !is_word_byte(bytes.get(at - 1));
            (starts && goes_on(bytes.get(at + name.len()))).then_some(at)
        })
    };
    [
        scheme,
        named(b"www.", is_word_byte),
        named(b"mailto:", |next| next.is_some()),
    ]
    .into_iter()
    .flatten()
    .min()
}

fn is_code(chunk: &str) -> bool {
    let bytes = chunk.as_bytes();
    let mut slashes = 0;
    for (at, byte) in bytes.iter().enumerate() {
        let between_words =
            || at > 0 && is_word_byte(bytes.get(at - 1)) && is_word_byte(bytes.get(at + 1));
        match byte {
            b'@' | b'\\' | b'=' => return true,
            b':' if bytes.get(at + 1) == Some(&b':') => return true,
            b'_' if between_words() => return true,
            b'.' if between_words() && !is_abbreviation_dot(chunk, at) => return true,
            b'/' => slashes += 1,
            _ => {}
        }
    }
    slashes >= 2 || starts_like_code(bytes)
}

fn starts_like_code(bytes: &[u8]) -> bool {
    match bytes {
        [b'~', ..] => true,
        [b'-', b'-', rest @ ..] | [b'.' | b'/' | b'$' | b'#' | b'%' | b'&', rest @ ..] => {
            is_word_byte(rest.first())
        }
        [b'-', letter] => letter.is_ascii_alphabetic(),
        _ => false,
    }
}

/// Whether the word on either side of the dot is one character long.
fn is_abbreviation_dot(chunk: &str, at: usize) -> bool {
    let is_word = |character: &char| character.is_ascii_alphanumeric() || !character.is_ascii();
    let before = chunk.get(..at).unwrap_or_default();
    let after = chunk.get(at + 1..).unwrap_or_default();
    before.chars().rev().take_while(is_word).take(2).count() == 1
        && after.chars().take_while(is_word).take(2).count() == 1
}

#[cfg(test)]
mod tests {
    use super::super::tokens;
    use super::*;
    use proptest::prelude::*;

    fn free(text: &str) -> Vec<&str> {
        let mut protection = Protection::new(text);
        tokens(text)
            .filter(|span| !protection.is_protected(span.start))
            .map(|span| &text[span.start..span.end])
            .collect()
    }

    #[test]
    fn urls_and_addresses_are_protected_to_their_end() {
        assert_eq!(
            free("see http://a.example/some-page_(planet),x now"),
            ["see", "now"]
        );
        assert_eq!(
            free("[link](https://a.example/b) and www.word.example"),
            ["link", "and"]
        );
        assert_eq!(
            free("<a href=\"ftp://b/c\">word</a> me@home.example!"),
            ["word"]
        );
        assert_eq!(free("日本http://a.example/b日本"), ["日", "本", "日", "本"]);
    }

    #[test]
    fn code_is_protected_and_prose_is_not() {
        assert_eq!(
            free("foo_bar file.txt --option -v a::b x=y /usr/bin $HOME .profile"),
            [""; 0]
        );
        assert_eq!(
            free("(word) word, and/or well-known -- \"yes\"; no: _so_ U.S. e.g. end."),
            [
                "word", "word", "and", "or", "well", "known", "yes", "no", "so", "U", "S", "e",
                "g", "end"
            ]
        );
    }

    proptest! {
        #[test]
        fn only_tokens_of_suspect_chunks_are_protected(
            words in proptest::collection::vec("[a-c'.,:;/_@~<(“é-]{0,4}|www|mailto|://|::| |\n| -", 0..24)
        ) {
            use super::super::marks::{Marks, PADDING};
            let text = words.concat();
            let mut padded = text.clone();
            padded.push_str(&"\n".repeat(text.len().next_multiple_of(PADDING) + PADDING - text.len()));
            let mut marks = Marks::default();
            marks.read(padded.as_bytes());
            let mut every = Protection::new(&padded);
            let mut some = Protection::new(&padded);
            let suspects: Vec<_> = marks.suspects(padded.as_bytes()).collect();
            for span in tokens(&text) {
                let protected = every.is_protected(span.start);
                let suspect = suspects.iter().any(|chunk| chunk.contains(&span.start));
                prop_assert!(suspect || !protected, "{:?}", span);
                prop_assert!(!suspect || some.is_protected(span.start) == protected);
            }
            prop_assert!(suspects.is_sorted_by(|one, other| one.end <= other.start));
        }
    }
}
