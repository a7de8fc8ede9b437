//! One scan over units of work, by all workers.

use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use super::{Search, Unit};
use crate::Interrupt;
use crate::Result;
use crate::bounded::BoundedScan;
use crate::filter::{Candidate, Chosen, FilterQueries, GROUP};
use crate::rescore::Threshold;
use crate::select::Selection;
use crate::ways::Way;

/// Where the filter leaves more than one row in so many to its second part, bounds of all scores are quicker.
const ROWS_PER_LEFT: usize = 8;

/// So many units are then searched without it, at first.
const FEWEST_WITHOUT: u32 = 4;

/// Candidates wait, because the threshold rises until most of them can be dismissed unseen; but where more
/// than these wait, they are scored.
const MOST_WAITING: usize = 1 << 16;

/// Candidates that a better threshold is worth while for.
const FEWEST_WAITING: usize = 64;

/// The units of a pass.
pub(super) enum Units<'a> {
    All,
    /// A sample of all.
    Sample(Vec<Unit<'a>>),
    /// All but what is in the sample.
    Rest,
}

/// A scan of some units.
pub(super) struct Pass<'a> {
    search: &'a Search<'a>,
    /// Rows to find.
    k: usize,
    units: Units<'a>,
    /// What the sample has, if this is the pass over the rest.
    sample: Option<&'a [Selection]>,
    thresholds: Vec<Threshold>,
    next: AtomicUsize,
}

/// What a worker keeps from unit to unit, so that its thresholds are soon tight. Which worker takes which
/// unit is left to chance: the result doesn't depend on it.
#[derive(Default)]
struct Worker {
    /// Rows to find for each query: fewer than in the end while it looks at a sample of a sample.
    depth: usize,
    selections: Vec<Selection>,
    /// Per query, rows that wait to be scored in full.
    candidates: Vec<Vec<Candidate>>,
    thresholds: Vec<f32>,
    /// Per query, how many candidates make it worth while to raise the threshold.
    due: Vec<usize>,
    chosen: Vec<Chosen>,
    scores: Vec<f32>,
    rescored: u64,
    /// Whether filters do their work here.
    patience: Patience,
}

impl Worker {
    /// Adds candidates from the chosen groups, as bounds of all scores tell.
    fn find_by_bounds(&mut self, scan: &BoundedScan<'_>, chosen: &[Chosen], next: Option<usize>) {
        scan.scan(
            chosen,
            next,
            &self.thresholds,
            &mut self.candidates,
            &mut self.scores,
        );
    }

    /// Adds candidates from the chosen groups, as the filter tells. There were so many `before`.
    fn find(
        &mut self,
        queries: &FilterQueries<'_>,
        chosen: &[Chosen],
        soon: &[Chosen],
        before: &[usize],
        learns: bool,
    ) {
        queries.scan(chosen, soon, &self.thresholds, &mut self.candidates);
        if learns {
            let left = self.candidates.iter().zip(before);
            let left = left.map(|(now, before)| now.len() - before).sum();
            self.patience
                .learn(left, chosen.len() * GROUP * before.len());
        }
        for (query, before) in before.iter().enumerate() {
            let candidates = &mut self.candidates[query];
            queries.refine(query, candidates, *before, self.thresholds[query]);
        }
    }

    /// What all have found.
    fn merge(workers: Vec<Worker>) -> Worker {
        let mut workers = workers.into_iter();
        let mut merged = workers.next().unwrap_or_default();
        for worker in workers {
            merged.rescored += worker.rescored;
            let theirs = worker.selections.iter().zip(worker.candidates);
            for (query, (selection, candidates)) in theirs.enumerate() {
                merged.selections[query].merge(selection);
                merged.candidates[query].extend(candidates);
            }
        }
        merged
    }
}

/// Units to go without a filter: twice as many whenever it has left too much again.
#[derive(Default)]
struct Patience {
    without: u32,
    next: u32,
}

impl Patience {
    /// Whether to use the filter for the next unit.
    fn tries(&mut self) -> bool {
        let tries = self.without == 0;
        self.without = self.without.saturating_sub(1);
        tries
    }

    /// Takes in that the filter left so many of some rows to look at more closely.
    fn learn(&mut self, left: usize, rows: usize) {
        if left > rows / ROWS_PER_LEFT {
            self.next = (self.next * 2).max(FEWEST_WITHOUT);
            self.without = self.next;
        } else {
            self.next = 0;
        }
    }
}

