//! Exact search over several parts, each with its filter and with the rows that take part.
//!
//! Workers take units of work: a block of a part. A part without filter is scored in full or, where there are
//! many queries, by bounds of its scores. The rows that a filter or bounds can't dismiss wait as candidates
//! until there are enough of them, are then scored in full, the most promising first, and raise the threshold
//! for all workers. At the end the candidates of all workers are scored in one go, until the next one can't
//! reach the k-th best any more. A worker whose filter leaves too much goes on with bounds for a while.
//!
//! A threshold that starts low lets many rows pass, so it is guessed first, from a pass over a sample of the
//! units: the score that a few more than the sample's share of k reach. The second pass is over the other units.
//! Where k rows of both turn out to reach the guess, all that was left out was behind the k-th best. Where they
//! don't, which is rare, the query is searched again without a guess.

use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use super::filter::{Candidate, Chosen, Filter, GROUP};
use super::rescore::{Rescorer, Threshold};
use super::scan;
use super::select::Selection;
use super::ways::{Way, way};
use super::{Kernel, Matrix};
use crate::bitmap::Bitmap;
use crate::interrupt::Interrupt;
use crate::{Error, Result};

/// Where the filter leaves more than one row in so many to its second part, bounds of all scores are quicker.
const ROWS_PER_LEFT: usize = 8;

/// So many units are then searched without it, at first.
const FEWEST_WITHOUT: u32 = 4;

/// A unit in so many is in the sample that thresholds are guessed from.
const SAMPLED: usize = 16;

/// Fewer units are too few to take a sample of.
const FEWEST_UNITS: usize = 64;

/// A threshold for fewer results rises fast without a guess, where there is one query.
const FEWEST_GUESSED: usize = 32;

/// Candidates wait, because the threshold rises until most of them can be dismissed unseen; but where more
/// than these wait, they are scored.
const MOST_WAITING: usize = 1 << 16;

/// Candidates that a better threshold is worth while for.
const FEWEST_WAITING: usize = 64;

/// Who does the work of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workers {
    /// The threads of rayon's current pool.
    Pool,
    /// The calling thread alone: waking others takes longer than a small search.
    Caller,
}

impl Workers {
    /// Those that search so many bytes soonest.
    pub fn for_bytes(bytes: usize) -> Self {
        if bytes <= 4 << 20 {
            Workers::Caller
        } else {
            Workers::Pool
        }
    }

    fn count(self) -> usize {
        match self {
            Workers::Pool => rayon::current_num_threads(),
            Workers::Caller => 1,
        }
    }
}

/// Some rows, what dismisses most of them, and which of them take part (`None`: all).
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// The rows.
    pub vectors: Matrix<'a>,
    /// Their filter.
    pub filter: Option<&'a Filter<'a>>,
    /// The rows that take part.
    pub allowed: Option<&'a Bitmap>,
}

impl Part<'_> {
    /// The number of rows that take part.
    pub(super) fn count(&self) -> usize {
        self.allowed.map_or(self.vectors.rows(), Bitmap::count)
    }
}

/// The best rows of every query: `k` scores and rows per query, one query after the other, the highest score
/// first and among equal scores the lower row first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// Inner products, descending for each query.
    pub scores: Vec<f32>,
    /// The rows that they belong to, numbered through the parts in order.
    pub rows: Vec<u32>,
    /// Candidates of filters that were scored in full, of all queries together. Unlike the rest, it depends
    /// on how the threads happened to share the work.
    pub rescored: u64,
}

/// Finds, for each query, the `k` rows of all parts that have the highest inner products among those that
/// take part. Filters change nothing but the time.
///
/// The vectors may be of any [`super::Element`], the queries are float32. The vectors must be finite, which
/// [`Matrix::check_finite`] tells once for many searches; the queries are checked here.
///
/// # Errors
///
/// No vectors; queries that are not float32; `k` is 0 or more than the rows that take part; dimensions
/// differ; a query is not finite; a score overflows f32 (or a vector was not finite);
/// [`super::KERNEL_VARIABLE`] names no kernel of this CPU; an interrupt.
pub fn search(
    parts: &[Part<'_>],
    queries: Matrix<'_>,
    k: usize,
    workers: Workers,
    interrupt: &Interrupt,
) -> Result<Found> {
    let kernel = Kernel::active()?;
    let usage = Usage::WherePays;
    search_with(kernel, usage, parts, queries, k, workers, interrupt)
}

/// When candidates are looked for first, by filters or bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Usage {
    WherePays,
    /// For tests, whose rows are few.
    #[cfg(test)]
    Always,
    /// Rows are scored in full.
    #[cfg(test)]
    Never,
}

