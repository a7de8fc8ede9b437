//! What is known of the texts that are read together.

use crate::lexicon::{KeyedTokens, Place, TextPlace};

use crate::switch::draw::Draws;

/// Texts that are read together.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) tokens: KeyedTokens,
    pub(super) protected: Vec<bool>,
    /// As long as the largest group so far; the first `started` count.
    pub(super) searches: Vec<Search>,
    pub(super) started: usize,
    pub(super) phrases: Vec<Phrase>,
    pub(super) readings: Vec<Reading>,
}

/// A token that may be switched or start a phrase, in the lexicon of the language drawn.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Search {
    pub(super) hash: u64,
    /// The longest entry so far; its source is not compared yet.
    pub(super) place: Option<Place>,
    pub(super) at: u32,
    pub(super) lexicon: u16,
    /// Number of tokens of the entry.
    pub(super) length: u8,
    pub(super) chosen: bool,
    pub(super) quiet: bool,
}

/// The search for a phrase.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Phrase {
    /// Of the tokens read so far.
    pub(super) hash: u64,
    pub(super) search: u32,
    /// One past the last token of the text.
    pub(super) end: u32,
    /// Number of tokens read so far.
    pub(super) read: u8,
}

impl Group {
    #[inline]
    pub(super) fn is_protected(&self, at: usize) -> bool {
        self.protected.get(at).copied().unwrap_or(false)
    }

    /// Leaves nothing to write.
    pub(super) fn forget(&mut self) {
        self.readings.clear();
        self.started = 0;
    }

    pub(super) fn searches(&self) -> &[Search] {
        self.searches.get(..self.started).unwrap_or_default()
    }
}

/// A text on its way.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    pub(super) draws: Draws,
    /// The language of all its tokens, where they have the same.
    pub(super) language: Option<usize>,
    pub(super) place: TextPlace,
}
