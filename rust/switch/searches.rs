//! The searches of a group: which are needed, and their course.

use crate::lexicon::{KeyedTokens, MAX_SOURCE_TOKENS, Node, View};

use super::draw::Purpose;
use super::engine::Engine;
use super::group::{Group, Phrase, Search};
use super::{MissPolicy, Switcher};

impl Engine<'_, '_> {
    /// Makes the draws of a text's tokens and lists the searches that are needed: for the tokens chosen, and
    /// for those that may start a phrase, which is left or switched as a whole.
    pub(super) fn plan(&mut self, group: &mut Group, number: usize) {
        let Switcher {
            options, threshold, ..
        } = self.switcher;
        let Group {
            tokens,
            protected,
            searches,
            started,
            phrases,
            readings,
        } = group;
        let Some(reading) = readings.get(number) else {
            return;
        };
        let redraws = options.miss_policy == MissPolicy::Redraw && self.views.len() > 1;
        let may_switch = *threshold > 0;
        let range = reading.place.tokens.clone();
        let own = tokens.all().get(range.clone()).unwrap_or_default();
        let own_protected = protected.get(range.clone()).unwrap_or_default();
        if self.has_large_filters {
            for at in range.clone() {
                let language = self.language(reading, (at - range.start) as u64 + 1);
                if let (Some(view), Some(pair)) = (self.views.get(language), tokens.plain_pair(at))
                {
                    view.prefetch_pair(pair);
                }
            }
        }
        let mut content = 0;
        let mut count = *started;
        for ((at, token), &is_protected) in range.clone().zip(own).zip(own_protected) {
            let unit = (at - range.start) as u64 + 1;
            let number = options.protect & token.digit;
            let stop = self.switcher.is_stop_word(tokens, at);
            content += usize::from(!(is_protected | number | stop));
            let quiet = number | (stop & !options.switch_stop_words);
            let chosen = reading.draws.number(unit, Purpose::Choose) < *threshold;
            let language = self.language(reading, unit);
            let mut needed = chosen & !quiet;
            let Some(view) = self.views.get(language) else {
                continue;
            };
            let next = at + 1;
            if view.has_phrases()
                && (next < range.end) & may_switch & !is_protected
                && let Some(pair) = pair_from(tokens, at, view)
                && !protected.get(next).is_some_and(|&is| is)
            {
                view.prefetch_bucket(pair);
                phrases.push(Phrase {
                    hash: pair,
                    search: count as u32,
                    end: range.end as u32,
                    read: 2,
                });
                needed = true;
            }
            if redraws {
                needed |= self
                    .views
                    .iter()
                    .any(|view| view.may_start_phrase(token.hash));
            }
            // Whether a token is chosen can't be predicted: so every one is written, and some stay.
            if let Some(search) = searches.get_mut(count) {
                *search = Search {
                    hash: token.hash,
                    place: None,
                    at: at as u32,
                    lexicon: language as u16,
                    length: 1,
                    chosen,
                    quiet,
                };
            }
            count += usize::from(needed & !is_protected);
        }
        let new = searches.get(*started..count).unwrap_or_default();
        for search in new {
            if let Some(view) = self.views.get(usize::from(search.lexicon))
                && view.has_words()
            {
                view.prefetch_bucket(search.hash);
            }
        }
        *started = count;
        self.counts.content += content as u64;
    }

    /// Takes the searches to their ends: words at once, phrases a token further in each round.
    pub(super) fn search(&self, group: &mut Group) {
        let Group {
            tokens,
            protected,
            searches,
            started,
            phrases,
            readings: _,
        } = group;
        let searches = searches.get_mut(..*started).unwrap_or_default();
        for search in searches.iter_mut() {
            if let Some(view) = self.views.get(usize::from(search.lexicon))
                && !search.quiet & view.has_words()
                && let Some(place) = view.find(search.hash).and_then(Node::place)
            {
                search.place = Some(place);
                view.prefetch_record(place);
            }
        }
        while !phrases.is_empty() {
            phrases.retain_mut(|phrase| {
                let Some(search) = searches.get_mut(phrase.search as usize) else {
                    return false;
                };
                let Some(view) = self.views.get(usize::from(search.lexicon)) else {
                    return false;
                };
                let Some(node) = view.find(phrase.hash) else {
                    return false;
                };
                if let Some(place) = node.place() {
                    search.place = Some(place);
                    search.length = phrase.read;
                    view.prefetch_record(place);
                }
                let next = search.at as usize + usize::from(phrase.read);
                let goes_on = node.has_longer()
                    && usize::from(phrase.read) < MAX_SOURCE_TOKENS
                    && next < phrase.end as usize
                    && !protected.get(next).is_some_and(|&is| is);
                if goes_on && let Some(longer) = tokens.extend_hash(phrase.hash, next) {
                    phrase.hash = longer;
                    phrase.read += 1;
                    view.prefetch_bucket(longer);
                    return true;
                }
                false
            });
        }
    }
}

/// The hash of tokens `at` and `at + 1`, if they may start a phrase.
#[inline]
fn pair_from(tokens: &KeyedTokens, at: usize, view: &View<'_>) -> Option<u64> {
    // Whether a token starts some phrase can hardly be predicted, whether a pair does so can: nearly none.
    if let Some(pair) = tokens.plain_pair(at) {
        return view.may_be_pair(pair).then_some(pair);
    }
    let token = tokens.get(at)?;
    if !view.may_start_phrase(token.hash) {
        return None;
    }
    let pair = tokens.extend_hash(token.hash, at + 1)?;
    view.may_be_pair(pair).then_some(pair)
}
