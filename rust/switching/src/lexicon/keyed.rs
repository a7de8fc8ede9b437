//! The tokens of texts with the hash of their normal form: read once, looked up in every lexicon.

use std::ops::Range;

use crate::tokenize::gap::{gap_bytes, normal_gap};
use crate::tokenize::marks::{Marks, PADDING};
use crate::tokenize::protect::Protection;
use crate::tokenize::{TokenSpan, tokens};
use crate::{Error, Result};

use super::normalise::normalise_into;
use foundation::hash::{hash_ascii, hash_bytes, hash_longer, same_ascii, same_short, same_text};

/// One token: [`KeyedTokens::text`]`[start..end]`.
#[derive(Clone, Copy, Debug)]
pub struct KeyedToken {
    /// Hash of the normal form.
    pub hash: u64,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
    /// Where its normal form is among those of the tokens that are not ASCII.
    normal: Option<NonMax>,
    /// Some character is numeric.
    pub digit: bool,
}

/// An index that leaves a value for `None`.
#[derive(Clone, Copy, Debug)]
struct NonMax(std::num::NonZeroU32);

impl NonMax {
    fn new(index: usize) -> Option<Self> {
        let number = u32::try_from(index).ok()?.checked_add(1)?;
        std::num::NonZeroU32::new(number).map(NonMax)
    }

    fn get(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// Where one of the texts is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextPlace {
    /// Its bytes in [`KeyedTokens::text`].
    pub bytes: Range<usize>,
    /// Its tokens.
    pub tokens: Range<usize>,
}

/// The tokens of one text or several; reused from call to call to save allocations.
#[derive(Debug, Default)]
pub struct KeyedTokens {
    /// The texts, a line feed after each, and line feeds to the end of the last block and of one more.
    text: String,
    texts: Vec<TextPlace>,
    tokens: Vec<KeyedToken>,
    /// Normal forms of the tokens that are not ASCII, one after the other.
    normal: String,
    normal_ends: Vec<u32>,
    marks: Marks,
}

impl KeyedTokens {
    /// Replaces the contents with the tokens of `text`.
    ///
    /// # Errors
    /// `Error::Input` for a text whose positions do not fit 32 bits.
    pub fn read(&mut self, text: &str) -> Result<()> {
        self.clear();
        self.push(text)?;
        self.finish();
        Ok(())
    }

    /// Forgets all texts.
    pub fn clear(&mut self) {
        self.text.clear();
        self.texts.clear();
    }

    /// Adds a text; its tokens are there after [`KeyedTokens::finish`].
    ///
    /// # Errors
    /// `Error::Input` for texts whose positions do not fit 32 bits.
    pub fn push(&mut self, text: &str) -> Result<()> {
        // Normal forms can be several times longer than their text: eighteen times is Unicode's most.
        let most = u32::MAX as usize / if text.is_ascii() { 1 } else { 18 } - 4 * PADDING;
        if self.text.len() + text.len() > most {
            return Err(Error::input(
                format!(
                    "a text of {} bytes is too long to switch at once",
                    text.len()
                ),
                "split it into passages",
            ));
        }
        let start = self.text.len();
        self.text.push_str(text);
        self.texts.push(TextPlace {
            bytes: start..self.text.len(),
            tokens: 0..0,
        });
        self.text.push('\n');
        Ok(())
    }

    /// Finds the tokens of the texts added.
    pub fn finish(&mut self) {
        let padded = self.text.len().next_multiple_of(PADDING) + PADDING;
        self.text
            .extend(std::iter::repeat_n('\n', padded - self.text.len()));
        self.tokens.clear();
        self.normal.clear();
        self.normal_ends.clear();
        self.marks.read(self.text.as_bytes());
        let bytes = self.text.as_bytes();
        if self.marks.is_all_ascii() {
            let runs = self.marks.runs();
            self.tokens
                .extend(runs.map(|(start, end)| key_ascii(bytes, start, end)));
            return self.divide();
        }
        for (start, end) in self.marks.runs() {
            if self.marks.is_ascii(start, end) {
                self.tokens.push(key_ascii(bytes, start, end));
                continue;
            }
            // Nothing before or after a run changes its tokens.
            for span in tokens(self.text.get(start..end).unwrap_or_default()) {
                let token = key(
                    &self.text,
                    start,
                    span,
                    &mut self.normal,
                    &mut self.normal_ends,
                );
                self.tokens.push(token);
            }
        }
        self.divide();
    }