pub(super) fn search_with(
    kernel: Kernel,
    usage: Usage,
    parts: &[Part<'_>],
    queries: Matrix<'_>,
    k: usize,
    workers: Workers,
    interrupt: &Interrupt,
) -> Result<Found> {
    check(parts, queries, k)?;
    queries.check_finite_as("queries", interrupt)?;
    let values = queries.float32_values("queries")?;
    let dimension = queries.dimension();
    let mut found = Found::default();
    let step = scan::queries_per_scan(dimension, k);
    for values in values.chunks(step * dimension) {
        let search = |values: &[f32], guess| {
            let search = Search::new(kernel, usage, parts, values, dimension, k, workers);
            search.run(guess, &mut found.rescored, interrupt)
        };
        let selections = select(values, dimension, search)?;
        for selection in selections {
            finish(selection, k, &mut found)?;
        }
    }
    Ok(found)
}

/// The selections of all queries: with guessed thresholds first, then again of those whose guess was wrong.
fn select(
    values: &[f32],
    dimension: usize,
    mut search: impl FnMut(&[f32], bool) -> Result<Vec<Option<Selection>>>,
) -> Result<Vec<Selection>> {
    let selections = search(values, true)?;
    let again: Vec<f32> = selections
        .iter()
        .zip(values.chunks_exact(dimension))
        .filter(|(selection, _)| selection.is_none())
        .flat_map(|(_, query)| query)
        .copied()
        .collect();
    let mut rest = if again.is_empty() {
        Vec::new()
    } else {
        search(&again, false)?
    }
    .into_iter()
    .flatten();
    Ok(selections
        .into_iter()
        .filter_map(|selection| selection.or_else(|| rest.next()))
        .collect())
}

fn finish(selection: Selection, k: usize, found: &mut Found) -> Result<()> {
    for (score, row) in selection.finish() {
        if !score.is_finite() {
            let query = found.scores.len() / k;
            return Err(Error::input(
                format!("the score of vector row {row} and query row {query} is {score}"),
                "scale or normalise the vectors, and check them for NaN and infinity",
            ));
        }
        found.scores.push(score);
        found.rows.push(row);
    }
    Ok(())
}

fn check(parts: &[Part<'_>], queries: Matrix<'_>, k: usize) -> Result<()> {
    let rows: usize = parts.iter().map(|part| part.vectors.rows()).sum();
    if rows == 0 {
        return Err(Error::input(
            "no vectors to search",
            "give at least one row",
        ));
    }
    if u32::try_from(rows).is_err() {
        return Err(Error::input(
            format!("{rows} vectors are more than one search takes"),
            format!("split them into parts of at most {} rows", u32::MAX),
        ));
    }
    for part in parts {
        if queries.dimension() != part.vectors.dimension() {
            return Err(Error::input(
                format!(
                    "queries of dimension {} against vectors of dimension {}",
                    queries.dimension(),
                    part.vectors.dimension()
                ),
                "encode both with the same model",
            ));
        }
        let bits = part.allowed.map_or(part.vectors.rows(), Bitmap::rows);
        let coded = part.filter.map_or(part.vectors.rows(), Filter::rows);
        if bits != part.vectors.rows() || coded != part.vectors.rows() {
            return Err(Error::input(
                "a bitmap or filter of another number of rows",
                "make it for the rows it goes with",
            ));
        }
    }
    let taking_part: usize = parts.iter().map(Part::count).sum();
    if k < 1 || k > taking_part {
        return Err(Error::input(
            format!("k is {k}, and there are {taking_part} vectors"),
            "give a k from 1 to the number of vectors",
        ));
    }
    Ok(())
}

/// A part, and its place among all.
struct Place<'a> {
    part: Part<'a>,
    way: Way<'a>,
    first_row: u32,
    /// Rows of a unit of work.
    step: usize,
    first_unit: usize,
}

/// What all workers of one scan share.
struct Search<'a> {
    places: Vec<Place<'a>>,
    units: usize,
    k: usize,
    queries: usize,
    workers: Workers,
    rescorer: Rescorer<'a>,
}

/// The units of a pass.
#[derive(Clone, Copy)]
enum Units {
    All,
    /// One in [`SAMPLED`].
    Sample,
    /// All but the sample.
    Rest,
}

impl Units {
    /// How many these are of so many.
    fn count(self, all: usize) -> usize {
        let sample = all.div_ceil(SAMPLED);
        match self {
            Units::All => all,
            Units::Sample => sample,
            Units::Rest => all - sample,
        }
    }

    /// The number among all of the one that is at a place among these.
    fn unit(self, place: usize) -> usize {
        match self {
            Units::All => place,
            Units::Sample => place.saturating_mul(SAMPLED),
            Units::Rest => place + place / (SAMPLED - 1) + 1,
        }
    }
}

