//! The buffer that switched text is put together in, short piece by short piece.

use crate::{Error, Result};

use crate::switch::casing::{Casing, casing_of, push_cased};

/// Bytes that are copied at a time, whether a piece has so many or not.
const CHUNK: usize = 32;

/// Text in the making; a piece is written with its neighbours' bytes behind it, to be overwritten.
#[derive(Debug, Default)]
pub(super) struct Output {
    bytes: Vec<u8>,
    length: usize,
    cased: String,
}

impl Output {
    pub(super) fn clear(&mut self) {
        self.length = 0;
    }

    pub(super) fn len(&self) -> usize {
        self.length
    }

    /// What was written.
    ///
    /// # Errors
    /// `Error::Input` if a target was not UTF-8, which only a forged lexicon can have.
    pub(super) fn text(&self) -> Result<&str> {
        simdutf8::basic::from_utf8(self.bytes()).map_err(|_| {
            Error::input(
                "a lexicon has a target that is not UTF-8",
                "compile it again",
            )
        })
    }

    /// What was written, UTF-8 unless a lexicon was forged.
    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// Appends `bytes[start..end]`; fast if it is short and more bytes follow.
    #[inline]
    pub(super) fn push_text(&mut self, bytes: &[u8], start: usize, end: usize) {
        let length = end - start;
        let from = bytes.get(start..).and_then(<[u8]>::first_chunk::<CHUNK>);
        let to = self.bytes.get_mut(self.length..);
        match (from, to.and_then(<[u8]>::first_chunk_mut)) {
            (Some(from), Some(to)) if length <= CHUNK => {
                *to = *from;
                self.length += length;
            }
            _ => self.push_any(bytes.get(start..end).unwrap_or_default()),
        }
    }

    #[inline(never)]
    pub(super) fn push_any(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        if self.bytes.len() < end + CHUNK {
            self.bytes.resize((end + CHUNK).next_power_of_two(), 0);
        }
        if let Some(to) = self.bytes.get_mut(self.length..end) {
            to.copy_from_slice(bytes);
        }
        self.length = end;
    }

    /// Appends a target, given as its bytes with more behind them and its length, in the casing of the source
    /// `text[start..end]`.
    #[inline]
    pub(super) fn push_target(
        &mut self,
        target: (&[u8], usize),
        text: &str,
        start: usize,
        end: usize,
        dotted: impl FnOnce() -> bool,
    ) {
        let first = text.as_bytes().get(start);
        if first.is_some_and(u8::is_ascii_lowercase) {
            self.push_text(target.0, 0, target.1);
        } else {
            self.push_cased(target, text, start, end, dotted());
        }
    }

    #[inline(never)]
    fn push_cased(
        &mut self,
        (bytes, length): (&[u8], usize),
        text: &str,
        start: usize,
        end: usize,
        dotted: bool,
    ) {
        let casing = match text.as_bytes().get(start..end) {
            Some([b'A'..=b'Z', b'a'..=b'z', ..]) => Casing::Title,
            _ => casing_of(text.get(start..end).unwrap_or_default()),
        };
        let is_plain = bytes.first().is_some_and(u8::is_ascii_alphabetic) && !dotted;
        match casing {
            Casing::AsWritten => self.push_text(bytes, 0, length),
            Casing::Title if is_plain => {
                let capital = self.length;
                self.push_text(bytes, 0, length);
                if let Some(byte) = self.bytes.get_mut(capital) {
                    byte.make_ascii_uppercase();
                }
            }
            _ => match bytes.get(..length).map(std::str::from_utf8) {
                Some(Ok(target)) => {
                    let mut cased = std::mem::take(&mut self.cased);
                    cased.clear();
                    push_cased(target, casing, dotted, &mut cased);
                    self.push_any(cased.as_bytes());
                    self.cased = cased;
                }
                _ => self.push_text(bytes, 0, length),
            },
        }
    }
}
