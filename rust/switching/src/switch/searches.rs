//! The searches of a group: which are needed, and their course.

use std::ops::Range;

use crate::lexicon::{KeyedToken, KeyedTokens, MAX_SOURCE_TOKENS, Node, View};

use super::draw::Purpose;
use super::engine::Engine;
use super::group::{Group, Phrase, Reading, Search};

/// Tokens whose pairs with the next one are asked of memory together.
const PAIRS: usize = 32;

/// What happens to a token whatever the lexicons have.
struct Nature {
    /// It is neither protected nor a number nor a stop word.
    is_content: bool,
    /// An entry of it alone does not count.
    is_quiet: bool,
}

impl<'s> Engine<'s, '_> {
    /// Makes the draws of a text's tokens and lists the searches that are needed.
    pub(super) fn plan(&mut self, group: &mut Group, number: usize) {
        let Some(reading) = group.readings.get(number).cloned() else {
            return;
        };
        let may_switch = self.switcher.threshold > 0;
        let content = if may_switch && (self.has_phrases || self.redraws) {
            match reading.language {
                // A copy of the view: the loop need not read it again for each token.
                Some(language) => match self.views.get(language).copied() {
                    Some(view) => self.plan_phrases(group, &reading, |_| language, move |_| view),
                    None => 0,
                },
                None => self.plan_phrases(
                    group,
                    &reading,
                    |unit| self.language(&reading, unit),
                    |language| self.views.get(language).copied().unwrap_or_default(),
                ),
            }
        } else {
            self.plan_words(group, &reading)
        };
        self.counts.content += content as u64;
    }

    /// Lists the searches of a text for single tokens: for those that are chosen. Returns how many tokens are of
    /// content.
    fn plan_words(&self, group: &mut Group, reading: &Reading) -> usize {
        let Group {
            tokens,
            protected,
            searches,
            started,
            ..
        } = group;
        let slots = searches.get_mut(*started..).unwrap_or_default();
        let (mut content, mut count) = (0, 0);
        let chosen = reading.draws.numbers(Purpose::Choose);
        for ((at, token, is_protected), number) in read(tokens, protected, reading).zip(chosen) {
            let nature = self.nature(tokens, at, token, is_protected);
            content += usize::from(nature.is_content);
            // Whether a token is chosen can't be predicted: so every one is written, and some stay.
            if let Some(slot) = slots.get_mut(count) {
                *slot = Search {
                    hash: token.hash,
                    place: None,
                    at: at as u32,
                    lexicon: 0,
                    length: 1,
                    chosen: true,
                    quiet: false,
                };
            }
            let is_chosen = number < self.switcher.threshold;
            count += usize::from(is_chosen & !nature.is_quiet & !is_protected);
        }
        let first_unit = reading.place.tokens.start as u64;
        for slot in slots.get_mut(..count).unwrap_or_default() {
            let unit = u64::from(slot.at) - first_unit + 1;
            let language = self.language(reading, unit);
            slot.lexicon = language as u16;
            if let Some(view) = self.views.get(language) {
                view.prefetch_bucket(slot.hash);
            }
        }
        *started += count;
        content
    }

    /// Lists the searches of a text for the tokens chosen, and for those that may start a phrase, which is
    /// left or switched as a whole. Returns how many tokens are of content.
    #[inline(always)]
    fn plan_phrases(
        &self,
        group: &mut Group,
        reading: &Reading,
        language: impl Fn(u64) -> usize,
        view: impl Fn(usize) -> View<'s>,
    ) -> usize {
        let Group {
            tokens,
            protected,
            searches,
            started,
            phrases,
            ..
        } = group;
        let slots = searches.get_mut(*started..).unwrap_or_default();
        let known = phrases.len();
        phrases.resize(known + reading.place.tokens.len(), Phrase::default());
        let starting = phrases.get_mut(known..).unwrap_or_default();
        let (mut content, mut count, mut phrase_count) = (0, 0, 0);
        let (mut lexicons, mut pairs) = ([0u16; PAIRS], [0u64; PAIRS]);
        let Range { start, end } = reading.place.tokens;
        let draws = reading.draws.numbers(Purpose::Choose);
        let mut drawn = read(tokens, protected, reading).zip(draws);
        for first in (start..end).step_by(PAIRS) {
            // Pairs are hashes, zero where more or else than a space or hyphen stands between the tokens.
            let slots_ahead = lexicons.iter_mut().zip(&mut pairs).zip(first..end);
            for ((lexicon, pair), at) in slots_ahead {
                let language = language((at - start) as u64 + 1);
                let (hash, is_plain) = tokens.plain_pair(at);
                if self.has_far_pairs {
                    view(language).prefetch_pair(hash);
                }
                *lexicon = language as u16;
                *pair = if is_plain { hash } else { 0 };
            }
            let read = lexicons.iter().zip(&pairs).zip(drawn.by_ref());
            for ((&lexicon, &pair), ((at, token, is_protected), number)) in read {
                let nature = self.nature(tokens, at, token, is_protected);
                content += usize::from(nature.is_content);
                let chosen = number < self.switcher.threshold;
                let view = view(usize::from(lexicon));
                let (mut hash, mut is_pair) = (pair, pair != 0);
                if !is_pair {
                    (hash, is_pair) = other_pair(tokens, at, token, &view);
                }
                let is_next_free = protected.get(at + 1).is_some_and(|&is| !is);
                let is_last = at + 1 == end;
                let starts =
                    is_pair & view.may_be_pair(hash) & is_next_free & !is_last & !is_protected;
                let mut needed = starts | (chosen & !nature.is_quiet);
                if self.redraws {
                    let mut views = self.views.iter();
                    needed |= views.any(|view| view.may_start_phrase(token.hash));
                }
                // Nothing of it can be predicted: so everything is written, and some stays.
                if let Some(phrase) = starting.get_mut(phrase_count) {
                    *phrase = Phrase {
                        hash,
                        search: (*started + count) as u32,
                        end: end as u32,
                        read: 2,
                    };
                }
                if let Some(slot) = slots.get_mut(count) {
                    *slot = Search {
                        hash: token.hash,
                        place: None,
                        at: at as u32,
                        lexicon,
                        length: 1,
                        chosen,
                        quiet: nature.is_quiet,
                    };
                }
                phrase_count += usize::from(starts);
                count += usize::from(needed & !is_protected);
            }
        }
        self.prefetch(
            slots.get(..count).unwrap_or_default(),
            starting.get(..phrase_count).unwrap_or_default(),
            *started,
        );
        phrases.truncate(known + phrase_count);
        *started += count;
        content
    }

    /// Asks memory for what the searches of a text, which are those from number `first` on, read first.
    fn prefetch(&self, searches: &[Search], phrases: &[Phrase], first: usize) {
        let view = |search: &Search| self.views.get(usize::from(search.lexicon));
        if self.has_words {
            for search in searches {
                if let Some(view) = view(search) {
                    view.prefetch_bucket(search.hash);
                }
            }
        }
        for phrase in phrases {
            let search = searches.get(phrase.search as usize - first);
            if let Some(view) = search.and_then(view) {
                view.prefetch_bucket(phrase.hash);
            }
        }
    }

    #[inline]
    fn nature(
        &self,
        tokens: &KeyedTokens,
        at: usize,
        token: &KeyedToken,
        is_protected: bool,
    ) -> Nature {
        let options = &self.switcher.options;
        let number = options.protect & token.digit;
        let stop = self.switcher.is_stop_word(tokens, at);
        Nature {
            is_content: !(is_protected | number | stop),
            is_quiet: number | (stop & !options.switch_stop_words),
        }
    }

    /// Takes the searches to their ends: words at once, phrases a token further in each round.
    pub(super) fn search(&self, group: &mut Group) {
        let Group {
            tokens,
            protected,
            searches,
            started,
            phrases,
            ..
        } = group;
        let searches = searches.get_mut(..*started).unwrap_or_default();
        for search in searches.iter_mut().filter(|_| self.has_words) {
            if let Some(view) = self.views.get(usize::from(search.lexicon))
                && !search.quiet & view.has_words()
            {
                search.place = view.find(search.hash).and_then(Node::place);
                view.prefetch_record(search.place);
            }
        }
        while !phrases.is_empty() {
            let mut count = 0;
            for at in 0..phrases.len() {
                let Some(&phrase) = phrases.get(at) else {
                    break;
                };
                if let Some(search) = searches.get_mut(phrase.search as usize)
                    && let Some(view) = self.views.get(usize::from(search.lexicon))
                    && let Some(longer) = step(tokens, protected, search, view, &phrase)
                    && let Some(slot) = phrases.get_mut(count)
                {
                    *slot = longer;
                    count += 1;
                }
            }
            phrases.truncate(count);
        }
    }
}

