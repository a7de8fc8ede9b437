//! Code-switching: text and lexicons to text, aligned spans and counts. No I/O.
//!
//! # Semantics
//! A text is read from left to right in *units*. At token `i` ([`tokenize`](crate::tokenize)):
//!
//! 1. A token that `tokenize/protect.rs` protects is left; the text goes on at `i + 1`. Numbers and tokens with digits
//!    (protection on) and, unless they are to be switched, stop words are *quiet*: an entry of that one token
//!    does not count as a match.
//! 2. A language is drawn, by weight where there are weights: from draw (`i + 1`, language), or, where the
//!    language is chosen per text, from draw (0, language).
//! 3. The lexicon of that language is searched for the longest entry at `i`, and of several that are one in
//!    normal form for the one that is spelled as the text is ([`lexicon`](crate::lexicon)); a phrase never goes
//!    over a protected token. If there is none and the policy is *redraw*, a language is drawn by weight, with
//!    draw (`i + 1`, redraw), among those that have one. With the lemma fallback a word form is an entry too,
//!    with the targets of its base.
//! 4. The unit is the entry's tokens, or token `i` alone where no entry was found. It is chosen if draw
//!    (`i + 1`, choose) is below `translation_prob`.
//! 5. A chosen unit with an entry is replaced, from the first byte of its first token to the last of its last,
//!    and with what stands around them where the entry is spelled with it (`c++`), by the entry's heaviest target
//!    or by one drawn by weight with draw (`i + 1`, target). A chosen unit without entry is *missed*, unless it is
//!    quiet. The text goes on after the unit.
//!
//! 6. Where two tokens touch, as those of scripts without spaces do, a replacement may put a letter, digit or
//!    mark of a script with spaces against another. Then a space is put between. It belongs to the replacement:
//!    to that of the second token if that one is replaced, else to that of the first. So each span's target
//!    holds all that was written, and between two spans the text is that of the input.
//!
//! So a phrase is switched or left as a whole, and each unit is switched with the same chance. All draws are
//! those of [`draw::Draws`]: they depend on (seed, epoch, record id, field, position, purpose) alone.

use std::sync::Arc;

use rayon::prelude::*;

use crate::Interrupt;
use crate::language;
use crate::lexicon::{KeyedTokens, Lexicon, compile, is_dotless};
use crate::{Error, Result};

pub mod casing;
mod counts;
pub mod draw;
mod engine;
mod spans;

pub use counts::Counts;
use engine::Engine;
pub use engine::Scratch;
pub use spans::{Span, TextSpans};

/// Raised by every change after which the same texts, lexicons and options give other bytes, here or in the files
/// of [`stream`](crate::stream); an unfinished file is continued by the version that began it alone.
pub const ENGINE_VERSION: u32 = 3;

/// For what a language is drawn, where there are several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LanguageChoice {
    /// For each unit.
    Token,
    /// Once for a text.
    Text,
}

/// What happens to a unit that the drawn language's lexicon lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissPolicy {
    /// It stays, as in the paper; the switch rate falls.
    Keep,
    /// A language is drawn among those that have it.
    Redraw,
}

/// Which target of an entry is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetChoice {
    /// The heaviest.
    Best,
    /// One drawn by weight.
    Weighted,
}

/// How to switch.
#[derive(Clone, Debug)]
pub struct Options {
    /// Chance that a unit is chosen.
    pub translation_prob: f64,
    /// Start of all draws.
    pub seed: u64,
    /// For what a language is drawn.
    pub language_choice: LanguageChoice,
    /// What happens to a unit out of lexicon.
    pub miss_policy: MissPolicy,
    /// Which target is taken.
    pub target_choice: TargetChoice,
    /// Weight of each lexicon's language in the draw; equal where absent.
    pub language_weights: Option<Vec<f64>>,
    /// Words of function: they are no content, and without `switch_stop_words` not switched by themselves.
    pub stop_words: Vec<String>,
    /// Switch stop words like any other.
    pub switch_stop_words: bool,
    /// Take the entry of a word's base form where the word has none.
    pub lemma_fallback: bool,
    /// Leave URLs, e-mail addresses, numbers and code alone.
    pub protect: bool,
}

/// What a text is called: everything beside the seed that its draws depend on.
#[derive(Clone, Copy, Debug)]
pub struct TextId<'i> {
    /// The record.
    pub record_id: &'i str,
    /// Which of its texts.
    pub field: &'i str,
    /// Training epoch.
    pub epoch: u64,
}

/// A text with the name that its draws depend on.
#[derive(Clone, Copy, Debug)]
pub struct NamedText<'t> {
    /// The text.
    pub text: &'t str,
    /// Its name.
    pub id: TextId<'t>,
}