    /// Finds out which tokens are whose.
    fn divide(&mut self) {
        let mut first = 0;
        for place in &mut self.texts {
            let rest = self.tokens.get(first..).unwrap_or_default();
            let count = rest.partition_point(|token| (token.start as usize) < place.bytes.end);
            place.tokens = first..first + count;
            first += count;
        }
    }

    /// The texts as they were added, with what stands between them.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where each text is.
    pub fn texts(&self) -> &[TextPlace] {
        &self.texts
    }

    /// Number of tokens.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether no text has a token.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// Token number `at`.
    #[inline]
    pub fn get(&self, at: usize) -> Option<&KeyedToken> {
        self.tokens.get(at)
    }

    /// All tokens in order.
    pub fn all(&self) -> &[KeyedToken] {
        &self.tokens
    }

    /// First and one past the last byte of tokens `at..at + length`.
    #[inline]
    pub fn bytes_of(&self, at: usize, length: usize) -> Option<(usize, usize)> {
        let first = self.tokens.get(at)?;
        let last = self.tokens.get(at + length - 1)?;
        Some((first.start as usize, last.end as usize))
    }

    /// Replaces `protected` with one bool per token: whether it is part of a URL, an e-mail address or code
    /// (see [`crate::tokenize::protect`]).
    pub fn mark_protected(&self, protected: &mut Vec<bool>) {
        let mut protection = Protection::new(&self.text);
        protected.clear();
        protected.resize(self.tokens.len(), false);
        let (mut tokens, mut marks) = (self.tokens.as_slice(), protected.as_mut_slice());
        for suspect in self.marks.suspects(self.text.as_bytes()) {
            let before = tokens.partition_point(|token| (token.start as usize) < suspect.start);
            tokens = tokens.get(before..).unwrap_or_default();
            marks = marks.get_mut(before..).unwrap_or_default();
            let starts = tokens.iter().map(|token| token.start as usize);
            for (start, mark) in starts.zip(marks.iter_mut()) {
                if start >= suspect.end {
                    break;
                }
                *mark = protection.is_protected(start);
            }
        }
    }

    /// The packed normal gap before token `at`, where it may be part of a phrase.
    #[inline]
    fn gap_before(&self, at: usize) -> Option<u64> {
        let before = self.tokens.get(at.checked_sub(1)?)?;
        let token = self.tokens.get(at)?;
        normal_gap(self.text.get(before.end as usize..token.start as usize)?)
    }

    /// The hash of tokens `at` and `at + 1` with one space or hyphen between them, and whether that is what
    /// stands there, as nearly always.
    #[inline]
    pub(crate) fn plain_pair(&self, at: usize) -> (u64, bool) {
        let Some([token, next]) = self.tokens.get(at..).and_then(<[_]>::first_chunk) else {
            return (0, false);
        };
        let between = self.text.as_bytes().get(token.end as usize);
        let is_plain = matches!(between, Some(b' ' | b'-')) & (token.end + 1 == next.start);
        let hash = hash_longer(token.hash, u64::from(b' '), next.hash);
        (hash, is_plain)
    }

    /// The hash of a sequence of tokens with token `at` added, or `None` where no phrase goes on to it.
    #[inline]
    pub(crate) fn extend_hash(&self, sequence: u64, at: usize) -> Option<u64> {
        let gap = self.gap_before(at)?;
        Some(hash_longer(sequence, gap, self.tokens.get(at)?.hash))
    }

    /// Whether token `at` is ASCII, short, and in normal form a source, given as for [`KeyedTokens::spell`].
    #[inline(always)]
    pub(super) fn is_short_word(&self, at: usize, (source, size): (&[u8], usize)) -> bool {
        let Some(token) = self.tokens.get(at) else {
            return false;
        };
        let (start, end) = (token.start as usize, token.end as usize);
        token.normal.is_none()
            && end - start == size
            && same_short(self.text.as_bytes(), start, source, size)
    }

    /// Whether token `at` in normal form is a source, given as for [`KeyedTokens::spell`].
    pub(super) fn is_word(&self, at: usize, (source, size): (&[u8], usize)) -> bool {
        let Some(token) = self.tokens.get(at) else {
            return false;
        };
        let (start, end) = (token.start as usize, token.end as usize);
        match token.normal {
            None => end - start == size && same_ascii(self.text.as_bytes(), start, end, source),
            Some(_) => self.spell(at, 1, (source, size)),
        }
    }

