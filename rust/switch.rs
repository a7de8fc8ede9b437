//! Code-switching: text and lexicons to text, aligned spans and counts. No I/O.
//!
//! # Semantics
//! A text is read from left to right in *units*. At token `i` ([`tokenize`](crate::tokenize)):
//!
//! 1. A token that [`protect`] protects is left; the text goes on at `i + 1`. Numbers and tokens with digits
//!    (protection on) and stop words are *quiet*: an entry of that one token does not count as a match.
//! 2. A language is drawn by weight: from draw (`i + 1`, language), or, where the language is chosen per text,
//!    from draw (0, language).
//! 3. The lexicon of that language is searched for the longest entry at `i`; a phrase never goes over a
//!    protected token. If there is none and the policy is *redraw*, a language is drawn by weight, with draw
//!    (`i + 1`, redraw), among those that have one.
//! 4. The unit is the entry's tokens, or token `i` alone where no entry was found. It is chosen if draw
//!    (`i + 1`, choose) is below `translation_prob`.
//! 5. A chosen unit with an entry is replaced, from the first byte of its first token to the last of its last,
//!    by the entry's heaviest target or by one drawn by weight with draw (`i + 1`, target). A chosen unit
//!    without entry is *missed*, unless it is quiet. The text goes on after the unit.
//!
//! So a phrase is switched or left as a whole, and each unit is switched with the same chance. All draws are
//! those of [`draw::Draws`]: they depend on (seed, epoch, record id, field, position, purpose) alone.

use std::sync::Arc;

use rayon::prelude::*;

use crate::interrupt::Interrupt;
use crate::lexicon::{KeyedTokens, Lexicon, Match, compile};
use crate::tokenize::protect::Protection;
use crate::{Error, Result};

pub mod casing;
pub mod draw;

use casing::{casing_of, push_cased};
use draw::{Draws, Purpose, pick};

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

/// What was replaced by what, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span<'l> {
    /// First and one past the last byte in the input.
    pub source: (usize, usize),
    /// First and one past the last byte in the output.
    pub target: (usize, usize),
    /// Number of the lexicon.
    pub lexicon: usize,
    /// The entry's source in normal form.
    pub entry: &'l str,
}

/// How many tokens were what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All tokens.
    pub tokens: u64,
    /// Tokens that are not protected, no numbers (protection on) and no stop words.
    pub content: u64,
    /// Tokens in switched units.
    pub switched: u64,
    /// Those of them that were switched by the entry of their base form.
    pub lemmas: u64,
    /// Tokens chosen but out of lexicon.
    pub missed: u64,
    /// Tokens switched by each lexicon.
    pub switched_by_lexicon: Vec<u64>,
    /// Tokens missed by each lexicon, the one of the language drawn first.
    pub missed_by_lexicon: Vec<u64>,
}

impl Counts {
    /// No token yet, by no lexicon of so many.
    pub fn new(lexicons: usize) -> Self {
        Counts {
            switched_by_lexicon: vec![0; lexicons],
            missed_by_lexicon: vec![0; lexicons],
            ..Counts::default()
        }
    }

    /// Adds the counts of other texts.
    pub fn add(&mut self, other: &Counts) {
        self.tokens += other.tokens;
        self.content += other.content;
        self.switched += other.switched;
        self.lemmas += other.lemmas;
        self.missed += other.missed;
        add_all(&mut self.switched_by_lexicon, &other.switched_by_lexicon);
        add_all(&mut self.missed_by_lexicon, &other.missed_by_lexicon);
    }
}