/// Switched texts, one after the other in one buffer that is reused.
#[derive(Debug, Default)]
pub struct SwitchedTexts {
    text: String,
    ends: Vec<usize>,
}

impl SwitchedTexts {
    /// The texts, in the order in which they were given.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let ranges = self.ends.iter().zip(starts);
        ranges.map(|(&end, start)| self.text.get(start..end).unwrap_or_default())
    }

    /// Forgets the texts, keeps the memory.
    pub fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }
}

/// Switches texts by one lexicon (BL-CS) or several (ML-CS).
#[derive(Debug)]
pub struct Switcher {
    lexicons: Vec<Arc<Lexicon>>,
    options: Options,
    weights: Vec<f64>,
    dotted: Vec<bool>,
    stop_words: Option<Lexicon>,
    /// A draw's number is below it where a unit is chosen.
    threshold: u64,
}

/// More lexicons than this are a mistake.
const MOST_LEXICONS: usize = 1000;

impl Switcher {
    /// Checks the options.
    ///
    /// # Errors
    /// `Error::Input` without lexicon, for lexicons of several source languages, and for a probability or
    /// weight out of range.
    pub fn new(lexicons: Vec<Arc<Lexicon>>, options: Options) -> Result<Self> {
        let Some(first) = lexicons.first() else {
            return Err(Error::input(
                "no lexicon to switch with",
                "give one at least",
            ));
        };
        if lexicons.len() > MOST_LEXICONS {
            return Err(Error::input(
                format!("{} lexicons", lexicons.len()),
                format!("give {MOST_LEXICONS} at most"),
            ));
        }
        let source = &first.description().source_language;
        if let Some(other) = lexicons
            .iter()
            .find(|other| !language::is_same(&other.description().source_language, source))
        {
            return Err(Error::input(
                format!(
                    "lexicons of two source languages, {source} and {}",
                    other.description().source_language
                ),
                "make one switcher for each",
            ));
        }
        if !(0.0..=1.0).contains(&options.translation_prob) {
            return Err(Error::input(
                format!("translation_prob is {}", options.translation_prob),
                "give a number from 0 to 1",
            ));
        }
        let weights = options
            .language_weights
            .clone()
            .unwrap_or_else(|| vec![1.0; lexicons.len()]);
        let total: f64 = weights.iter().sum();
        let valid = total.is_finite() && weights.iter().all(|weight| *weight >= 0.0);
        if weights.len() != lexicons.len() || !valid || total <= 0.0 {
            return Err(Error::input(
                format!(
                    "language_weights are {weights:?} for {} lexicons",
                    lexicons.len()
                ),
                "give each lexicon a weight of 0 or more, not all 0, with a finite sum",
            ));
        }
        let dotted = lexicons
            .iter()
            .map(|lexicon| is_dotless(&lexicon.description().target_language));
        Ok(Switcher {
            dotted: dotted.collect(),
            weights,
            stop_words: stop_word_lexicon(&options.stop_words)?,
            threshold: draw::threshold(options.translation_prob),
            lexicons,
            options,
        })
    }

    /// The lexicons, in the order in which spans and counts number them.
    pub fn lexicons(&self) -> &[Arc<Lexicon>] {
        &self.lexicons
    }

    /// How it switches.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Whether a token is a stop word.
    #[inline]
    fn is_stop_word(&self, tokens: &KeyedTokens, at: usize) -> bool {
        let words = self.stop_words.as_ref();
        words.is_some_and(|words| has_token(words, tokens, at))
    }

