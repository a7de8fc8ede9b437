//! Exact search over several parts, each with its filter and with the rows that take part.
//!
//! Workers take units of work (`pass.rs`, `unit.rs`): a block of a part. A part without filter is scored in full or, where there are
//! many queries, by bounds of its scores. The rows that a filter or bounds can't dismiss wait as candidates
//! until there are enough of them, are then scored in full, the most promising first, and raise the threshold
//! for all workers. At the end the candidates of all workers are scored in one go, until the next one can't
//! reach the k-th best any more. A worker whose filter leaves too much goes on with bounds for a while.
//!
//! A threshold that starts low lets many rows pass, so it is guessed first, from a pass over a sample of the
//! rows: the score that a few more than the sample's share of k reach. The second pass is over the other rows.
//! Where k rows of both turn out to reach the guess, all that was left out was behind the k-th best. Where they
//! don't, which is rare, the query is searched again without a guess. A worker's first unit of the sample is a smaller
//! sample, from which the threshold for the others is guessed.

mod pass;
mod unit;

use super::filter::Filter;
use super::rescore::Rescorer;
use super::scan;
use super::select::Selection;
use super::ways::way;
use super::{Kernel, Matrix};
use crate::Interrupt;
use crate::bitmap::Bitmap;
use crate::{Error, Result};

use pass::{Pass, Units};
use unit::{Place, SAMPLED, Unit};

/// Fewer units are too few to take a sample of.
const FEWEST_UNITS: usize = 64;

/// A threshold for fewer results rises fast without a guess, where there is one query.
const FEWEST_GUESSED: usize = 32;

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
        let (rows, dimension) = (part.vectors.rows(), part.vectors.dimension());
        let fits = |filter: &Filter<'_>| filter.rows() == rows && filter.dimension() == dimension;
        let is_marked = part.allowed.is_none_or(|allowed| allowed.rows() == rows);
        if !is_marked || !part.filter.is_none_or(fits) {
            return Err(Error::input(
                "a bitmap or filter of other rows",
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

/// What all workers of one scan share.
struct Search<'a> {
    places: Vec<Place<'a>>,
    units: usize,
    k: usize,
    queries: usize,
    workers: Workers,
    rescorer: Rescorer<'a>,
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
            let (way, step) = way(kernel, part, values, k, usage, workers);
            places.push(Place {
                part: *part,
                samples_pieces: way.samples_pieces(),
                way,
                // The caller's check has it that all rows fit u32.
                first_row: first_row as u32,
                step,
                first_unit,
            });
            first_row += part.vectors.rows();
            first_unit = places.last().map_or(0, |place| place.units().end);
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

    /// A unit by its number; `None` where there are not so many.
    fn unit(&'a self, number: usize) -> Option<Unit<'a>> {
        if number >= self.units {
            return None;
        }
        let after = self
            .places
            .partition_point(|place| place.first_unit <= number);
        // Parts without rows have no units, and come before the one that has this unit.
        Some(self.places[..after].last()?.unit(number))
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
        let units = self.places.iter().flat_map(Place::sample).collect();
        let sample = Pass::new(self, depth, Units::Sample(units), None).run(rescored, interrupt)?;
        let pass = Pass::new(self, self.k, Units::Rest, Some(&sample));
        let selections = pass.run(rescored, interrupt)?.into_iter();
        Ok(selections
            .map(|selection| selection.is_full().then_some(selection))
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
        let depth = self.depth(SAMPLED);
        (depth < self.k).then_some(depth)
    }

    /// So many rows of a sample of one in so many: the last of them is hardly ever one of the k best of all.
    fn depth(&self, every: usize) -> usize {
        // Their share of the k best, give or take a few standard deviations.
        let share = self.k as f64 / every as f64;
        (share + 3.0 * share.sqrt() + 3.0) as usize
    }
}
