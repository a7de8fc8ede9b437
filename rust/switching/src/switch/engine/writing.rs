//! The text that comes out: what is left, what is replaced, and what of it is counted.

use crate::Result;
use crate::lexicon::Match;

use super::Engine;
use super::group::{Group, Reading, Search};
use super::output::Output;
use super::spacing::{ends_in_word, starts_in_word};
use crate::switch::draw::Purpose;
use crate::switch::{Span, TargetChoice};

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
impl<'s> Engine<'s, '_> {
    /// Appends the switched texts of a group.
    pub(super) fn write(
        &mut self,
        group: &Group,
        output: &mut Output,
        having: &mut Vec<f64>,
    ) -> Result<()> {
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
        let (before, after) = found.around;
        // What the unit before replaced is not there any more.
        let first = (first - usize::from(before)).max(writing.copied);
        let last = last + usize::from(after);
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
}

#[inline]
fn count(counts: &mut [u64], lexicon: usize, more: u64) {
    if let Some(count) = counts.get_mut(lexicon) {
        *count += more;
    }
}
