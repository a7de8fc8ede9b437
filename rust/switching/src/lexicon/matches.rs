//! Longest match: the entry at a token of a text.

use super::MAX_SOURCE_TOKENS;
use super::format::Place;
use super::keyed::KeyedTokens;
use super::record::Record;
use super::view::View;

/// An entry found in a text.
#[derive(Clone, Copy, Debug)]
pub struct Match<'l> {
    /// How many tokens of the text it covers.
    pub length: usize,
    /// Whether the text has an inflected form of the entry's source, not the source itself.
    pub is_form: bool,
    /// How many bytes before and after the tokens belong to it, as the `++` of `c++`.
    pub around: (u16, u16),
    record: Record<'l>,
}

impl<'l> Match<'l> {
    /// The entry's source in normal form.
    pub fn source(&self) -> &'l str {
        self.record.source()
    }

    /// The targets with their weights, the heaviest first.
    pub fn targets(&self) -> impl Iterator<Item = (&'l str, f64)> + use<'l> {
        self.record.targets()
    }

    /// The heaviest target, as [`Match::draw`] gives it.
    #[inline]
    pub(crate) fn best(&self) -> (&'l [u8], usize) {
        self.record.first_target_bytes().unwrap_or_default()
    }

    /// The target that `number()`, below 2^53, draws by weight: the first whose cumulative weight is greater
    /// than the number over 2^53 times the sum of the weights. It comes as bytes, more behind it, and its
    /// length.
    ///
    /// `number` is asked for only where there is a choice.
    #[inline(always)]
    pub(crate) fn draw(&self, number: impl FnOnce() -> u64) -> (&'l [u8], usize) {
        self.record.draw(number)
    }
}

impl<'l> View<'l> {
    /// The longest entry whose source is the beginning of tokens `at..`; `joins(i)` says whether token `i` may
    /// be part of a phrase, `forms` whether word forms count as entries.
    pub fn longest_match(
        &self,
        tokens: &KeyedTokens,
        at: usize,
        forms: bool,
        joins: impl Fn(usize) -> bool,
    ) -> Option<Match<'l>> {
        let mut hash = tokens.get(at)?.hash;
        let mut length = 1;
        let mut best = None;
        while let Some(node) = self.find(hash) {
            if let Some(place) = node.place()
                && let Some(found) = self.match_at(tokens, at, length, forms, place)
            {
                best = Some(found);
            }
            if !node.has_longer() || length == MAX_SOURCE_TOKENS || !joins(at + length) {
                break;
            }
            let Some(longer) = tokens.extend_hash(hash, at + length) else {
                break;
            };
            hash = longer;
            length += 1;
        }
        best
    }

    /// What [`View::match_at`] gives, where the text is the source of an entry save for ASCII capitals; else
    /// nothing. To be inlined: a `Match` on its way through memory takes as long as all the rest.
    #[inline(always)]
    pub(crate) fn plain_match_at(
        &self,
        tokens: &KeyedTokens,
        at: usize,
        length: usize,
        place: Place,
    ) -> Option<Match<'l>> {
        let record = self.record(place)?;
        let source = record.source_bytes();
        let is_same = if length == 1 {
            tokens.is_short_word(at, source)
        } else {
            tokens.is_plain_spelling(at, length, source)
        };
        (is_same & record.is_plain()).then_some(Match {
            length,
            is_form: false,
            around: (0, 0),
            record,
        })
    }

    /// The entry at a place if its source, or with `forms` a form of it, is tokens `at..at + length`.
    #[inline(never)]
    pub(crate) fn match_at(
        &self,
        tokens: &KeyedTokens,
        at: usize,
        length: usize,
        forms: bool,
        place: Place,
    ) -> Option<Match<'l>> {
        let record = self.record(place)?;
        let is_form = record.is_form();
        let source = record.source_bytes();
        let is_same = if length == 1 {
            tokens.is_word(at, source)
        } else {
            tokens.spell(at, length, source)
        };
        if is_form && !forms || !is_same {
            return None;
        }
        if record.is_shared() {
            return self.spelled_so(tokens, at, length, record);
        }
        Some(Match {
            length,
            is_form,
            around: (0, 0),
            record: self.base(record)?,
        })
    }

    /// Of the entries that share a record the one that is spelled as tokens `at..at + length` are, else the
    /// record itself.
    fn spelled_so(
        &self,
        tokens: &KeyedTokens,
        at: usize,
        length: usize,
        shared: Record<'l>,
    ) -> Option<Match<'l>> {
        let bytes = tokens.bytes_of(at, length)?;
        let mut best = (None, shared, (0, 0));
        for record in self.sharing(shared) {
            let spelling = record.spelling();
            if let Some(is_exact) = spelling.fit(tokens.text(), bytes, self.is_dotless) {
                let around = (spelling.before, spelling.after);
                let rank = Some((usize::from(around.0) + usize::from(around.1), is_exact));
                if rank > best.0 {
                    best = (rank, record, around);
                }
            }
        }
        let (_, record, around) = best;
        Some(Match {
            length,
            is_form: false,
            around,
            record,
        })
    }
}