/// A scan of some units.
struct Pass<'a> {
    search: &'a Search<'a>,
    /// Rows to find.
    k: usize,
    units: Units,
    /// What the sample has, if this is the pass over the rest.
    sample: Option<&'a [Selection]>,
    thresholds: Vec<Threshold>,
    next: AtomicUsize,
}

/// What a worker keeps from unit to unit, so that its thresholds are soon tight. Which worker takes which
/// unit is left to chance: the result doesn't depend on it.
#[derive(Default)]
struct Worker {
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

impl<'a> Search<'a> {
    fn new(
        kernel: Kernel,
        usage: Usage,
        parts: &'a [Part<'a>],
        values: &[f32],
        dimension: usize,
        k: usize,
        workers: Workers,
    ) -> Self {
        let queries = values.len() / dimension;
        let mut places = Vec::with_capacity(parts.len());
        let (mut first_row, mut first_unit) = (0, 0);
        for part in parts {
            let rows = part.vectors.rows();
            let (way, step) = way(kernel, part, values, k, usage, workers);
            places.push(Place {
                part: *part,
                way,
                // The caller's check has it that all rows fit u32.
                first_row: first_row as u32,
                step,
                first_unit,
            });
            first_row += rows;
            first_unit += rows.div_ceil(step);
        }
        Search {
            rescorer: Rescorer::new(kernel, parts, values, dimension),
            places,
            units: first_unit,
            k,
            queries,
            workers,
        }
    }

    /// The best rows of each query; `None` where a guess was too high.
    fn run(
        &self,
        guess: bool,
        rescored: &mut u64,
        interrupt: &Interrupt,
    ) -> Result<Vec<Option<Selection>>> {
        let Some(depth) = self.sample_depth().filter(|_| guess) else {
            let pass = Pass::new(self, self.k, Units::All, None);
            let selections = pass.run(rescored, interrupt)?;
            return Ok(selections.into_iter().map(Some).collect());
        };
        let sample = Pass::new(self, depth, Units::Sample, None).run(rescored, interrupt)?;
        let pass = Pass::new(self, self.k, Units::Rest, Some(&sample));
        let selections = pass.run(rescored, interrupt)?.into_iter().zip(&sample);
        Ok(selections
            .map(|(selection, sample)| selection.reaches(sample).then_some(selection))
            .collect())
    }

    /// How many rows of a sample to find, whose last one's score k rows of all should reach; `None` where a
    /// sample would not pay.
    fn sample_depth(&self) -> Option<usize> {
        if self.units < FEWEST_UNITS
            || !self.places.iter().any(|place| place.way.finds_candidates())
            || (self.queries == 1 && self.k < FEWEST_GUESSED)
        {
            return None;
        }
        // The sample has its share of the k best, give or take a few standard deviations.
        let share = self.k as f64 / SAMPLED as f64;
        let depth = (share + 3.0 * share.sqrt() + 3.0) as usize;
        (depth < self.k).then_some(depth)
    }
}