fn add_all(sums: &mut Vec<u64>, more: &[u64]) {
    sums.resize(sums.len().max(more.len()), 0);
    for (sum, more) in sums.iter_mut().zip(more) {
        *sum += more;
    }
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

/// Memory that is reused from text to text.
#[derive(Debug, Default)]
pub struct Scratch {
    tokens: KeyedTokens,
    protected: Vec<bool>,
    having: Vec<f64>,
}

/// Switches texts by one lexicon (BL-CS) or several (ML-CS).
#[derive(Debug)]
pub struct Switcher {
    lexicons: Vec<Arc<Lexicon>>,
    options: Options,
    weights: Vec<f64>,
    dotted: Vec<bool>,
    stop_words: Option<Lexicon>,
}

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
        let source = &first.description().source_language;
        if let Some(other) = lexicons
            .iter()
            .find(|other| other.description().source_language != *source)
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
        let valid = weights
            .iter()
            .all(|weight| weight.is_finite() && *weight >= 0.0);
        if weights.len() != lexicons.len() || !valid || weights.iter().sum::<f64>() <= 0.0 {
            return Err(Error::input(
                format!(
                    "language_weights are {weights:?} for {} lexicons",
                    lexicons.len()
                ),
                "give each lexicon a weight of 0 or more, not all 0",
            ));
        }
        let target_language =
            |lexicon: &Arc<Lexicon>| lexicon.description().target_language.clone();
        let dotted = lexicons
            .iter()
            .map(|lexicon| matches!(&*target_language(lexicon), "tr" | "az"));
        Ok(Switcher {
            dotted: dotted.collect(),
            weights,
            stop_words: stop_word_lexicon(&options.stop_words)?,
            lexicons,
            options,
        })
    }

    /// The lexicons, in the order in which spans and counts number them.
    pub fn lexicons(&self) -> &[Arc<Lexicon>] {
        &self.lexicons
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
        mut spans: Option<&mut Vec<Span<'s>>>,
    ) -> Result<(String, Counts)> {
        let mut counts = Counts::new(self.lexicons.len());
        scratch.tokens.read(text)?;
        counts.tokens = scratch.tokens.len() as u64;
        if self.options.translation_prob == 0.0 {
            return Ok((text.to_owned(), counts));
        }
        self.mark_protected(text, scratch);
        let Scratch {
            tokens,
            protected,
            having,
        } = scratch;
        let pass = Pass::new(self, text, id, tokens, protected);
        let mut output = String::with_capacity(text.len() + text.len() / 4);
        let mut copied = 0;
        let mut at = 0;
        let mut touched = 0;
        while at < pass.tokens.len() {
            if at >= touched {
                touched = pass.touch_ahead(at);
            }
            match pass.unit(at, having) {
                Unit::Switched { lexicon, found } => {
                    let Some((start, end)) = pass.bytes_of(at, found.length) else {
                        break;
                    };
                    output.push_str(text.get(copied..start).unwrap_or_default());
                    let target_start = output.len();
                    pass.push_target(at, lexicon, &found, (start, end), &mut output);
                    copied = end;
                    counts.switched += found.length as u64;
                    if let Some(count) = counts.switched_by_lexicon.get_mut(lexicon) {
                        *count += found.length as u64;
                    }
                    if let Some(spans) = spans.as_deref_mut() {
                        spans.push(Span {
                            source: (start, end),
                            target: (target_start, output.len()),
                            lexicon,
                            entry: found.source(),
                        });
                    }
                    at += found.length;
                }
                Unit::Missed(lexicon) => {
                    counts.missed += 1;
                    if let Some(count) = counts.missed_by_lexicon.get_mut(lexicon) {
                        *count += 1;
                    }
                    at += 1;
                }
                Unit::Left(length) => at += length,
            }
        }
        output.push_str(text.get(copied..).unwrap_or_default());
        Ok((output, counts))
    }

    /// Switches texts on the calling thread: appends them to `switched`, and their counts to `counts`. Many
    /// small texts at once are several times faster than one by one.
    ///
    /// # Errors
    /// `Error::Input` for a text of some hundred MB or more.
    pub fn switch_texts(
        &self,
        texts: &[NamedText<'_>],
        scratch: &mut Scratch,
        switched: &mut SwitchedTexts,
        counts: &mut Counts,
    ) -> Result<()> {
        for named in texts {
            let (text, own) = self.switch(named.text, named.id, scratch, None)?;
            switched.text.push_str(&text);
            switched.ends.push(switched.text.len());
            counts.add(&own);
        }
        Ok(())
    }

    /// Switches texts in parallel, in rayon's current pool; text `i` belongs to `record_ids[i]`. The result
    /// does not depend on the number of threads.
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
    ) -> Result<(Vec<String>, Counts)>
    where
        T: AsRef<str> + Sync,
        I: AsRef<str> + Sync,
    {
        if texts.len() != record_ids.len() {
            return Err(Error::input(
                format!("{} texts and {} record ids", texts.len(), record_ids.len()),
                "give each text the id of its record",
            ));
        }
        let switch_one = |scratch: &mut Scratch, (text, record_id): (&T, &I)| {
            interrupt.check()?;
            let record_id = record_id.as_ref();
            self.switch(
                text.as_ref(),
                TextId {
                    record_id,
                    field,
                    epoch,
                },
                scratch,
                None,
            )
        };
        let switched: Vec<(String, Counts)> = texts
            .par_iter()
            .zip(record_ids.par_iter())
            .with_min_len(16)
            .map_init(Scratch::default, switch_one)
            .collect::<Result<_>>()?;
        let mut total = Counts::new(self.lexicons.len());
        let take = |(text, counts): (String, Counts)| {
            total.add(&counts);
            text
        };
        Ok((switched.into_iter().map(take).collect(), total))
    }

    fn mark_protected(&self, text: &str, scratch: &mut Scratch) {
        scratch.protected.clear();
        if !self.options.protect {
            return;
        }
        let mut protection = Protection::new(text);
        let tokens = (0..scratch.tokens.len()).filter_map(|at| scratch.tokens.get(at));
        let protected =
            tokens.map(|token| protection.is_protected(token.start as usize, token.end as usize));
        scratch.protected.extend(protected);
    }
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
    compile("", "", "", "", entries).map(Some)
}

