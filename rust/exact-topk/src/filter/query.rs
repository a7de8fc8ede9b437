//! A query as the filter sees it: its codes, and how far its bounds reach.

use super::codes::{GROUP, MIDDLE_CODE, MIDDLE_LEVEL, SHORT_LIMIT, STEP};
use super::dispatch::CodeKernel;
use super::tails::{LONGEST_FOR_GAIN, TailQuery};
use super::tiles;
use super::write::LONGEST;
use super::{ALONG_WEIGHT, CODE_LIMIT, FilterPlan, NarrowPlan, rounding, underflow};
use crate::block::{Aligned, Panel, shares};
use crate::products::{block_products, products};
use crate::{Kernel, Workers};

/// What the bounds of one query are made of: the upper bound of a row's score is `sum * scale * factor`, for 8-bit and
/// for 4-bit codes, and the row's other numbers times their weights.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reach {
    /// The query's scale where rows have 8-bit codes.
    pub(super) factor: f32,
    /// And where they have 4-bit codes.
    pub(super) narrow_factor: f32,
    /// Its product with the mean, and the rounding errors that are the same for all rows.
    pub(super) base: f32,
    /// The weight of a row's coordinate along the mean.
    pub(super) along: f32,
    /// The weight of the norm of what is stored of a row for the scan.
    pub(super) norm: f32,
    /// The weight of how far that is off.
    pub(super) code: f32,
    /// The weight of the norm of the row's second part.
    pub(super) tail: f32,
}

/// A few queries side by side, for one call of a kernel.
#[derive(Debug)]
pub(super) struct CodePanel {
    /// The queries' codes in words: interleaved, each step of all queries, then the next; or in tiles.
    pub(super) words: Aligned<u32>,
    pub(super) reaches: Vec<Reach>,
    /// What the sums start from, of 8-bit and of 4-bit codes: it takes out what is added to the rows' codes.
    pub(super) starts: Vec<[i32; 2]>,
}

/// Codes the queries: the first parts in panels of nearly equal width; the second parts and what meets corrections, if there
/// are any. With a plan for it, the first parts are for the shorter copy.
pub(super) fn code(
    plan: &FilterPlan,
    narrow: Option<&NarrowPlan>,
    kernel: Kernel,
    codes: CodeKernel,
    values: &[f32],
    workers: Workers,
) -> (Vec<CodePanel>, Vec<TailQuery>) {
    let dimension = plan.dimension();
    let queries: Vec<CodedQuery> = match &plan.rotation {
        Some(rotation) => values
            .chunks_exact(dimension)
            .zip(rotate(kernel, rotation, values, dimension, workers).chunks_exact(dimension))
            .map(|(query, rotated)| CodedQuery::new(plan, narrow, codes, query, rotated))
            .collect(),
        None => values
            .chunks_exact(dimension)
            .map(|query| CodedQuery::new(plan, narrow, codes, query, query))
            .collect(),
    };
    let tiles = codes.widest_tiles(queries.len());
    let panels = shares(queries.len(), tiles.unwrap_or(codes.widest_panel()))
        .map(|share| CodePanel::new(&queries[share], codes))
        .collect();
    (
        panels,
        queries.into_iter().filter_map(|query| query.tail).collect(),
    )
}

/// The queries in the coordinates of the rotation.
fn rotate(
    kernel: Kernel,
    rotation: &[f32],
    values: &[f32],
    dimension: usize,
    workers: Workers,
) -> Vec<f32> {
    // The rotation is what is read row by row, because interleaving it would take longer than the product with
    // a few queries.
    let by_coordinate = match workers {
        Workers::Pool => products(kernel, rotation, values, dimension),
        Workers::Caller => {
            let mut out = vec![0.0; values.len()];
            let panels = Panel::all(values, dimension, kernel.widest_panel());
            block_products(kernel, rotation, &panels, dimension, &mut out);
            out
        }
    };
    let queries = values.len() / dimension;
    let by_query = (0..queries).flat_map(|query| by_coordinate[query..].iter().step_by(queries));
    by_query.copied().collect()
}