    /// Whether tokens `at..at + length` with what stands between them are a source, given as for
    /// [`KeyedTokens::spell`], save for ASCII capitals.
    #[inline]
    pub(super) fn is_plain_spelling(
        &self,
        at: usize,
        length: usize,
        (source, size): (&[u8], usize),
    ) -> bool {
        self.bytes_of(at, length).is_some_and(|(start, end)| {
            end - start == size && same_text(self.text.as_bytes(), start, end, source)
        })
    }

    /// Whether tokens `at..at + length` in normal form, with their normal gaps, spell a source, given as
    /// its bytes with more behind them and its length.
    pub(super) fn spell(&self, at: usize, length: usize, (source, size): (&[u8], usize)) -> bool {
        let mut rest = source;
        for index in at..at + length {
            if index > at {
                let Some(gap) = self.gap_before(index) else {
                    return false;
                };
                rest = match rest {
                    [b' ', after @ ..] if gap == u64::from(b' ') => after,
                    _ => {
                        let (bytes, size) = gap_bytes(gap);
                        let Some(after) = bytes.get(..size).and_then(|gap| rest.strip_prefix(gap))
                        else {
                            return false;
                        };
                        after
                    }
                };
            }
            let Some(after) = self.strip_token(index, rest) else {
                return false;
            };
            rest = after;
        }
        rest.len() + size == source.len()
    }

    #[inline]
    fn strip_token<'s>(&self, at: usize, source: &'s [u8]) -> Option<&'s [u8]> {
        let token = self.tokens.get(at)?;
        match self.normal_of(token) {
            None => {
                let (start, end) = (token.start as usize, token.end as usize);
                let same = same_ascii(self.text.as_bytes(), start, end, source);
                source.get(end - start..).filter(|_| same)
            }
            Some(normal) => source.strip_prefix(normal.as_bytes()),
        }
    }

    /// The normal form of a token that is not ASCII.
    fn normal_of(&self, token: &KeyedToken) -> Option<&str> {
        let index = token.normal?.get();
        let start = index
            .checked_sub(1)
            .and_then(|before| self.normal_ends.get(before));
        let end = self.normal_ends.get(index)?;
        self.normal
            .get(start.map_or(0, |&start| start as usize)..*end as usize)
    }

    /// The normal form of all tokens joined by their gaps; `None` where a gap joins no phrase.
    pub fn spelling(&self) -> Option<String> {
        let mut spelling = Vec::with_capacity(self.text.len());
        for (at, token) in self.tokens.iter().enumerate() {
            if at > 0 {
                let (bytes, size) = gap_bytes(self.gap_before(at)?);
                spelling.extend_from_slice(bytes.get(..size)?);
            }
            match self.normal_of(token) {
                None => {
                    let token = self.text.get(token.start as usize..token.end as usize)?;
                    spelling.extend(token.bytes().map(|byte| byte.to_ascii_lowercase()));
                }
                Some(normal) => spelling.extend_from_slice(normal.as_bytes()),
            }
        }
        String::from_utf8(spelling).ok()
    }
}

#[inline]
fn key_ascii(bytes: &[u8], start: usize, end: usize) -> KeyedToken {
    let (hash, digit) = hash_ascii(bytes, start, end);
    KeyedToken {
        hash,
        start: start as u32,
        end: end as u32,
        normal: None,
        digit,
    }
}

/// The token at `span` of the run that starts at `run`; its normal form goes to `normal` unless it is ASCII.
fn key(
    text: &str,
    run: usize,
    span: TokenSpan,
    normal: &mut String,
    normal_ends: &mut Vec<u32>,
) -> KeyedToken {
    let (start, end) = (run + span.start, run + span.end);
    let mut token = KeyedToken {
        hash: 0,
        start: start as u32,
        end: end as u32,
        normal: None,
        digit: span.digit,
    };
    if span.ascii {
        token.hash = hash_ascii(text.as_bytes(), start, end).0;
    } else {
        let normal_start = normal.len();
        normalise_into(text.get(start..end).unwrap_or_default(), normal);
        token.hash = hash_bytes(normal.as_bytes().get(normal_start..).unwrap_or_default());
        token.normal = NonMax::new(normal_ends.len());
        normal_ends.push(normal.len() as u32);
    }
    token
}
