//! A small copy of the rows that dismisses nearly all of them, with a proven bound.
//!
//! # The bound
//!
//! Let `x` be a row, `q` a query, `m` the mean of all rows (any vector would do), `y = x - m`, and `R` a
//! matrix of a few rows that are nearly orthonormal: `R R' = I + E`, where the Frobenius norm of `E` is at
//! most `h`. Let `z = R y`, and let `c` be what the filter stores of it: 8-bit codes times a scale per row.
//! Let `w = R q`, and `v` its codes times its scale. The filter computes `q.m + v.c`. How far is that from
//! the score?
//!
//! Split both into what `R` sees and the rest: `q = R' w + s`, `y = R' z + t`. Because `R s = -E w` and
//! `R (y - R' c) = z - c - E c`,
//!
//! ```text
//! q.y - w.c = w.(z - c - E c) + s.y - (R s).c
//! s.y       = (R s).z + s.t
//! |q.y - w.c| <= |w| (|z - c| + h (2 |c| + |z|)) + |s| |t|
//! ```
//!
//! and `|w.c - v.c| <= |w - v| |c|`. A row so has two errors: `e = |z - c| + h (2 |c| + |z|)`, which meets
//! the query's `|w|`, and `|t|`, which meets `|s|`. To spare a third number, `e` is raised to `|c| / k` at
//! least, for a `k` that seldom raises it; then `|w - v| |c| <= k |w - v| e`. So
//!
//! ```text
//! q.x <= q.m + v.c + (|w| + k |w - v|) e + |s| |t|
//! ```
//!
//! The norms are computed in f64 from the numbers that are stored, and `|s|^2 <= |q|^2 - |w|^2 + h |w|^2`
//! (the same for `t`). What is compared in the end is not `q.x` but the f32 score, which is off by at most
//! `g |q| |x|` (Higham, "Accuracy and Stability of Numerical Algorithms", 2002, section 3.1), with
//! `g` for `d / 16` multiply-adds and four additions; and `|q| |x| <= |q| |m| + (|w| + |s|) |y|`, so that
//! `g |y|` is added to both errors of the row, and `g |q| |m|` to the query's base. Rounding in the filter's
//! own arithmetic is covered in the same way. All stored errors are rounded up.
//!
//! A row whose upper bound is below the k-th best exact score of any k rows is not among the k best: nothing
//! is dismissed that belongs to the answer. Ties need no care: an equal bound is not below.

mod candidates;
mod codes;
mod dispatch;
mod learn;
mod query;
mod read;
mod scalar;
mod write;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod vnni;

#[cfg(test)]
mod tests;

pub(super) use candidates::Candidate;
pub(super) use codes::GROUP;
pub(super) use dispatch::CodeKernel;
pub(super) use read::FilterQueries;

use codes::{SIDE_BYTES, STEP, STEP_BYTES};

/// The largest code.
const CODE_LIMIT: f32 = 127.0;

/// The widest rows that a filter takes: sums of codes must fit 32 bits.
const WIDEST: usize = 1 << 16;

/// What a filter needs to know of all rows before it can be written.
#[derive(Clone, Debug, PartialEq)]
pub struct FilterPlan {
    mean: Vec<f32>,
    /// Rows of coded dimensions, `coded` by `dimension`; without it the dimensions are coded as they are.
    rotation: Option<Vec<f32>>,
    /// Dimensions that are coded, a multiple of [`STEP`].
    coded: usize,
    /// `h` of the proof.
    gram_error: f64,
    /// `k` of the proof.
    ratio: f32,
}

/// A written filter.
#[derive(Clone, Debug)]
pub struct Filter<'a> {
    mean: Vec<f32>,
    rotation: Option<Vec<f32>>,
    coded: usize,
    gram_error: f64,
    ratio: f32,
    dimension: usize,
    rows: usize,
    groups: &'a [u8],
}

/// The relative error of a score of so many dimensions: `g` of the proof, doubled for good measure.
fn rounding(dimension: usize) -> f64 {
    (dimension / super::block::LANES + 8) as f64 * f64::from(f32::EPSILON)
}

/// Bytes of a group of so many coded dimensions.
fn stride(coded: usize) -> usize {
    coded / STEP * STEP_BYTES + SIDE_BYTES
}

/// Bytes before the groups.
fn head(dimension: usize, rotated: bool, coded: usize) -> usize {
    let floats = dimension + if rotated { coded * dimension } else { 0 };
    (read::FIELDS + floats * size_of::<f32>()).next_multiple_of(64)
}
