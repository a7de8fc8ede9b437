//! The reading of texts, many tokens at a time.
//!
//! What a token meets in the lexicons depends on nothing before it, so it is found out for all tokens of a
//! group of texts together: first their draws are made and the buckets that their searches start in are asked
//! of memory, then the searches take one step each, round by round, asking for what the next round or the text
//! will read. Only then is the text made, from left to right. So the processor waits for memory once for many
//! tokens, where large lexicons would have it wait for each.

use crate::Result;
use crate::lexicon::{Match, TextPlace, View};
use crate::weighted::pick;

use super::draw::{Draws, Purpose};
use super::group::{Group, Reading, Search};
use super::output::Output;
use super::spacing::{ends_in_word, starts_in_word};
use super::{
    Counts, LanguageChoice, MissPolicy, NamedText, Span, SwitchedTexts, Switcher, TargetChoice,
    TextSpans,
};

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
    pub(super) switcher: &'s Switcher,
    pub(super) views: Vec<View<'s>>,
    pub(super) has_large_filters: bool,
    switched: &'o mut SwitchedTexts,
    pub(super) counts: &'o mut Counts,
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
            has_large_filters: views.iter().any(View::has_large_filter),
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
    pub(super) fn language(&self, reading: &Reading, unit: u64) -> usize {
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

    /// Appends the switched texts of a group.
    fn write(&mut self, group: &Group, output: &mut Output, having: &mut Vec<f64>) -> Result<()> {
        let mut rest = group.searches();
        output.clear();
        for reading in &group.readings {
            let end = reading.place.tokens.end;
            let count = rest.partition_point(|search| (search.at as usize) < end);
            let (own, after) = rest.split_at(count);
            self.write_text(group, reading, own, output, having);
            rest = after;
            self.switched
                .ends
                .push(self.switched.text.len() + output.len());
            if let Some(spans) = self.spans.as_deref_mut() {
                spans.end_text();
            }
        }
        self.switched.text.push_str(output.text()?);
        Ok(())
    }

    /// Appends a switched text.
    fn write_text(
        &mut self,
        group: &Group,
        reading: &Reading,
        searches: &[Search],
        output: &mut Output,
        having: &mut Vec<f64>,
    ) {
        let text = group.tokens.text();
        let start = reading.place.bytes.start;
        let output_start = output.len();
        let mut copied = start;
        let mut free = 0;
        for search in searches {
            let at = search.at as usize;
            if at < free {
                continue;
            }
            let Some((lexicon, found)) = self.entry(group, reading, search, having) else {
                if search.chosen && !search.quiet {
                    self.counts.missed += 1;
                    count(
                        &mut self.counts.missed_by_lexicon,
                        usize::from(search.lexicon),
                        1,
                    );
                }
                continue;
            };
            free = at + found.length;
            if !search.chosen {
                continue;
            }
            let Some((first, last)) = group.tokens.bytes_of(at, found.length) else {
                break;
            };
            self.push_kept(output, text, start, (copied, first));
            copied = last;
            let target_start = output.len();
            let target = match self.switcher.options.target_choice {
                TargetChoice::Best => found.best(),
                TargetChoice::Weighted => found.draw(|| {
                    let unit = (at - reading.place.tokens.start) as u64 + 1;
                    reading.draws.uniform(unit, Purpose::Target)
                }),
            };
            let touches = at > reading.place.tokens.start
                && group
                    .tokens
                    .get(at - 1)
                    .is_some_and(|before| before.end as usize == first);
            if touches && starts_in_word(target.0) && ends_in_word(output.bytes()) {
                output.push_any(b" ");
            }
            let dotted = self.switcher.dotted.get(lexicon).copied().unwrap_or(false);
            output.push_target(target, text, first, last, dotted);
            self.counts.switched += found.length as u64;
            self.counts.content_switched += self.content_of(group, at, found.length);
            self.counts.lemmas += u64::from(found.is_form);
            count(
                &mut self.counts.switched_by_lexicon,
                lexicon,
                found.length as u64,
            );
            if let Some(spans) = self.spans.as_deref_mut() {
                spans.spans.push(Span {
                    source: (first - start, last - start),
                    target: (target_start - output_start, output.len() - output_start),
                    lexicon,
                    entry: found.source(),
                });
            }
        }
        self.push_kept(output, text, start, (copied, reading.place.bytes.end));
    }

    /// Appends text that stays, from `start` or the last unit switched on; after that a space, if the two would
    /// be one word.
    #[inline]
    fn push_kept(
        &mut self,
        output: &mut Output,
        text: &str,
        start: usize,
        (from, to): (usize, usize),
    ) {
        let rest = text.as_bytes().get(from..to).unwrap_or_default();
        if from > start && starts_in_word(rest) && ends_in_word(output.bytes()) {
            output.push_any(b" ");
            if let Some(span) = self
                .spans
                .as_deref_mut()
                .and_then(|spans| spans.spans.last_mut())
            {
                span.target.1 += 1;
            }
        }
        output.push_text(text.as_bytes(), from, to);
    }

    /// How many tokens of a switched unit are of content.
    #[inline]
    fn content_of(&self, group: &Group, at: usize, length: usize) -> u64 {
        let switches_stop_words =
            self.switcher.options.switch_stop_words && self.switcher.stop_words.is_some();
        if length == 1 && !switches_stop_words {
            // Numbers and stop words are not switched alone.
            return 1;
        }
        let is_content = |&at: &usize| {
            let is_number = group.tokens.get(at).is_some_and(|token| token.digit);
            let is_quiet = group.is_protected(at) || is_number && self.switcher.options.protect;
            !is_quiet && !self.switcher.is_stop_word(&group.tokens, at)
        };
        (at..at + length).filter(is_content).count() as u64
    }

    /// The entry at a token and its lexicon, after step 3 of the semantics.
    #[inline]
    fn entry(
        &self,
        group: &Group,
        reading: &Reading,
        search: &Search,
        having: &mut Vec<f64>,
    ) -> Option<(usize, Match<'s>)> {
        let at = search.at as usize;
        let lexicon = usize::from(search.lexicon);
        if let Some(place) = search.place {
            let length = usize::from(search.length);
            let forms = self.switcher.options.lemma_fallback;
            let view = self.views.get(lexicon)?;
            let found = view.match_at(&group.tokens, at, length, forms, place);
            if let Some(found) = found {
                return Some((lexicon, found));
            }
            // A phrase may have the hash of another source: then the whole search goes again, for a shorter
            // entry. Under a single token, refused as a word form or as another word, there is none.
            if length > 1
                && let Some(found) = self.find(group, reading, lexicon, at, search.quiet)
            {
                return Some((lexicon, found));
            }
        }
        if self.switcher.options.miss_policy == MissPolicy::Keep || self.views.len() == 1 {
            return None;
        }
        self.redraw(group, reading, search, having)
    }

    /// An entry in another lexicon than the one drawn first, which has none.
    fn redraw(
        &self,
        group: &Group,
        reading: &Reading,
        search: &Search,
        having: &mut Vec<f64>,
    ) -> Option<(usize, Match<'s>)> {
        let at = search.at as usize;
        let find = |lexicon| self.find(group, reading, lexicon, at, search.quiet);
        let weights = &self.switcher.weights;
        having.clear();
        having.extend(weights.iter().enumerate().map(|(other, &weight)| {
            let is_other = other != usize::from(search.lexicon) && weight > 0.0;
            let has = is_other && find(other).is_some();
            if has { weight } else { 0.0 }
        }));
        if having.iter().all(|&weight| weight == 0.0) {
            return None;
        }
        let unit = (at - reading.place.tokens.start) as u64 + 1;
        let lexicon = pick_weighted(having, reading.draws.uniform(unit, Purpose::Redraw));
        Some((lexicon, find(lexicon)?))
    }

    /// The longest entry at a token in one lexicon, searched from the start.
    fn find(
        &self,
        group: &Group,
        reading: &Reading,
        lexicon: usize,
        at: usize,
        quiet: bool,
    ) -> Option<Match<'s>> {
        let joins = |index| index < reading.place.tokens.end && !group.is_protected(index);
        let forms = self.switcher.options.lemma_fallback;
        let found = self
            .views
            .get(lexicon)?
            .longest_match(&group.tokens, at, forms, joins)?;
        (found.length > 1 || !quiet).then_some(found)
    }
}

#[inline]
fn count(counts: &mut [u64], lexicon: usize, more: u64) {
    if let Some(count) = counts.get_mut(lexicon) {
        *count += more;
    }
}

fn pick_weighted(weights: &[f64], uniform: f64) -> usize {
    pick(
        weights.len(),
        |index| weights.get(index).copied().unwrap_or(0.0),
        uniform,
    )
}