/// Tokens whose searches wait for memory together.
const TOUCHED_AHEAD: usize = 32;

/// What becomes of the text at a token.
enum Unit<'l> {
    Switched { lexicon: usize, found: Match<'l> },
    Missed(usize),
    Left(usize),
}

/// The reading of one text.
struct Pass<'s, 'p> {
    switcher: &'s Switcher,
    text: &'p str,
    tokens: &'p KeyedTokens,
    protected: &'p [bool],
    draws: Draws,
    text_language: Option<usize>,
}

impl<'s, 'p> Pass<'s, 'p> {
    fn new(
        switcher: &'s Switcher,
        text: &'p str,
        id: TextId<'_>,
        tokens: &'p KeyedTokens,
        protected: &'p [bool],
    ) -> Self {
        let draws = Draws::new(switcher.options.seed, id.epoch, id.record_id, id.field);
        let weights = &switcher.weights;
        let text_language = match switcher.options.language_choice {
            _ if weights.len() == 1 => Some(0),
            LanguageChoice::Token => None,
            LanguageChoice::Text => {
                let uniform = draws.uniform(0, Purpose::Language);
                Some(pick_weighted(weights, uniform))
            }
        };
        Pass {
            switcher,
            text,
            tokens,
            protected,
            draws,
            text_language,
        }
    }

    fn is_protected(&self, at: usize) -> bool {
        self.protected.get(at).copied().unwrap_or(false)
    }

    fn uniform(&self, at: usize, purpose: Purpose) -> f64 {
        self.draws.uniform(at as u64 + 1, purpose)
    }

    fn is_quiet(&self, at: usize) -> bool {
        let number =
            self.switcher.options.protect && self.tokens.get(at).is_some_and(|token| token.digit);
        let stop_words = self.switcher.stop_words.as_ref();
        number || stop_words.is_some_and(|words| words.has_token(self.text, self.tokens, at))
    }

    #[inline]
    fn language(&self, at: usize) -> usize {
        if let Some(language) = self.text_language {
            return language;
        }
        let weights = &self.switcher.weights;
        let uniform = self.uniform(at, Purpose::Language);
        if self.switcher.options.language_weights.is_none() {
            // What `pick` gives for weights of 1, without its sums.
            return ((uniform * weights.len() as f64) as usize).min(weights.len() - 1);
        }
        pick_weighted(weights, uniform)
    }