impl<'a> Pass<'a> {
    pub(super) fn new(
        search: &'a Search<'a>,
        k: usize,
        units: Units<'a>,
        sample: Option<&'a [Selection]>,
    ) -> Self {
        let guess = |query: usize| match sample.map(|sample| sample[query].threshold()) {
            // What is no number is reported at the end; it dismisses nothing.
            Some(guess) if guess.is_finite() => guess,
            _ => f32::NEG_INFINITY,
        };
        Pass {
            search,
            k,
            units,
            sample,
            thresholds: (0..search.queries)
                .map(|query| Threshold::new(guess(query)))
                .collect(),
            next: AtomicUsize::new(0),
        }
    }

    /// Scans, and gives the settled selections of all queries.
    pub(super) fn run(&self, rescored: &mut u64, interrupt: &Interrupt) -> Result<Vec<Selection>> {
        let count = self.search.workers.count();
        let units = match &self.units {
            Units::Sample(units) => units.len(),
            Units::All | Units::Rest => self.search.units,
        };
        let workers = match count.clamp(1, units.max(1)) {
            1 => vec![self.work(interrupt)?],
            workers => (0..workers)
                .into_par_iter()
                .with_max_len(1)
                .map(|_| self.work(interrupt))
                .collect::<Result<Vec<Worker>>>()?,
        };
        let Worker {
            selections,
            candidates,
            rescored: by_workers,
            ..
        } = Worker::merge(workers);
        let settle = |(query, (selection, candidates))| {
            interrupt.check()?;
            Ok(self.settle(query, selection, candidates))
        };
        let settled = if count == 1 || self.search.queries == 1 {
            let queries = selections.into_iter().zip(candidates);
            queries.enumerate().map(settle).collect::<Result<Vec<_>>>()
        } else {
            let queries = selections.into_par_iter().zip(candidates);
            queries.enumerate().map(settle).collect::<Result<Vec<_>>>()
        }?;
        *rescored += by_workers + settled.iter().map(|(_, rescored)| rescored).sum::<u64>();
        Ok(settled
            .into_iter()
            .map(|(selection, _)| selection)
            .collect())
    }

    /// Takes in the sample, and scores what still waits; tells how many it scored.
    fn settle(
        &self,
        query: usize,
        mut selection: Selection,
        mut candidates: Vec<Candidate>,
    ) -> (Selection, u64) {
        if let Some(sample) = self.sample {
            selection.merge(&sample[query]);
        }
        selection.settle();
        let together = self.search.queries < self.search.workers.count();
        let rescored = self.search.rescorer.rescore(
            query,
            &mut candidates,
            &mut selection,
            &self.thresholds[query],
            together,
        );
        (selection, rescored)
    }

    /// Takes unit after unit until none is left.
    fn work(&self, interrupt: &Interrupt) -> Result<Worker> {
        let search = self.search;
        let mut next = self.take();
        // The first unit of a sample is a sample of it, where it is spread over all rows.
        let depth = match &next {
            Some(unit) if unit.every > 1 => search.depth(unit.every).min(self.k),
            _ => self.k,
        };
        let mut worker = Worker {
            depth,
            selections: vec![Selection::new(depth); search.queries],
            candidates: vec![Vec::new(); search.queries],
            thresholds: vec![f32::NEG_INFINITY; search.queries],
            due: vec![first_due(depth); search.queries],
            ..Worker::default()
        };
        while let Some(unit) = next {
            interrupt.check()?;
            let place = unit.place;
            // Where memory is asked for the unit after this one meanwhile, that is taken already.
            let after = (!place.samples_pieces).then(|| self.take()).flatten();
            let next_start = after
                .as_ref()
                .filter(|after| std::ptr::eq(after.place, place))
                .map(|after| after.rows.start);
            match &place.way {
                Way::Full(full) => {
                    full.scan(
                        unit.rows.start,
                        next_start,
                        place.first_row,
                        &mut worker.scores,
                        &mut worker.selections,
                    );
                }
                Way::Gather(allowed, panels) => {
                    let rows = allowed.between(unit.rows.start, unit.rows.end);
                    let rows = rows.map(|row| place.first_row + row);
                    let selections = &mut worker.selections;
                    match panels {
                        Some(panels) => {
                            search.rescorer.score_all_in_tiles(rows, panels, selections);
                        }
                        None => search.rescorer.score_all(rows, selections),
                    }
                }
                Way::Filter(..) | Way::Bounded(_) => {
                    self.scan(&unit, next_start, &mut worker);
                }
            }
            if worker.depth < self.k {
                self.deepen(&mut worker);
            }
            next = after.or_else(|| self.take());
        }
        Ok(worker)
    }

