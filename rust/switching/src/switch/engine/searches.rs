//! The searches of a group: which are needed, and their course.

use std::ops::Range;

use crate::lexicon::{KeyedTokens, MAX_SOURCE_TOKENS, Node, View};

use super::Engine;
use super::group::{Group, Phrase, Reading, Search};
use crate::switch::draw::Purpose;

/// Tokens that are planned together: as many as the memory requests that a core keeps open at a time.
const CHUNK: usize = 32;

/// What the options and the text alone say of a token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum TokenClass {
    /// Part of a URL, an address or code: never switched, in no phrase.
    #[default]
    Protected,
    /// A number, or a stop word that is not to be switched: switched in a phrase only.
    PhraseOnly,
    /// A stop word that is switched like any other word, but is not counted as content.
    StopWord,
    /// Any other word.
    Content,
}

impl TokenClass {
    #[inline]
    fn may_be_switched_alone(self) -> bool {
        matches!(self, TokenClass::StopWord | TokenClass::Content)
    }
}

/// What is decided about each token of a chunk before any lexicon's table is read, one array a question.
#[derive(Debug, Default)]
struct ChunkPlan {
    classes: [TokenClass; CHUNK],
    /// Draw `Choose` is below `translation_prob`.
    chosen: [bool; CHUNK],
    /// Number of the lexicon of the language drawn.
    lexicons: [u16; CHUNK],
    /// Hash of the token and the next one, in the order of the text.
    pairs: [u64; CHUNK],
    /// Exactly one space or hyphen separates the two.
    pair_is_plain: [bool; CHUNK],
    /// The lexicon may have a phrase that starts with the two.
    starts_phrase: [bool; CHUNK],
}

impl Engine<'_, '_> {
    /// Makes the draws of a text's tokens and lists the searches that they need.
    pub(super) fn plan(&mut self, group: &mut Group, number: usize) {
        let Some(text) = group.readings.get(number).cloned() else {
            return;
        };
        let may_switch = self.switcher.threshold > 0;
        let has_phrases = may_switch && self.has_phrases;
        let reserved = if has_phrases {
            text.place.tokens.len()
        } else {
            0
        };
        let known = group.phrases.len();
        group.phrases.resize(known + reserved, Phrase::default());
        let mut next = Next {
            search: group.started,
            phrase: known,
        };
        let mut plan = ChunkPlan::default();
        let mut content = 0;
        let Range { start, end } = text.place.tokens;
        for first in (start..end).step_by(CHUNK) {
            let chunk = first..(first + CHUNK).min(end);
            content += self.classify(group, chunk.clone(), &mut plan.classes);
            if !may_switch {
                continue;
            }
            self.draw(&text, chunk.clone(), &mut plan);
            if has_phrases {
                self.hash_pairs(&group.tokens, chunk.clone(), &mut plan);
                self.find_phrase_starts(group, chunk.clone(), end, &mut plan);
            }
            self.list_searches(group, chunk, end, &plan, &mut next);
        }
        self.prefetch(group, group.started..next.search, known..next.phrase);
        group.started = next.search;
        group.phrases.truncate(next.phrase);
        self.counts.content += content as u64;
    }

    /// Finds the class of each token of a chunk; returns how many are content.
    #[inline]
    fn classify(
        &self,
        group: &Group,
        chunk: Range<usize>,
        classes: &mut [TokenClass; CHUNK],
    ) -> usize {
        let options = &self.switcher.options;
        let tokens = group.tokens.all().get(chunk.clone()).unwrap_or_default();
        let protected = group.protected.get(chunk.clone()).unwrap_or_default();
        let mut content = 0;
        for (((class, token), &is_protected), at) in
            classes.iter_mut().zip(tokens).zip(protected).zip(chunk)
        {
            let is_number = options.protect & token.digit;
            let is_stop_word = self.switcher.is_stop_word(&group.tokens, at);
            *class = if is_protected {
                TokenClass::Protected
            } else if is_number | (is_stop_word & !options.switch_stop_words) {
                TokenClass::PhraseOnly
            } else if is_stop_word {
                TokenClass::StopWord
            } else {
                TokenClass::Content
            };
            content += usize::from(*class == TokenClass::Content);
        }
        content
    }

    /// Draws for each token of a chunk whether it is chosen, and its language.
    #[inline]
    fn draw(&self, text: &Reading, chunk: Range<usize>, plan: &mut ChunkPlan) {
        let threshold = self.switcher.threshold;
        let first_unit = (chunk.start - text.place.tokens.start) as u64 + 1;
        let numbers = text.draws.numbers(first_unit, Purpose::Choose);
        for (chosen, number) in plan.chosen.iter_mut().zip(numbers).take(chunk.len()) {
            *chosen = number < threshold;
        }
        match text.language {
            Some(language) => plan.lexicons = [language as u16; CHUNK],
            None => {
                for (lexicon, unit) in plan.lexicons.iter_mut().zip(first_unit..).take(chunk.len())
                {
                    *lexicon = self.language(text, unit) as u16;
                }
            }
        }
    }