impl CodePanel {
    fn new(queries: &[CodedQuery], kernel: CodeKernel) -> Self {
        let starts: Vec<[i32; 2]> = queries
            .iter()
            .map(|query| {
                [
                    start(&query.codes[..query.wide], MIDDLE_CODE),
                    start(&query.codes[query.wide..], MIDDLE_LEVEL),
                ]
            })
            .collect();
        let words: Vec<Vec<u32>> = queries.iter().map(CodedQuery::words).collect();
        let steps = words.first().map_or(0, Vec::len);
        CodePanel {
            words: match kernel.widest_tiles(queries.len()) {
                Some(_) => {
                    let queries = words.iter().zip(&starts);
                    let queries = queries.map(|(words, [start, _])| (words.as_slice(), *start));
                    tiles::panel(queries, steps)
                }
                None => interleaved(&words),
            },
            reaches: queries.iter().map(|query| query.reach).collect(),
            starts,
        }
    }

    /// The number of queries.
    pub(super) fn width(&self) -> usize {
        self.reaches.len()
    }
}

/// Each step of all queries, then the next.
fn interleaved(queries: &[Vec<u32>]) -> Aligned<u32> {
    let steps = queries.first().map_or(0, Vec::len);
    let mut words = Aligned::zeros(steps * queries.len());
    for (query, source) in queries.iter().enumerate() {
        let places = words.iter_mut().skip(query).step_by(queries.len());
        for (place, word) in places.zip(source) {
            *place = *word;
        }
    }
    words
}

/// The codes of a query and what its bounds are made of.
struct CodedQuery {
    codes: Vec<i8>,
    /// How many of them are for 8-bit codes.
    wide: usize,
    reach: Reach,
    tail: Option<TailQuery>,
}

impl CodedQuery {
    /// A word for each step.
    fn words(&self) -> Vec<u32> {
        let (steps, _) = self.codes.as_chunks::<STEP>();
        steps
            .iter()
            .map(|step| u32::from_le_bytes(step.map(i8::cast_unsigned)))
            .collect()
    }

    /// `w` is the query in the coordinates of the rotation. The names are those of the proof (`mod.rs`).
    fn new(
        plan: &FilterPlan,
        narrow: Option<&NarrowPlan>,
        kernel: CodeKernel,
        query: &[f32],
        w: &[f32],
    ) -> Self {
        let norm = norm(query);
        let (w0, w) = plan.along_mean(w);
        let (first, second) = w.split_at(plan.coded.min(w.len()));
        // What the rotation's own arithmetic may be off.
        let lost = match &plan.rotation {
            Some(_) => {
                let coordinates = (plan.dimension() as f64).sqrt();
                rounding(plan.dimension()) * coordinates * norm + underflow(plan.dimension())
            }
            None => 0.0,
        };
        let in_pairs = kernel.adds_in_16_bits();
        let (wide_end, spreads) = match narrow {
            Some(narrow) => (narrow.wide, narrow.spreads.as_slice()),
            None => (plan.coded, &[][..]),
        };
        let (w1, w2) = first.split_at(wide_end.min(first.len()));
        let wide = CodedPart::new(w1, in_pairs);
        let narrow = CodedPart::new_with_spreads(w2, spreads);
        let corrected = (!spreads.is_empty()).then_some((&narrow, w2));
        let looks_up = !second.is_empty() || corrected.is_some();
        let tail = looks_up.then(|| code_tail(plan, second, lost, corrected));
        let mut codes = wide.codes;
        codes.resize(wide_end, 0);
        codes.extend(narrow.codes);
        codes.resize(plan.coded, 0);
        let along = f64::from(w0.abs()) + lost;
        let inside = [w1, w2].map(|part| self::norm(part) + lost);
        let off = wide.off.hypot(narrow.off) + lost;
        let mut reach = Reach {
            factor: wide.factor,
            narrow_factor: narrow.factor,
            base: above(base(plan, query, norm)),
            along: w0,
            norm: above(off + 1e-6 * (along + inside[0] + inside[1])),
            code: above(inside[0].max(inside[1]).max(along / ALONG_WEIGHT)),
            tail: above(self::norm(second) + lost),
        };
        if norm > LONGEST {
            // The arithmetic could overflow: no row is dismissed.
            reach.base = f32::NAN;
        }
        CodedQuery {
            codes,
            wide: wide_end,
            reach,
            tail,
        }
    }
}