    /// Takes a unit; none where none is left.
    fn take(&self) -> Option<Unit<'a>> {
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            match &self.units {
                Units::Sample(units) => return units.get(number).cloned(),
                Units::All => return self.search.unit(number),
                Units::Rest => {
                    let unit = self.search.unit(number)?;
                    if !unit.place.samples_unit(number) {
                        return Some(unit);
                    }
                }
            }
        }
    }

    /// Goes on for more rows, of which those found so far are expected to have the last.
    fn deepen(&self, worker: &mut Worker) {
        worker.depth = self.k;
        let queries = worker.selections.iter_mut().zip(&mut worker.candidates);
        for (query, (selection, candidates)) in queries.enumerate() {
            let shared = &self.thresholds[query];
            let rescorer = &self.search.rescorer;
            worker.rescored += rescorer.rescore(query, candidates, selection, shared, false);
            selection.deepen(self.k);
            worker.due[query] = first_due(self.k);
        }
    }

    /// A unit of a part whose candidates are found first.
    fn scan(&self, unit: &Unit<'_>, next: Option<usize>, worker: &mut Worker) {
        let place = unit.place;
        let mut chosen = std::mem::take(&mut worker.chosen);
        chosen.clear();
        unit.choose(!matches!(self.units, Units::Rest), &mut chosen);
        for (threshold, shared) in worker.thresholds.iter_mut().zip(&self.thresholds) {
            *threshold = threshold.max(shared.get());
        }
        // Before there is a threshold all rows are candidates: few rows are enough for a first one, and some more
        // for a better one.
        let begins = worker.thresholds.contains(&f32::NEG_INFINITY);
        let mut few = if begins {
            (2 * worker.depth).max(8 * GROUP).div_ceil(GROUP)
        } else {
            chosen.len()
        };
        let without_filter = match &place.way {
            Way::Bounded(bounded) => Some(bounded),
            Way::Filter(_, Some(bounded)) if !worker.patience.tries() => Some(bounded),
            _ => None,
        };
        let mut rest = &chosen[..];
        while !rest.is_empty() {
            let (chosen, later) = rest.split_at(few.min(rest.len()));
            rest = later;
            few *= 2;
            let before: Vec<usize> = worker.candidates.iter().map(Vec::len).collect();
            match (without_filter, &place.way) {
                (Some(bounded), _) => worker.find_by_bounds(bounded, chosen, next),
                // What low thresholds leave says nothing about the rest.
                (None, Way::Filter(queries, _)) => {
                    worker.find(queries, chosen, later, &before, !begins);
                }
                _ => {}
            }
            for (candidates, before) in worker.candidates.iter_mut().zip(before) {
                for candidate in &mut candidates[before..] {
                    candidate.row += place.first_row;
                }
            }
            for query in 0..self.search.queries {
                self.raise_threshold(query, worker);
            }
        }
        worker.chosen = chosen;
    }

    /// Scores candidates where there is no threshold yet, or where so many wait that a better one is due.
    fn raise_threshold(&self, query: usize, worker: &mut Worker) {
        let (selection, shared) = (&mut worker.selections[query], &self.thresholds[query]);
        let candidates = &mut worker.candidates[query];
        let threshold = &mut worker.thresholds[query];
        let due = &mut worker.due[query];
        if candidates.len() < *due && *threshold > f32::NEG_INFINITY {
            return;
        }
        worker.rescored += if candidates.len() < MOST_WAITING {
            self.search
                .rescorer
                .raise(query, candidates, selection, shared)
        } else {
            self.search
                .rescorer
                .rescore(query, candidates, selection, shared, false)
        };
        *threshold = shared.get();
        *due = candidates.len() + worker.depth.max(FEWEST_WAITING).max(candidates.len() / 4);
    }
}

/// How many candidates make it worth while to raise the threshold for the first time, where so many rows are to be found.
fn first_due(depth: usize) -> usize {
    2 * depth.max(2 * FEWEST_WAITING)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_leaves_too_much_is_tried_less_and_less() {
        let mut patience = Patience::default();
        let mut tried = Vec::new();
        for unit in 0..40 {
            if patience.tries() {
                tried.push(unit);
                patience.learn(300, 1_000);
            }
        }
        assert_eq!(tried, [0, 5, 14, 31]);
        patience = Patience::default();
        patience.learn(300, 1_000);
        assert!(!patience.tries());
        patience.learn(10, 1_000);
        patience.without = 0;
        assert!(
            patience.tries() && patience.tries(),
            "a good unit makes up for the bad ones"
        );
    }
}