/// The hash of tokens `at` and `at + 1` where more or else than a space or hyphen stands between them, and
/// whether they may start a phrase.
#[inline(never)]
fn other_pair(tokens: &KeyedTokens, at: usize, token: &KeyedToken, view: &View<'_>) -> (u64, bool) {
    // The first filter says no to most tokens, and a gap's normal form takes time.
    if !view.may_start_phrase(token.hash) {
        return (0, false);
    }
    let pair = tokens.extend_hash(token.hash, at + 1);
    (pair.unwrap_or_default(), pair.is_some())
}

/// Reads one token more of a phrase, and says how it goes on.
#[inline]
fn step(
    tokens: &KeyedTokens,
    protected: &[bool],
    search: &mut Search,
    view: &View<'_>,
    phrase: &Phrase,
) -> Option<Phrase> {
    let node = view.find(phrase.hash)?;
    let place = node.place();
    view.prefetch_record(place);
    search.place = place.or(search.place);
    search.length = if place.is_some() {
        phrase.read
    } else {
        search.length
    };
    let next = search.at as usize + usize::from(phrase.read);
    let goes_on = node.has_longer()
        && usize::from(phrase.read) < MAX_SOURCE_TOKENS
        && next < phrase.end as usize
        && !protected.get(next).is_some_and(|&is| is);
    if !goes_on {
        return None;
    }
    let hash = tokens.extend_hash(phrase.hash, next)?;
    view.prefetch_bucket(hash);
    Some(Phrase {
        hash,
        read: phrase.read + 1,
        ..*phrase
    })
}

/// The tokens of a text with their numbers and whether they are protected.
#[inline]
fn read<'g>(
    tokens: &'g KeyedTokens,
    protected: &'g [bool],
    reading: &Reading,
) -> impl Iterator<Item = (usize, &'g KeyedToken, bool)> {
    let range: Range<usize> = reading.place.tokens.clone();
    let own = tokens.all().get(range.clone()).unwrap_or_default();
    let own_protected = protected.get(range.clone()).unwrap_or_default();
    let both = own.iter().zip(own_protected);
    range
        .zip(both)
        .map(|(at, (token, &is_protected))| (at, token, is_protected))
}
