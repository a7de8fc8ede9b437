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
    pub(super) has_words: bool,
    pub(super) has_phrases: bool,
    /// A unit that the drawn language lacks is looked for in the others.
    pub(super) redraws: bool,
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
            has_words: views.iter().any(View::has_words),
            has_phrases: views.iter().any(View::has_phrases),
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
            let writing = Writing {
                group,
                reading,
                copied: reading.place.bytes.start,
                free: 0,
                output_start: output.len(),
                output,
            };
            self.write_text(writing, own, having);
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
    fn write_text(&mut self, mut writing: Writing<'_>, searches: &[Search], having: &mut Vec<f64>) {
        for search in searches {
            let at = search.at as usize;
            let lexicon = usize::from(search.lexicon);
            // That a word is left needs no proof that it has an entry.
            let is_left = !search.chosen & (search.length == 1) & !self.redraws;
            if (at < writing.free) | is_left {
                continue;
            }
            let found = match search.place {
                Some(place) if !self.redraws => {
                    let (tokens, length) = (&writing.group.tokens, usize::from(search.length));
                    let view = self.views.get(lexicon);
                    view.and_then(|view| view.plain_match_at(tokens, at, length, place))
                }
                None if !self.redraws => {
                    self.miss(search);
                    continue;
                }
                _ => None,
            };
            match found {
                Some(found) => {
                    writing.free = at + found.length;
                    if search.chosen {
                        self.replace(&mut writing, at, lexicon, found);
                    }
                }
                None => self.write_any(&mut writing, search, having),
            }
        }
        let text = writing.group.tokens.text();
        let bytes = &writing.reading.place.bytes;
        self.push_kept(
            writing.output,
            text,
            bytes.start,
            (writing.copied, bytes.end),
        );
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

    /// Writes the unit at a token, or leaves it.
    #[inline(never)]
    fn write_any(&mut self, writing: &mut Writing<'_>, search: &Search, having: &mut Vec<f64>) {
        let at = search.at as usize;
        match self.entry(writing.group, writing.reading, search, having) {
            Some((lexicon, found)) if search.chosen => {
                writing.free = at + found.length;
                self.replace(writing, at, lexicon, found);
            }
            Some((_, found)) => writing.free = at + found.length,
            None => self.miss(search),
        }
    }

    /// Counts a unit without entry, if it was chosen.
    #[inline]
    fn miss(&mut self, search: &Search) {
        let is_missed = u64::from(search.chosen & !search.quiet);
        self.counts.missed += is_missed;
        let by_lexicon = &mut self.counts.missed_by_lexicon;
        count(by_lexicon, usize::from(search.lexicon), is_missed);
    }

    /// Replaces a unit by a target of its entry.
    #[inline(always)]
    fn replace(&mut self, writing: &mut Writing<'_>, at: usize, lexicon: usize, found: Match<'s>) {
        let Writing { group, reading, .. } = *writing;
        let Some((first, last)) = group.tokens.bytes_of(at, found.length) else {
            return;
        };
        let text = group.tokens.text();
        let output = &mut *writing.output;
        let start = reading.place.bytes.start;
        self.push_kept(output, text, start, (writing.copied, first));
        writing.copied = last;
        let target_start = output.len();
        let target = match self.switcher.options.target_choice {
            TargetChoice::Best => found.best(),
            TargetChoice::Weighted => found.draw(|| {
                let unit = (at - reading.place.tokens.start) as u64 + 1;
                reading.draws.number(unit, Purpose::Target)
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
        let dotted = || self.switcher.dotted.get(lexicon).copied().unwrap_or(false);
        output.push_target(target, text, first, last, dotted);
        let length = found.length as u64;
        self.counts.switched += length;
        self.counts.content_switched += self.content_of(group, at, found.length);
        self.counts.lemmas += u64::from(found.is_form);
        count(&mut self.counts.switched_by_lexicon, lexicon, length);
        if let Some(spans) = self.spans.as_deref_mut() {
            let target_end = writing.output.len();
            spans.spans.push(Span {
                source: (first - start, last - start),
                target: (
                    target_start - writing.output_start,
                    target_end - writing.output_start,
                ),
                lexicon,
                entry: found.source(),
            });
        }
    }

    /// How many tokens of a switched unit are of content.
    #[inline(always)]
    fn content_of(&self, group: &Group, at: usize, length: usize) -> u64 {
        let switches_stop_words =
            self.switcher.options.switch_stop_words && self.switcher.stop_words.is_some();
        if length == 1 && !switches_stop_words {
            // Numbers and stop words are not switched alone.
            return 1;
        }
        self.content_among(group, at, length)
    }

    #[inline(never)]
    fn content_among(&self, group: &Group, at: usize, length: usize) -> u64 {
        let is_content = |&at: &usize| {
            let is_number = group.tokens.get(at).is_some_and(|token| token.digit);
            let is_quiet = group.is_protected(at) || is_number && self.switcher.options.protect;
            !is_quiet && !self.switcher.is_stop_word(&group.tokens, at)
        };
        (at..at + length).filter(is_content).count() as u64
    }

    /// The entry at a token and its lexicon, after step 3 of the semantics.
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
        if self.redraws {
            return self.redraw(group, reading, search, having);
        }
        None
    }

    /// An entry in another lexicon than the one drawn first, which has none.
    #[inline(never)]
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
    #[inline(never)]
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

/// A text that is being written.
struct Writing<'w> {
    group: &'w Group,
    reading: &'w Reading,
    /// What of the text is written up to here.
    copied: usize,
    /// Tokens before it are part of units that were written or left.
    free: usize,
    output_start: usize,
    output: &'w mut Output,
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