    /// Switches one text; pushes what was replaced to `spans` where they are wanted.
    ///
    /// # Errors
    /// `Error::Input` for a text of some hundred MB or more.
    pub fn switch<'s>(
        &'s self,
        text: &str,
        id: TextId<'_>,
        scratch: &mut Scratch,
        spans: Option<&mut Vec<Span<'s>>>,
    ) -> Result<(String, Counts)> {
        let mut switched = SwitchedTexts::default();
        let mut counts = Counts::new(self.lexicons.len());
        let mut found = spans.is_some().then(TextSpans::default);
        let texts = [NamedText { text, id }];
        Engine::new(self, &mut switched, &mut counts, found.as_mut()).run(&texts, scratch)?;
        if let (Some(spans), Some(found)) = (spans, found) {
            spans.extend(found.spans);
        }
        Ok((switched.text, counts))
    }

    /// Switches texts on the calling thread: appends them to `switched`, their counts to `counts`, and what was
    /// replaced to `spans` where they are wanted. Many small texts at once are several times faster than one
    /// by one.
    ///
    /// # Errors
    /// `Error::Input` for a text of some hundred MB or more.
    pub fn switch_texts<'s>(
        &'s self,
        texts: &[NamedText<'_>],
        scratch: &mut Scratch,
        switched: &mut SwitchedTexts,
        counts: &mut Counts,
        spans: Option<&mut TextSpans<'s>>,
    ) -> Result<()> {
        Engine::new(self, switched, counts, spans).run(texts, scratch)
    }

    /// Switches texts on the calling thread; text `i` belongs to `record_ids[i]`. The result is that of
    /// [`Switcher::switch_batch`].
    ///
    /// # Errors
    /// `Error::Input` when the lengths differ or for a text that is too long.
    pub fn switch_here<T: AsRef<str>, I: AsRef<str>>(
        &self,
        texts: &[T],
        record_ids: &[I],
        field: &str,
        epoch: u64,
        scratch: &mut Scratch,
    ) -> Result<(SwitchedTexts, Counts)> {
        require_ids(texts.len(), record_ids.len())?;
        let both = texts.iter().zip(record_ids);
        let named: Vec<NamedText<'_>> = both
            .map(|(text, id)| NamedText {
                text: text.as_ref(),
                id: TextId {
                    record_id: id.as_ref(),
                    field,
                    epoch,
                },
            })
            .collect();
        let mut switched = SwitchedTexts::default();
        let length: usize = texts.iter().map(|text| text.as_ref().len()).sum();
        switched.text.reserve(length + length / 4);
        let mut counts = Counts::new(self.lexicons.len());
        self.switch_texts(&named, scratch, &mut switched, &mut counts, None)?;
        Ok((switched, counts))
    }

    /// Switches texts in parallel, in rayon's current pool; text `i` belongs to `record_ids[i]`. The texts come
    /// in order, in buffers of some hundred each. The result does not depend on the number of threads.
    ///
    /// # Errors
    /// `Error::Input` when the lengths differ or for a text that is too long, `Error::Interrupted` on request.
    pub fn switch_batch<T, I>(
        &self,
        texts: &[T],
        record_ids: &[I],
        field: &str,
        epoch: u64,
        interrupt: &Interrupt,
    ) -> Result<(Vec<SwitchedTexts>, Counts)>
    where
        T: AsRef<str> + Sync,
        I: AsRef<str> + Sync,
    {
        require_ids(texts.len(), record_ids.len())?;
        let parts = 8 * rayon::current_num_threads();
        let size = texts.len().div_ceil(parts).clamp(1, MOST_TEXTS);
        let switch_some = |scratch: &mut Scratch, (texts, ids): (&[T], &[I])| {
            interrupt.check()?;
            self.switch_here(texts, ids, field, epoch, scratch)
        };
        let parts: Vec<(SwitchedTexts, Counts)> = texts
            .par_chunks(size)
            .zip(record_ids.par_chunks(size))
            .map_init(Scratch::default, switch_some)
            .collect::<Result<_>>()?;
        let mut total = Counts::new(self.lexicons.len());
        let take = |(texts, counts): (SwitchedTexts, Counts)| {
            total.add(&counts);
            texts
        };
        Ok((parts.into_iter().map(take).collect(), total))
    }
}

/// Refuses texts without ids, and ids without texts.
pub fn require_ids(texts: usize, record_ids: usize) -> Result<()> {
    if texts == record_ids {
        return Ok(());
    }
    Err(Error::input(
        format!("{texts} texts and {record_ids} record ids"),
        "give each text the id of its record",
    ))
}

/// Texts that a thread takes at a time, at most.
const MOST_TEXTS: usize = 512;

/// Whether a token alone is an entry; apart, so that it does not bloat the loops of those without stop words.
#[inline(never)]
fn has_token(words: &Lexicon, tokens: &KeyedTokens, at: usize) -> bool {
    let found = words.view().longest_match(tokens, at, false, |_| false);
    found.is_some()
}

fn stop_word_lexicon(stop_words: &[String]) -> Result<Option<Lexicon>> {
    if stop_words.is_empty() {
        return Ok(None);
    }
    let mut tokens = KeyedTokens::default();
    for word in stop_words {
        tokens.read(word)?;
        if tokens.len() != 1 {
            return Err(Error::input(
                format!("stop word {word:?} is {} tokens", tokens.len()),
                "give single words",
            ));
        }
    }
    let entries = stop_words.iter().map(|word| (word.as_str(), [("-", 1.0)]));
    compile(("", ""), "", "", entries, []).map(Some)
}

#[cfg(test)]
mod tests;