/// The query's product with the mean, and above it by all rounding errors that are the same for all rows.
fn base(plan: &FilterPlan, query: &[f32], norm: f64) -> f64 {
    let product = product(query, &plan.mean);
    // What is lost next to zero in the exact score, and in the product of the two scales, which is
    // multiplied by a sum of products of codes; in corrections no more.
    let lost_next_to_zero = 2.0
        * f64::from(CODE_LIMIT * CODE_LIMIT + 8.0)
        * plan.dimension() as f64
        * f64::from(f32::MIN_POSITIVE);
    // Rounding errors of the exact score, and of this bound.
    let base_error = (rounding(plan.dimension()) + 1e-6) * norm * self::norm(&plan.mean)
        + product.abs() * 1e-6
        + lost_next_to_zero;
    product + base_error
}

/// The second part of a query. Where 4-bit codes are scanned, these are the query's codes for them, and `w2`.
fn code_tail(
    plan: &FilterPlan,
    w3: &[f32],
    lost: f64,
    narrow: Option<(&CodedPart, &[f32])>,
) -> TailQuery {
    let layout = plan.tail_layout();
    let second = CodedPart::new_with_spreads(w3, &plan.tail_spreads);
    let inside = norm(w3);
    // What the codes of the query may be off, for each length of a row's codes.
    let off = second.off + lost + 1e-6 * inside;
    let gain = below(inside - LONGEST_FOR_GAIN * off);
    let tail = TailQuery::new(layout, &second.codes, second.factor, gain);
    match narrow {
        Some((narrow, w2)) => {
            tail.with_corrections(layout, &narrow.codes, narrow.factor, below(norm(w2)))
        }
        None => tail,
    }
}

/// What takes out the number that is added to the rows' codes.
pub(super) fn start(codes: &[i8], added: u8) -> i32 {
    -i32::from(added) * codes.iter().map(|code| i32::from(*code)).sum::<i32>()
}

/// Some coordinates of a query.
pub(super) struct CodedPart {
    codes: Vec<i8>,
    factor: f32,
    /// How far the codes are from the query.
    pub(super) off: f64,
}

impl CodedPart {
    /// `in_pairs` keeps the codes so small that two neighbours together are within [`SHORT_LIMIT`].
    fn new(w: &[f32], in_pairs: bool) -> Self {
        let (codes, factor) = if in_pairs {
            quantise_in_pairs(w)
        } else {
            quantise(w)
        };
        CodedPart {
            factor,
            off: error(w, &codes, factor),
            // A cast makes 0 of what is no number: any code is right, the error tells.
            codes: codes.into_iter().map(|code| code as i8).collect(),
        }
    }

    /// The same where rows are divided by spreads, so that queries are multiplied by them.
    pub(super) fn new_with_spreads(w: &[f32], spreads: &[f32]) -> Self {
        let scaled: Vec<f32> = w
            .iter()
            .zip(spreads)
            .map(|(w, spread)| w * spread)
            .collect();
        let part = Self::new(&scaled, false);
        let factor = f64::from(part.factor);
        let squares = part
            .codes
            .iter()
            .zip(w.iter().zip(spreads))
            .map(|(code, (w, spread))| {
                (f64::from(*w) - factor * f64::from(*code) / f64::from(*spread)).powi(2)
            });
        CodedPart {
            off: squares.sum::<f64>().sqrt(),
            ..part
        }
    }
}

/// The nearest codes, as floats, and their scale.
fn quantise(values: &[f32]) -> (Vec<f32>, f32) {
    quantise_to(values, largest(values))
}

/// The largest absolute value.
pub(super) fn largest(values: &[f32]) -> f32 {
    // The bits of positive floats are ordered like integers, whose maximum is vector code.
    let bits = values
        .iter()
        .fold(0, |most, value| value.abs().to_bits().max(most));
    f32::from_bits(bits)
}