    /// Hashes each token of a chunk with the next one, and asks memory for the filters of pairs where they are large.
    #[inline]
    fn hash_pairs(&self, tokens: &KeyedTokens, chunk: Range<usize>, plan: &mut ChunkPlan) {
        let pairs = plan.pairs.iter_mut().zip(&mut plan.pair_is_plain);
        for ((at, (pair, is_plain)), &lexicon) in chunk.zip(pairs).zip(&plan.lexicons) {
            (*pair, *is_plain) = tokens.plain_pair(at);
            if self.has_far_pairs
                && let Some(view) = self.views.get(usize::from(lexicon))
            {
                view.prefetch_pair(*pair);
            }
        }
    }

    /// Asks the filters which tokens of a chunk may start a phrase.
    #[inline]
    fn find_phrase_starts(
        &self,
        group: &Group,
        chunk: Range<usize>,
        text_end: usize,
        plan: &mut ChunkPlan,
    ) {
        for (index, at) in chunk.enumerate().take(CHUNK) {
            let view = self.views.get(usize::from(plan.lexicons[index])).copied();
            let view = view.unwrap_or_default();
            let mut is_pair = true;
            if !plan.pair_is_plain[index] {
                let pair = other_pair(&group.tokens, at, &view);
                is_pair = pair.is_some();
                plan.pairs[index] = pair.unwrap_or_default();
            }
            let is_free = plan.classes[index] != TokenClass::Protected;
            let is_next_free = group.protected.get(at + 1).is_some_and(|&is| !is);
            let is_last = at + 1 == text_end;
            plan.starts_phrase[index] =
                is_pair & view.may_be_pair(plan.pairs[index]) & is_free & is_next_free & !is_last;
        }
    }

    /// Lists the searches of a chunk: for a token that is chosen, and for one that may start a phrase, which is
    /// switched or left as a whole even where the token itself is not chosen.
    #[inline]
    fn list_searches(
        &self,
        group: &mut Group,
        chunk: Range<usize>,
        text_end: usize,
        plan: &ChunkPlan,
        next: &mut Next,
    ) {
        let tokens = group.tokens.all().get(chunk.clone()).unwrap_or_default();
        for (index, (token, at)) in tokens.iter().zip(chunk).enumerate().take(CHUNK) {
            let class = plan.classes[index];
            let starts = plan.starts_phrase[index];
            let mut needed = starts | (plan.chosen[index] & class.may_be_switched_alone());
            if self.redraws {
                let mut views = self.views.iter();
                needed |= views.any(|view| view.may_start_phrase(token.hash));
            }
            // Whether a token is needed can't be predicted: each is written, and the next one goes over it if it is
            // not, which costs less than a branch.
            if let Some(phrase) = group.phrases.get_mut(next.phrase) {
                *phrase = Phrase {
                    hash: plan.pairs[index],
                    search: next.search as u32,
                    end: text_end as u32,
                    read: 2,
                };
            }
            if let Some(search) = group.searches.get_mut(next.search) {
                *search = Search {
                    hash: token.hash,
                    place: None,
                    at: at as u32,
                    lexicon: plan.lexicons[index],
                    length: 1,
                    chosen: plan.chosen[index],
                    quiet: !class.may_be_switched_alone(),
                };
            }
            next.phrase += usize::from(starts);
            next.search += usize::from(needed & (class != TokenClass::Protected));
        }
    }

    /// Asks memory for the buckets that the searches of a text read first.
    fn prefetch(&self, group: &Group, searches: Range<usize>, phrases: Range<usize>) {
        let view = |search: &Search| self.views.get(usize::from(search.lexicon));
        if self.has_words {
            for search in group.searches.get(searches).unwrap_or_default() {
                if let Some(view) = view(search) {
                    view.prefetch_bucket(search.hash);
                }
            }
        }
        for phrase in group.phrases.get(phrases).unwrap_or_default() {
            let search = group.searches.get(phrase.search as usize);
            if let Some(view) = search.and_then(view) {
                view.prefetch_bucket(phrase.hash);
            }
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

/// Where the next search and the next phrase of a group go.
struct Next {
    search: usize,
    phrase: usize,
}

/// The hash of tokens `at` and `at + 1` where something else than one space or hyphen separates them, if they may
/// start a phrase.
#[inline(never)]
fn other_pair(tokens: &KeyedTokens, at: usize, view: &View<'_>) -> Option<u64> {
    let token = tokens.get(at)?;
    // The first filter refuses most tokens, and the normal form of a gap takes time.
    if !view.may_start_phrase(token.hash) {
        return None;
    }
    tokens.extend_hash(token.hash, at + 1)
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