impl<'a> Pass<'a> {
    fn new(
        search: &'a Search<'a>,
        k: usize,
        units: Units,
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
    fn run(&self, rescored: &mut u64, interrupt: &Interrupt) -> Result<Vec<Selection>> {
        let count = self.search.workers.count();
        let units = self.units.count(self.search.units);
        let mut workers = match count.clamp(1, units.max(1)) {
            1 => vec![self.work(interrupt)?],
            workers => (0..workers)
                .into_par_iter()
                .with_max_len(1)
                .map(|_| self.work(interrupt))
                .collect::<Result<Vec<Worker>>>()?,
        }
        .into_iter();
        let mut merged = workers.next().unwrap_or_default();
        for worker in workers {
            merged.rescored += worker.rescored;
            let theirs = worker.selections.iter().zip(worker.candidates);
            for (query, (selection, candidates)) in theirs.enumerate() {
                merged.selections[query].merge(selection);
                merged.candidates[query].extend(candidates);
            }
        }
        *rescored += merged.rescored;
        for (selection, sample) in merged.selections.iter_mut().zip(self.sample.unwrap_or(&[])) {
            selection.merge(sample);
        }
        let together = self.search.queries < count;
        let settle = |(query, (mut selection, mut candidates)): (usize, (Selection, Vec<_>))| {
            interrupt.check()?;
            selection.settle();
            let rescored = self.search.rescorer.rescore(
                query,
                &mut candidates,
                &mut selection,
                &self.thresholds[query],
                together,
            );
            Ok((selection, rescored))
        };
        let settled = if count == 1 || self.search.queries == 1 {
            let queries = merged.selections.into_iter().zip(merged.candidates);
            queries.enumerate().map(settle).collect::<Result<Vec<_>>>()
        } else {
            let queries = merged.selections.into_par_iter().zip(merged.candidates);
            queries.enumerate().map(settle).collect::<Result<Vec<_>>>()
        }?;
        *rescored += settled.iter().map(|(_, rescored)| rescored).sum::<u64>();
        Ok(settled
            .into_iter()
            .map(|(selection, _)| selection)
            .collect())
    }

    /// Takes unit after unit until none is left.
    fn work(&self, interrupt: &Interrupt) -> Result<Worker> {
        let search = self.search;
        let mut worker = Worker {
            selections: vec![Selection::new(self.k); search.queries],
            candidates: vec![Vec::new(); search.queries],
            thresholds: vec![f32::NEG_INFINITY; search.queries],
            due: vec![2 * self.k.max(2 * FEWEST_WAITING); search.queries],
            ..Worker::default()
        };
        let take = || self.units.unit(self.next.fetch_add(1, Ordering::Relaxed));
        let mut next = take();
        loop {
            // The unit after this one is taken already, so that it can be asked from memory meanwhile.
            let unit = std::mem::replace(&mut next, take());
            if unit >= search.units {
                return Ok(worker);
            }
            interrupt.check()?;
            let after = search
                .places
                .partition_point(|place| place.first_unit <= unit);
            // Parts without rows have no units, and come before the one that has this unit.
            let Some(place) = search.places[..after].last() else {
                continue;
            };
            let start = (unit - place.first_unit) * place.step;
            let end = (start + place.step).min(place.part.vectors.rows());
            let next_start = next
                .saturating_sub(place.first_unit)
                .saturating_mul(place.step);
            let next_start = (next_start < place.part.vectors.rows()).then_some(next_start);
            match &place.way {
                Way::Full(full) => {
                    full.scan(
                        start,
                        next_start,
                        place.first_row,
                        &mut worker.scores,
                        &mut worker.selections,
                    );
                }
                Way::Gather(allowed, panels) => {
                    let rows = allowed.between(start, end).map(|row| place.first_row + row);
                    let selections = &mut worker.selections;
                    match panels {
                        Some(panels) => {
                            search.rescorer.score_all_in_tiles(rows, panels, selections);
                        }
                        None => search.rescorer.score_all(rows, selections),
                    }
                }
                Way::Filter(..) | Way::Bounded(_) => {
                    self.scan(place, start..end, next_start, &mut worker);
                }
            }
        }
    }

    /// A unit of a part whose candidates are found first.
    fn scan(
        &self,
        place: &Place<'_>,
        rows: std::ops::Range<usize>,
        next: Option<usize>,
        worker: &mut Worker,
    ) {
        let mut chosen = std::mem::take(&mut worker.chosen);
        chosen.clear();
        chosen.extend(choose(place.part.allowed, rows));
        for (threshold, shared) in worker.thresholds.iter_mut().zip(&self.thresholds) {
            *threshold = threshold.max(shared.get());
        }
        // Before there is a threshold all rows are candidates: few rows are enough for a first one, and some more
        // for a better one.
        let begins = worker.thresholds.contains(&f32::NEG_INFINITY);
        let mut few = if begins {
            (2 * self.k).max(8 * GROUP).div_ceil(GROUP)
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
            let Worker {
                thresholds,
                candidates,
                scores,
                patience,
                ..
            } = worker;
            let before: Vec<usize> = candidates.iter().map(Vec::len).collect();
            if let Some(bounded) = without_filter {
                bounded.scan(chosen, next, thresholds, candidates, scores);
            } else if let Way::Filter(queries, _) = &place.way {
                queries.scan(chosen, thresholds, candidates);
                // What low thresholds leave says nothing about the rest.
                if !begins {
                    let left = candidates.iter().zip(&before);
                    let left = left.map(|(now, before)| now.len() - before).sum();
                    patience.learn(left, chosen.len() * GROUP * before.len());
                }
                for (query, before) in before.iter().enumerate() {
                    let candidates = &mut candidates[query];
                    queries.refine(query, candidates, *before, thresholds[query]);
                }
            }
            for (candidates, before) in candidates.iter_mut().zip(before) {
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
        *due = candidates.len() + self.k.max(FEWEST_WAITING).max(candidates.len() / 4);
    }
}

/// The groups that hold these rows, as far as they take part. The first row is that of a group.
fn choose(allowed: Option<&Bitmap>, rows: std::ops::Range<usize>) -> impl Iterator<Item = Chosen> {
    rows.clone().step_by(GROUP).filter_map(move |first| {
        // The last group may have rows that don't exist.
        let exist = u16::MAX >> (GROUP - (rows.end - first).min(GROUP));
        let group = first / GROUP;
        let rows = allowed.map_or(exist, |allowed| allowed.group(group) & exist);
        (rows != 0).then_some(Chosen {
            group: group as u32,
            rows,
        })
    })
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