/// [`quantise`] with codes so small that the absolute values of places 0 and 1, of 2 and 3, and so on, sum up to
/// [`SHORT_LIMIT`] at most.
fn quantise_in_pairs(values: &[f32]) -> (Vec<f32>, f32) {
    let pair = |pair: &[f32]| pair.iter().map(|value| value.abs()).sum::<f32>();
    let largest = values.chunks(2).map(pair).fold(0.0, f32::max);
    let (mut codes, scale) = quantise_to(values, largest.min(f32::MAX));
    for pair in codes.chunks_exact_mut(2) {
        // Only where the scale itself is rounded, next to zero, or where there are no numbers.
        let most = f32::from(SHORT_LIMIT) - pair[0].abs();
        // Not clamp, which panics where a limit is no number.
        pair[1] = pair[1].max(-most).min(most);
    }
    (codes, scale)
}

/// The nearest codes, as floats, at the scale that gives the largest code to a value.
fn quantise_to(values: &[f32], largest: f32) -> (Vec<f32>, f32) {
    let scale = largest / CODE_LIMIT;
    (codes_at(values, scale), scale)
}

/// The nearest codes at a scale, as floats.
pub(super) fn codes_at(values: &[f32], scale: f32) -> Vec<f32> {
    /// What is added to it loses all that stands behind the point, rounded to the nearest.
    const NO_FRACTION: f32 = 12_582_912.0;
    let inverse = inverse_scale(scale);
    values
        .iter()
        .map(|value| {
            let code = (value * inverse).clamp(-CODE_LIMIT, CODE_LIMIT);
            (code + NO_FRACTION) - NO_FRACTION
        })
        .collect()
}

/// What values are multiplied by, to be codes; zeros have codes of zero.
pub(super) fn inverse_scale(scale: f32) -> f32 {
    if scale > 0.0 {
        (1.0 / scale).min(f32::MAX)
    } else {
        0.0
    }
}

/// How far codes at this scale are from the values.
pub(super) fn error(values: &[f32], codes: &[f32], scale: f32) -> f64 {
    let scale = f64::from(scale);
    sum(values, codes, |value, code| {
        (value - scale * code) * (value - scale * code)
    })
    .sqrt()
}

/// The Euclidean norm.
pub(crate) fn norm(values: &[f32]) -> f64 {
    sum(values, values, |x, _| x * x).sqrt()
}

/// The Euclidean distance.
pub(super) fn distance(x: &[f32], y: &[f32]) -> f64 {
    sum(x, y, |x, y| (x - y) * (x - y)).sqrt()
}

/// The inner product.
pub(super) fn product(x: &[f32], y: &[f32]) -> f64 {
    sum(x, y, |x, y| x * y)
}

/// A sum over pairs of values; in eight lanes, so that it becomes vector code.
pub(super) fn sum(x: &[f32], y: &[f32], of: impl Fn(f64, f64) -> f64) -> f64 {
    let mut lanes = [0.0; 8];
    let (x_whole, x_rest) = x.as_chunks::<8>();
    let (y_whole, y_rest) = y.as_chunks::<8>();
    for (x, y) in x_whole.iter().zip(y_whole) {
        for (lane, (x, y)) in lanes.iter_mut().zip(x.iter().zip(y)) {
            *lane += of(f64::from(*x), f64::from(*y));
        }
    }
    let rest: f64 = x_rest
        .iter()
        .zip(y_rest)
        .map(|(x, y)| of(f64::from(*x), f64::from(*y)))
        .sum();
    lanes.iter().sum::<f64>() + rest
}

/// A float that is surely not below the number, with a margin for sums made with it.
pub(crate) fn above(number: f64) -> f32 {
    let above = (number + number.abs() * 1e-6) as f32;
    // Next to zero floats are so far apart that the margin is rounded away.
    if f64::from(above) < number {
        above.next_up()
    } else {
        above
    }
}

/// A float that is surely not above the number.
pub(super) fn below(number: f64) -> f32 {
    -above(-number)
}

// The layout's groups and the queries' words must agree about what a step is.
const _: () = assert!(GROUP * STEP == super::codes::STEP_BYTES);
