//! The reading of texts, many tokens at a time.
//!
//! What a token meets in the lexicons depends on nothing before it, so it is found out for all tokens of a
//! group of texts together: first their draws are made and the buckets that their searches start in are asked
//! of memory, then the searches take one step each, round by round, asking for what the next round or the text
//! will read. Only then is the text made, from left to right. So the processor waits for memory once for many
//! tokens, where large lexicons would have it wait for each.

use crate::Result;
use crate::lexicon::{TextPlace, View};
use crate::weighted::pick;

use super::draw::{Draws, Purpose};
use super::{Counts, LanguageChoice, MissPolicy, NamedText, SwitchedTexts, Switcher, TextSpans};
use group::{Group, Reading, Search};
use output::Output;

mod entries;
mod group;
mod output;
mod searches;
mod spacing;
mod writing;

/// Texts are read together up to this many bytes; a longer one is read alone.
const GROUP_BYTES: usize = 4096;

/// Memory that is reused from text to text.
#[derive(Debug, Default)]
pub struct Scratch {
    front: Group,
    back: Group,
    output: Output,
    having: Vec<f64>,
}

/// Switches texts by one switcher.
pub(super) struct Engine<'s, 'o> {
    switcher: &'s Switcher,
    views: Vec<View<'s>>,
    has_words: bool,
    has_phrases: bool,
    /// The filter of pairs of some lexicon is in no near cache.
    has_far_pairs: bool,
    /// A unit that the drawn language lacks is looked for in the others.
    redraws: bool,
    switched: &'o mut SwitchedTexts,
    counts: &'o mut Counts,
    spans: Option<&'o mut TextSpans<'s>>,
}

impl<'s, 'o> Engine<'s, 'o> {
    pub(super) fn new(
        switcher: &'s Switcher,
        switched: &'o mut SwitchedTexts,
        counts: &'o mut Counts,
        spans: Option<&'o mut TextSpans<'s>>,
    ) -> Self {
        let views = switcher.lexicons.iter().map(|lexicon| lexicon.view());
        let views: Vec<View<'_>> = views.collect();
        Engine {
            switcher,
            has_words: views.iter().any(View::has_words),
            has_phrases: views.iter().any(View::has_phrases),
            has_far_pairs: views.iter().any(View::has_far_pairs),
            redraws: switcher.options.miss_policy == MissPolicy::Redraw && views.len() > 1,
            views,
            switched,
            counts,
            spans,
        }
    }

    pub(super) fn run(&mut self, texts: &[NamedText<'_>], scratch: &mut Scratch) -> Result<()> {
        let Scratch {
            front,
            back,
            output,
            having,
        } = scratch;
        let (mut front, mut back) = (front, back);
        let mut rest = texts;
        back.forget();
        // While memory brings what a group needs next, the group before it is worked on.
        while !rest.is_empty() {
            let mut size = 0;
            let is_beyond = |named: &NamedText<'_>| {
                size += named.text.len();
                size > GROUP_BYTES
            };
            let count = rest.iter().position(is_beyond).unwrap_or(rest.len());
            let (group, after) = rest.split_at(count.max(1));
            self.read(group, front)?;
            self.write(back, output, having)?;
            self.search(front);
            std::mem::swap(&mut front, &mut back);
            rest = after;
        }
        self.write(back, output, having)
    }

    /// Finds the tokens of texts and starts their searches.
    fn read(&mut self, texts: &[NamedText<'_>], group: &mut Group) -> Result<()> {
        let tokens = &mut group.tokens;
        tokens.clear();
        for named in texts {
            tokens.push(named.text)?;
        }
        tokens.finish();
        group.protected.clear();
        if self.switcher.options.protect {
            tokens.mark_protected(&mut group.protected);
        } else {
            group.protected.resize(tokens.len(), false);
        }
        self.counts.tokens += tokens.len() as u64;
        if group.searches.len() < tokens.len() {
            group.searches.resize(tokens.len(), Search::default());
        }
        let places = group.tokens.texts();
        let readings = texts
            .iter()
            .zip(places)
            .map(|(named, place)| self.reading(named, place));
        group.readings.clear();
        group.readings.extend(readings);
        group.started = 0;
        group.phrases.clear();
        for number in 0..group.readings.len() {
            self.plan(group, number);
        }
        Ok(())
    }

    fn reading(&self, named: &NamedText<'_>, place: &TextPlace) -> Reading {
        let Switcher {
            options, weights, ..
        } = self.switcher;
        let id = named.id;
        let draws = Draws::new(options.seed, id.epoch, id.record_id, id.field);
        let language = match options.language_choice {
            _ if weights.len() == 1 => Some(0),
            LanguageChoice::Token => None,
            LanguageChoice::Text if options.language_weights.is_none() => {
                Some(draws.below(weights.len(), 0, Purpose::Language))
            }
            LanguageChoice::Text => {
                let uniform = draws.uniform(0, Purpose::Language);
                Some(pick_weighted(weights, uniform))
            }
        };
        Reading {
            draws,
            language,
            place: place.clone(),
        }
    }

    /// The language of a unit, by its number.
    #[inline]
    fn language(&self, reading: &Reading, unit: u64) -> usize {
        if let Some(language) = reading.language {
            return language;
        }
        if self.switcher.options.language_weights.is_none() {
            return reading
                .draws
                .below(self.views.len(), unit, Purpose::Language);
        }
        let uniform = reading.draws.uniform(unit, Purpose::Language);
        pick_weighted(&self.switcher.weights, uniform)
    }
}

fn pick_weighted(weights: &[f64], uniform: f64) -> usize {
    pick(
        weights.len(),
        |index| weights.get(index).copied().unwrap_or(0.0),
        uniform,
    )
}
