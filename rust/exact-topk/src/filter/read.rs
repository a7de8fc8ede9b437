//! The filter as bytes, and its scan.

use super::codes::{Ahead, CodeBlock, GROUP, Layout};
use super::dispatch::CodeKernel;
use super::query::{self, CodePanel};
use super::tails::{TailLayout, TailQuery, Tails};
use super::{Candidate, Chosen, Filter, FilterPlan, MOST_GRAM_ERROR, NarrowPlan, STEP, WIDEST};
use crate::scan::STREAM_AHEAD_BYTES;
use crate::{Error, Result};
use crate::{Kernel, Workers};

/// Bytes of the numbers before the mean: coordinates of the first part, whether there is a rotation, and `h`; whether there
/// is a shorter copy of the first part, and its coordinates with 8-bit codes.
pub(super) const FIELDS: usize = 20;

impl FilterPlan {
    /// Writes what stands before the groups; `out` is of [`head`] bytes.
    pub(super) fn write_head(&self, out: &mut [u8]) {
        out.fill(0);
        let rotated = u32::from(self.rotation.is_some());
        // Rounded up, because it is a bound, but not above what is allowed.
        let gram_error = query::above(self.gram_error).min(MOST_GRAM_ERROR as f32);
        let fields = [
            self.coded as u32,
            rotated,
            gram_error.to_bits(),
            u32::from(self.narrow.is_some()),
            self.narrow.as_ref().map_or(0, |narrow| narrow.wide as u32),
        ];
        let rotation = self.rotation.iter().flatten();
        let spreads = self.narrow.iter().flat_map(|narrow| &narrow.spreads);
        let spreads = spreads.chain(&self.tail_spreads);
        let floats = self.mean.iter().chain(rotation).chain(spreads);
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
        let plan = read_head(bytes, dimension).ok_or_else(foreign)?;
        let of_groups = |stride| rows.div_ceil(GROUP).checked_mul(stride);
        let groups = of_groups(plan.layout().stride());
        let narrow_groups = of_groups(plan.narrow_layout().map_or(0, Layout::stride));
        let tails = rows.checked_mul(plan.tail_layout().stride);
        let (Some(groups), Some(narrow_groups), Some(tails)) = (groups, narrow_groups, tails)
        else {
            return Err(foreign());
        };
        let rest = bytes.get(plan.head()..).unwrap_or(&[]);
        let all = groups
            .checked_add(narrow_groups)
            .and_then(|groups| groups.checked_add(tails));
        if all != Some(rest.len()) {
            return Err(foreign());
        }
        let (groups, rest) = rest.split_at(groups);
        let (narrow_groups, tails) = rest.split_at(narrow_groups);
        Ok(Filter {
            plan,
            rows,
            groups,
            narrow_groups,
            tails,
        })
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The dimension of the rows.
    pub(crate) fn dimension(&self) -> usize {
        self.plan.dimension()
    }

    /// Bytes of the first part.
    pub(crate) fn scanned_bytes(&self) -> usize {
        self.groups.len()
    }
}

/// What [`FilterPlan::write_head`] wrote, for rows of this dimension.
fn read_head(bytes: &[u8], dimension: usize) -> Option<FilterPlan> {
    let mut words = bytes
        .chunks_exact(4)
        .filter_map(|word| word.try_into().ok().map(u32::from_le_bytes));
    let coded = words.next()? as usize;
    let rotated = is_set(words.next()?)?;
    let gram_error = f64::from(f32::from_bits(words.next()?));
    let has_narrow = is_set(words.next()?)?;
    let wide = words.next()? as usize;
    let across = dimension.checked_sub(usize::from(rotated))?;
    let fits = coded.is_multiple_of(STEP)
        && (1..=WIDEST).contains(&dimension)
        && (1..=WIDEST).contains(&coded)
        && coded <= across.next_multiple_of(2 * STEP)
        && (rotated || coded == across.next_multiple_of(STEP))
        && (0.0..=MOST_GRAM_ERROR).contains(&gram_error);
    let narrow_fits = rotated
        && wide.is_multiple_of(STEP)
        && wide < coded
        && (coded - wide).is_multiple_of(2 * STEP);
    if !fits || (has_narrow && !narrow_fits) {
        return None;
    }
    let rotation = usize::from(rotated) * dimension * dimension;
    let spreads = if has_narrow { coded - wide } else { 0 };
    let tail_spreads = across.saturating_sub(coded);
    if bytes.len() < FIELDS + (dimension + rotation + spreads + tail_spreads) * 4 {
        return None;
    }
    let mut floats = words.map(f32::from_bits);
    let mut take = |count: usize| floats.by_ref().take(count).collect::<Vec<f32>>();
    let mean = take(dimension);
    let rotation = rotated.then(|| take(rotation));
    let spreads = take(spreads);
    let tail_spreads = take(tail_spreads);
    let is_spread = |spread: &f32| spread.is_normal() && *spread > 0.0;
    let mut others = mean.iter().chain(rotation.iter().flatten());
    if !spreads.iter().chain(&tail_spreads).all(is_spread) || !others.all(|value| value.is_finite())
    {
        return None;
    }
    Some(FilterPlan {
        mean,
        rotation,
        narrow: has_narrow.then_some(NarrowPlan { wide, spreads }),
        coded,
        gram_error,
        tail_spreads,
    })
}

/// A flag; `None` where the word is neither 0 nor 1.
fn is_set(word: u32) -> Option<bool> {
    match word {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

/// The queries of one scan over a filter.
#[derive(Debug)]
pub(crate) struct FilterQueries<'a> {
    filter: &'a Filter<'a>,
    /// What is scanned: the first part, or its shorter copy.
    groups: &'a [u8],
    layout: Layout,
    tail_layout: TailLayout,
    kernel: CodeKernel,
    panels: Vec<CodePanel>,
    /// The second parts of all queries.
    tails: Vec<TailQuery>,
    /// Whether one panel serves all queries, and rows come from memory. What one thread searches alone is small
    /// enough to be in a cache.
    streams: bool,
}

impl<'a> FilterQueries<'a> {
    /// Codes the queries: for the shorter copy of the first part if asked for, and there is one, and the queries are few. Where many
    /// share what is read, narrower codes only take longer to unpack.
    pub(crate) fn new(
        filter: &'a Filter<'a>,
        kernel: Kernel,
        values: &[f32],
        narrow: bool,
        workers: Workers,
    ) -> Self {
        let codes = CodeKernel::of(kernel);
        let plan = &filter.plan;
        let few = values.len() <= codes.widest_panel() * plan.dimension();
        let narrow = narrow && few;
        let (groups, layout) = match plan.narrow_layout().filter(|_| narrow) {
            Some(layout) => (filter.narrow_groups, layout),
            None => (filter.groups, plan.layout()),
        };
        let (panels, tails) = query::code(
            plan,
            plan.narrow.as_ref().filter(|_| narrow),
            kernel,
            codes,
            values,
            workers,
        );
        FilterQueries {
            filter,
            groups,
            layout,
            tail_layout: plan.tail_layout(),
            kernel: codes,
            streams: panels.len() == 1 && workers == Workers::Pool,
            panels,
            tails,
        }
    }

    /// Lowers the bounds of a query's candidates from number `from` on by what the second part tells, and
    /// drops those that are below the threshold then. The rows exist.
    pub(crate) fn refine(
        &self,
        query: usize,
        candidates: &mut Vec<Candidate>,
        from: usize,
        threshold: f32,
    ) {
        let Some(query) = self.tails.get(query) else {
            return;
        };
        let tails = Tails {
            bytes: self.filter.tails,
            layout: self.tail_layout,
            query,
            // The scan of other blocks asks for the candidates that it notes.
            asks: self.streams,
        };
        self.kernel.refine(&tails, candidates, from, threshold);
    }

    /// The layout of what is scanned.
    pub(crate) fn layout(&self) -> Layout {
        self.layout
    }

    /// Bytes of what is scanned.
    pub(crate) fn bytes(&self) -> usize {
        self.groups.len()
    }

    /// Whether one panel serves all queries, so that rows are read once.
    pub(crate) fn is_single(&self) -> bool {
        self.panels.len() == 1
    }

    /// Adds the rows of the chosen groups that take part and reach a query's threshold to its candidates. They
    /// are numbered from 0. `soon` are groups that will be scanned afterwards.
    pub(crate) fn scan(
        &self,
        chosen: &[Chosen],
        soon: &[Chosen],
        thresholds: &[f32],
        candidates: &mut [Vec<Candidate>],
    ) {
        let stride = self.layout.stride();
        let turns = self.panels.len();
        // A block that several panels share is read from memory while the one before it is scanned: each panel's
        // turn asks for its part.
        let (ahead, asked) = match (self.streams, turns) {
            (true, _) => {
                let places = STREAM_AHEAD_BYTES.div_ceil(stride);
                let asks = thresholds.len() >= self.kernel.fewest_asking();
                (Ahead::Places(places, soon), if asks { stride } else { 0 })
            }
            (false, 1) => (Ahead::Bytes(0), 0),
            (false, _) => (Ahead::Bytes(chosen.len() * stride), stride),
        };
        let mut first = 0;
        for (turn, panel) in self.panels.iter().enumerate() {
            let queries = first..first + panel.width();
            first = queries.end;
            self.kernel.scan(&mut CodeBlock {
                groups: self.groups,
                layout: self.layout,
                tails: self.filter.tails,
                tail_stride: self.tail_layout.stride,
                chosen,
                panel: &panel.words,
                reaches: &panel.reaches,
                starts: &panel.starts,
                thresholds: &thresholds[queries.clone()],
                candidates: &mut candidates[queries],
                streams: self.streams,
                ahead,
                ahead_bytes: turn * asked / turns..(turn + 1) * asked / turns,
            });
        }
    }
}
