//! A query as the filter sees it: its codes, and how far its bounds reach.

use super::codes::{GROUP, STEP};
use super::dispatch::CodeKernel;
use super::{CODE_LIMIT, Filter, rounding};
use crate::topk::Kernel;
use crate::topk::matrix::Matrix;
use crate::topk::products::products;

/// What the bounds of one query are made of: the upper bound of a row's score is
/// `sum * scale * factor + base + code_error * code + tail_error * tail`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reach {
    /// The query's scale.
    pub(super) factor: f32,
    /// Its product with the mean, and the rounding errors that are the same for all rows.
    pub(super) base: f32,
    /// The weight of a row's error within the coded dimensions.
    pub(super) code: f32,
    /// The weight of what a row has outside of them.
    pub(super) tail: f32,
}

/// A few queries side by side, for one call of a kernel.
#[derive(Debug)]
pub(super) struct CodePanel {
    /// The queries' codes in words, interleaved: each step of all queries, then the next.
    pub(super) words: Vec<u32>,
    pub(super) reaches: Vec<Reach>,
    /// What the sums start from: it takes out the 128 that is added to the rows' codes.
    pub(super) starts: Vec<i32>,
}

/// Codes the queries for the filter, in panels of nearly equal width.
pub(super) fn panels(
    filter: &Filter<'_>,
    kernel: Kernel,
    codes: CodeKernel,
    queries: Matrix<'_>,
    values: &[f32],
) -> Vec<CodePanel> {
    let coded = filter.coded;
    let rotated = match &filter.rotation {
        Some(rotation) => products(kernel, values, rotation, filter.dimension),
        None => values
            .chunks_exact(filter.dimension)
            .flat_map(|query| {
                let padding = std::iter::repeat_n(0.0, coded - query.len());
                query.iter().copied().chain(padding)
            })
            .collect(),
    };
    let coded_queries: Vec<CodedQuery> = values
        .chunks_exact(filter.dimension)
        .zip(rotated.chunks_exact(coded))
        .map(|(query, rotated)| CodedQuery::new(filter, query, rotated))
        .collect();
    let count = queries.rows().div_ceil(codes.widest_panel()).max(1);
    (0..count)
        .map(|panel| {
            let start = panel * queries.rows() / count;
            let end = (panel + 1) * queries.rows() / count;
            CodePanel::new(codes, &coded_queries[start..end])
        })
        .collect()
}

impl CodePanel {
    fn new(kernel: CodeKernel, queries: &[CodedQuery]) -> Self {
        let steps = queries.first().map_or(0, |query| query.codes.len() / STEP);
        let words = (0..steps)
            .flat_map(|step| queries.iter().map(move |query| (step, query)))
            .flat_map(|(step, query)| {
                kernel.words([0, 1, 2, 3].map(|place| query.codes[step * STEP + place]))
            })
            .collect();
        CodePanel {
            words,
            reaches: queries.iter().map(|query| query.reach).collect(),
            starts: queries
                .iter()
                .map(|query| -128 * query.codes.iter().map(|code| i32::from(*code)).sum::<i32>())
                .collect(),
        }
    }

    /// The number of queries.
    pub(super) fn width(&self) -> usize {
        self.reaches.len()
    }
}

/// The codes of a query and what its bounds are made of.
struct CodedQuery {
    codes: Vec<i8>,
    reach: Reach,
}

impl CodedQuery {
    /// `rotated` is the query in the coded dimensions. The names are those of the proof (`mod.rs`).
    fn new(filter: &Filter<'_>, query: &[f32], rotated: &[f32]) -> Self {
        let norm = norm(query);
        let largest = rotated
            .iter()
            .fold(0.0f32, |most, value| most.max(value.abs()));
        let factor = largest / CODE_LIMIT;
        let codes: Vec<i8> = rotated
            .iter()
            // A cast saturates, and makes 0 of what is no number: any code is right, the error tells.
            .map(|value| {
                (value / factor)
                    .round_ties_even()
                    .clamp(-CODE_LIMIT, CODE_LIMIT) as i8
            })
            .collect();
        let off = rotated
            .iter()
            .zip(&codes)
            .map(|(value, code)| (f64::from(*value) - f64::from(factor) * f64::from(*code)).powi(2))
            .sum::<f64>()
            .sqrt();
        let inside = self::norm(rotated);
        // What the rotation's own arithmetic may be off.
        let rotation_error = match &filter.rotation {
            Some(_) => rounding(filter.dimension) * (filter.coded as f64).sqrt() * 2.0 * norm,
            None => 0.0,
        };
        let most_inside = inside + rotation_error;
        let tail = match &filter.rotation {
            Some(_) => {
                let outside = norm * norm * (1.0 + 1e-9) - inside * inside;
                (outside
                    + filter.gram_error * most_inside * most_inside
                    + 2.0 * rotation_error * most_inside)
                    .max(0.0)
                    .sqrt()
            }
            None => 0.0,
        };
        let product: f64 = query
            .iter()
            .zip(&filter.mean)
            .map(|(x, y)| f64::from(*x) * f64::from(*y))
            .sum();
        let mean_norm = self::norm(&filter.mean);
        // Rounding errors of the exact score, of this bound, and of numbers next to zero.
        let base_error = (rounding(filter.dimension) + 1e-6) * norm * mean_norm
            + product.abs() * 1e-6
            + f64::from(f32::MIN_POSITIVE);
        let code =
            most_inside + f64::from(filter.ratio) * (off + rotation_error + 1e-6 * most_inside);
        CodedQuery {
            codes,
            reach: Reach {
                factor,
                base: above(product + base_error),
                code: above(code),
                tail: above(tail),
            },
        }
    }
}

/// The Euclidean norm.
pub(super) fn norm(values: &[f32]) -> f64 {
    values
        .iter()
        .map(|value| f64::from(*value).powi(2))
        .sum::<f64>()
        .sqrt()
}

/// A float that is surely not below the number, with a margin for sums made with it.
pub(super) fn above(number: f64) -> f32 {
    (number + number.abs() * 1e-6) as f32
}

// The layout's groups and the queries' words must agree about what a step is.
const _: () = assert!(GROUP * STEP == super::codes::STEP_BYTES);