    /// Brings what the searches for the next tokens read into cache; returns the token after them.
    fn touch_ahead(&self, at: usize) -> usize {
        let mut slots = [(0usize, 0u64, 0u64); TOUCHED_AHEAD];
        let lexicons = &self.switcher.lexicons;
        for (ahead, slot) in slots.iter_mut().enumerate() {
            let Some(token) = self.tokens.get(at + ahead) else {
                break;
            };
            let language = self.language(at + ahead);
            if let Some(lexicon) = lexicons.get(language) {
                *slot = (language, token.hash, lexicon.touch_slot(token.hash));
            }
        }
        for (language, hash, slot) in slots {
            if let Some(lexicon) = lexicons.get(language) {
                std::hint::black_box(lexicon.touch_record(slot, hash));
            }
        }
        at + TOUCHED_AHEAD
    }

    fn find(&self, lexicon: usize, at: usize, quiet: bool) -> Option<Match<'s>> {
        let joins = |index| !self.is_protected(index);
        let found = self.switcher.lexicons.get(lexicon)?.longest_match(
            self.text,
            self.tokens,
            at,
            joins,
        )?;
        (found.length > 1 || !quiet).then_some(found)
    }

    /// The entry at a token and its lexicon, after step 3 of the module's semantics.
    fn entry(&self, at: usize, quiet: bool, having: &mut Vec<f64>) -> Option<(usize, Match<'s>)> {
        let weights = &self.switcher.weights;
        let lexicon = self.language(at);
        if let Some(found) = self.find(lexicon, at, quiet) {
            return Some((lexicon, found));
        }
        if self.switcher.options.miss_policy == MissPolicy::Keep || weights.len() == 1 {
            return None;
        }
        having.clear();
        having.extend(weights.iter().enumerate().map(|(other, &weight)| {
            let has = other != lexicon && weight > 0.0 && self.find(other, at, quiet).is_some();
            if has { weight } else { 0.0 }
        }));
        if having.iter().all(|&weight| weight == 0.0) {
            return None;
        }
        let lexicon = pick_weighted(having, self.uniform(at, Purpose::Redraw));
        Some((lexicon, self.find(lexicon, at, quiet)?))
    }

    fn unit(&self, at: usize, having: &mut Vec<f64>) -> Unit<'s> {
        if self.is_protected(at) {
            return Unit::Left(1);
        }
        let quiet = self.is_quiet(at);
        let entry = self.entry(at, quiet, having);
        let chosen = self.uniform(at, Purpose::Choose) < self.switcher.options.translation_prob;
        match entry {
            Some((lexicon, found)) if chosen => Unit::Switched { lexicon, found },
            Some((_, found)) => Unit::Left(found.length),
            None if chosen && !quiet => Unit::Missed(self.language(at)),
            None => Unit::Left(1),
        }
    }

    fn bytes_of(&self, at: usize, length: usize) -> Option<(usize, usize)> {
        let first = self.tokens.get(at)?;
        let last = self.tokens.get(at + length - 1)?;
        Some((first.start as usize, last.end as usize))
    }

    fn push_target(
        &self,
        at: usize,
        lexicon: usize,
        found: &Match<'s>,
        source: (usize, usize),
        output: &mut String,
    ) {
        let target = match self.switcher.options.target_choice {
            TargetChoice::Best => found.best(),
            TargetChoice::Weighted => found.draw(|| self.uniform(at, Purpose::Target)),
        };
        let casing = casing_of(self.text.get(source.0..source.1).unwrap_or_default());
        let dotted = self.switcher.dotted.get(lexicon).copied().unwrap_or(false);
        push_cased(target, casing, dotted, output);
    }
}

fn pick_weighted(weights: &[f64], uniform: f64) -> usize {
    pick(
        weights.len(),
        |index| weights.get(index).copied().unwrap_or(0.0),
        uniform,
    )
}

#[cfg(test)]
mod tests;
