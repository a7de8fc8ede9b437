//! The filter as bytes, and its scan.

use super::codes::{CodeBlock, GROUP};
use super::dispatch::CodeKernel;
use super::query::{self, CodePanel};
use super::tails::{TailQuery, Tails};
use super::{
    Candidate, Chosen, Filter, FilterPlan, MOST_GRAM_ERROR, MOST_MEAN_SCALE, STEP, WIDEST,
};
use crate::topk::scan::STREAM_AHEAD_BYTES;
use crate::topk::{Kernel, Workers};
use crate::{Error, Result};

/// Bytes of the numbers before the mean: coded dimensions, whether there is a rotation, `k`, `h` and `s`.
pub(super) const FIELDS: usize = 20;

impl FilterPlan {
    /// Writes what stands before the groups; `out` is of [`head`] bytes.
    pub(super) fn write_head(&self, out: &mut [u8]) {
        out.fill(0);
        let rotated = u32::from(self.rotation.is_some());
        // Rounded up, because it is a bound.
        let gram_error = query::above(self.gram_error);
        let fields = [
            self.coded as u32,
            rotated,
            self.ratio.to_bits(),
            gram_error.to_bits(),
            self.mean_scale.to_bits(),
        ];
        let floats = self.mean.iter().chain(self.rotation.iter().flatten());
        let words = fields
            .into_iter()
            .chain(floats.map(|value| value.to_bits()));
        for (bytes, word) in out.chunks_exact_mut(4).zip(words) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
    }
}

impl<'a> Filter<'a> {
    /// Reads what [`FilterPlan::write`] wrote.
    ///
    /// # Errors
    ///
    /// The bytes are no filter of so many rows of this dimension.
    pub fn read(bytes: &'a [u8], rows: usize, dimension: usize) -> Result<Filter<'a>> {
        let foreign = || Error::input("the filter does not fit the rows", "build the index again");
        let mut words = bytes
            .chunks_exact(4)
            .filter_map(|word| word.try_into().ok().map(u32::from_le_bytes));
        let mut word = || words.next().ok_or_else(foreign);
        let coded = word()? as usize;
        let rotated = word()?;
        let ratio = f32::from_bits(word()?);
        let gram_error = f64::from(f32::from_bits(word()?));
        let mean_scale = f32::from_bits(word()?);
        let sizes = coded.is_multiple_of(STEP)
            && (1..=WIDEST).contains(&dimension)
            && (1..=WIDEST).contains(&coded)
            && match rotated {
                0 => coded == dimension.next_multiple_of(STEP),
                1 => coded < dimension,
                _ => false,
            }
            && ratio >= 1.0
            && (1.0..=if rotated == 1 { MOST_MEAN_SCALE } else { 1.0 }).contains(&mean_scale)
            && is_power_of_two(mean_scale)
            && (0.0..=MOST_GRAM_ERROR).contains(&gram_error);
        let floats = dimension
            + if rotated == 1 {
                dimension * dimension
            } else {
                0
            };
        if !sizes || bytes.len() < FIELDS + floats * 4 {
            return Err(foreign());
        }
        let mut floats = words.map(f32::from_bits);
        let plan = FilterPlan {
            mean: floats.by_ref().take(dimension).collect(),
            rotation: (rotated == 1).then(|| floats.take(dimension * dimension).collect()),
            coded,
            gram_error,
            mean_scale,
            ratio,
        };
        let groups = rows.div_ceil(GROUP).checked_mul(plan.stride());
        let tails = rows.checked_mul(plan.tail_stride());
        let (Some(groups), Some(tails)) = (groups, tails) else {
            return Err(foreign());
        };
        let rest = bytes.get(plan.head()..).unwrap_or(&[]);
        if groups.checked_add(tails) != Some(rest.len()) {
            return Err(foreign());
        }
        let (groups, tails) = rest.split_at(groups);
        Ok(Filter {
            plan,
            rows,
            groups,
            tails,
        })
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of dimensions that are coded: fewer than the rows have, where these are rotated.
    pub fn coded(&self) -> usize {
        self.plan.coded
    }

    /// Bytes of a group.
    pub(in crate::topk) fn stride(&self) -> usize {
        self.plan.stride()
    }
}

fn is_power_of_two(value: f32) -> bool {
    value.to_bits().trailing_zeros() >= f32::MANTISSA_DIGITS - 1
}

/// The queries of one scan over a filter.
#[derive(Debug)]
pub(in crate::topk) struct FilterQueries<'a> {
    filter: &'a Filter<'a>,
    kernel: CodeKernel,
    panels: Vec<CodePanel>,
    /// The second parts of all queries.
    tails: Vec<TailQuery>,
    /// Whether one panel serves all queries, and rows come from memory. What one thread searches alone is small
    /// enough to be in a cache.
    streams: bool,
}

impl<'a> FilterQueries<'a> {
    /// Codes the queries.
    pub(in crate::topk) fn new(
        filter: &'a Filter<'a>,
        kernel: Kernel,
        values: &[f32],
        workers: Workers,
    ) -> Self {
        let codes = CodeKernel::of(kernel);
        let (panels, tails) = query::code(&filter.plan, kernel, codes, values, workers);
        FilterQueries {
            filter,
            kernel: codes,
            streams: panels.len() == 1 && workers == Workers::Pool,
            panels,
            tails,
        }
    }

    /// Lowers the bounds of a query's candidates from number `from` on by what the second part tells, and
    /// drops those that are below the threshold then. The rows exist.
    pub(in crate::topk) fn refine(
        &self,
        query: usize,
        candidates: &mut Vec<Candidate>,
        from: usize,
        threshold: f32,
    ) {
        let stride = self.filter.plan.tail_stride();
        if stride == 0 {
            return;
        }
        let tails = Tails {
            bytes: self.filter.tails,
            stride,
            query: &self.tails[query],
        };
        self.kernel.refine(&tails, candidates, from, threshold);
    }

    /// Whether one panel serves all queries, so that rows are read once.
    pub(in crate::topk) fn is_single(&self) -> bool {
        self.panels.len() == 1
    }

    /// Adds the rows of the chosen groups that take part and reach a query's threshold to its candidates. They
    /// are numbered from 0.
    pub(in crate::topk) fn scan(
        &self,
        chosen: &[Chosen],
        thresholds: &[f32],
        candidates: &mut [Vec<Candidate>],
    ) {
        let steps = self.filter.plan.coded / STEP;
        let turns = self.panels.len();
        // A block that several panels share is read from memory while the one before it is scanned: each panel's
        // turn asks for its part.
        let (ahead, asked) = match (self.streams, turns) {
            (true, _) => (STREAM_AHEAD_BYTES, steps),
            (false, 1) => (0, 0),
            (false, _) => (chosen.len() * self.filter.stride(), steps),
        };
        let mut first = 0;
        for (turn, panel) in self.panels.iter().enumerate() {
            let queries = first..first + panel.width();
            first = queries.end;
            self.kernel.scan(&mut CodeBlock {
                groups: self.filter.groups,
                stride: self.filter.stride(),
                tails: self.filter.tails,
                tail_stride: self.filter.plan.tail_stride(),
                chosen,
                panel: &panel.words,
                reaches: &panel.reaches,
                starts: &panel.starts,
                thresholds: &thresholds[queries.clone()],
                candidates: &mut candidates[queries],
                streams: self.streams,
                ahead,
                ahead_from: turn * asked / turns,
                ahead_until: (turn + 1) * asked / turns,
            });
        }
    }
}
