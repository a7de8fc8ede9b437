//! The tokens of a text with the hash of their normal form: read once, looked up in every lexicon.

use crate::tokenize::gap::{gap_bytes, normal_gap};
use crate::tokenize::{TokenSpan, tokens};
use crate::{Error, Result};

use super::hash::{hash_longer, hash_token};
use super::normalise::normalise_into;

/// One token, `text[start..end]`.
#[derive(Clone, Copy, Debug)]
pub struct KeyedToken {
    /// Hash of the normal form.
    pub hash: u64,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
    /// Some character is numeric.
    pub digit: bool,
    ascii: bool,
    normal_start: u32,
    normal_end: u32,
}

/// The tokens of a text; reused from text to text to save allocations.
#[derive(Debug, Default)]
pub struct KeyedTokens {
    tokens: Vec<KeyedToken>,
    /// Normal forms of the tokens that are not ASCII, one after the other.
    normal: String,
}

impl KeyedTokens {
    /// Replaces the contents with the tokens of `text`.
    ///
    /// # Errors
    /// `Error::Input` for a text whose positions do not fit 32 bits.
    pub fn read(&mut self, text: &str) -> Result<()> {
        self.tokens.clear();
        self.normal.clear();
        // Normal forms can be several times longer than their text: eighteen times is Unicode's most.
        if text.len() > u32::MAX as usize / 18
            && !(text.is_ascii() && text.len() < u32::MAX as usize)
        {
            return Err(Error::input(
                format!(
                    "a text of {} bytes is too long to switch at once",
                    text.len()
                ),
                "split it into passages",
            ));
        }
        for span in tokens(text) {
            let token = self.key(text, span);
            self.tokens.push(token);
        }
        Ok(())
    }

    #[inline]
    fn key(&mut self, text: &str, span: TokenSpan) -> KeyedToken {
        let normal_start = self.normal.len();
        let hash = if span.ascii {
            hash_token(text.as_bytes(), span.start, span.end)
        } else {
            normalise_into(
                text.get(span.start..span.end).unwrap_or_default(),
                &mut self.normal,
            );
            hash_token(self.normal.as_bytes(), normal_start, self.normal.len())
        };
        KeyedToken {
            hash,
            start: span.start as u32,
            end: span.end as u32,
            digit: span.digit,
            ascii: span.ascii,
            normal_start: normal_start as u32,
            normal_end: self.normal.len() as u32,
        }
    }

    /// Number of tokens.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether the text has no token.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// Token number `at`.
    #[inline]
    pub fn get(&self, at: usize) -> Option<&KeyedToken> {
        self.tokens.get(at)
    }

    /// The packed normal gap before token `at`, where it may be part of a phrase.
    #[inline]
    fn gap_before(&self, text: &str, at: usize) -> Option<u64> {
        let before = self.tokens.get(at.checked_sub(1)?)?;
        let token = self.tokens.get(at)?;
        normal_gap(text.get(before.end as usize..token.start as usize)?)
    }

    /// The hash of a sequence of tokens with token `at` added, or `None` where no phrase goes on to it.
    #[inline]
    pub(super) fn extend_hash(&self, text: &str, sequence: u64, at: usize) -> Option<u64> {
        let gap = self.gap_before(text, at)?;
        Some(hash_longer(sequence, gap, self.tokens.get(at)?.hash))
    }

    /// Whether tokens `at..at + length` in normal form, with their normal gaps, spell `source`.
    #[inline]
    pub(super) fn spell(&self, text: &str, at: usize, length: usize, source: &[u8]) -> bool {
        let mut rest = source;
        for index in at..at + length {
            if index > at {
                let Some(gap) = self.gap_before(text, index) else {
                    return false;
                };
                let (bytes, size) = gap_bytes(gap);
                let Some(after) = bytes.get(..size).and_then(|gap| rest.strip_prefix(gap)) else {
                    return false;
                };
                rest = after;
            }
            let Some(after) = self.strip_token(text, index, rest) else {
                return false;
            };
            rest = after;
        }
        rest.is_empty()
    }

    #[inline]
    fn strip_token<'s>(&self, text: &str, at: usize, source: &'s [u8]) -> Option<&'s [u8]> {
        let token = self.tokens.get(at)?;
        if token.ascii {
            let bytes = text
                .as_bytes()
                .get(token.start as usize..token.end as usize)?;
            let (same, after) = source.split_at_checked(bytes.len())?;
            return same.eq_ignore_ascii_case(bytes).then_some(after);
        }
        source.strip_prefix(self.normal_of(token)?.as_bytes())
    }

    fn normal_of(&self, token: &KeyedToken) -> Option<&str> {
        self.normal
            .get(token.normal_start as usize..token.normal_end as usize)
    }

    /// The whole text's normal form: its tokens' joined by their gaps; `None` where a gap joins no phrase.
    pub(super) fn spelling(&self, text: &str) -> Option<String> {
        let mut spelling = Vec::with_capacity(text.len());
        for (at, token) in self.tokens.iter().enumerate() {
            if at > 0 {
                let (bytes, size) = gap_bytes(self.gap_before(text, at)?);
                spelling.extend_from_slice(bytes.get(..size)?);
            }
            if token.ascii {
                let bytes = text
                    .as_bytes()
                    .get(token.start as usize..token.end as usize)?;
                spelling.extend(bytes.iter().map(u8::to_ascii_lowercase));
            } else {
                spelling.extend_from_slice(self.normal_of(token)?.as_bytes());
            }
        }
        String::from_utf8(spelling).ok()
    }
}
