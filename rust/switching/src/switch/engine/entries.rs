//! Which entry a token has, where that takes more than one look at the place that its search found.

use crate::lexicon::Match;

use super::group::{Group, Reading, Search};
use super::{Engine, pick_weighted};
use crate::switch::draw::Purpose;

impl<'s> Engine<'s, '_> {
    /// The entry at a token and its lexicon, after step 3 of the semantics.
    pub(super) fn entry(
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
