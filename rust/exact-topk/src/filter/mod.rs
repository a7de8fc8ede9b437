//! A small copy of the rows that dismisses nearly all of them, with a proven bound.
//!
//! # The bound
//!
//! Let `x` be a row, `q` a query, `m` the mean of all rows (any vector would do), `y = x - m`, and `R` a
//! square matrix that is nearly orthonormal: the Frobenius norm of `I - R'R`, which is that of `I - RR'`, is
//! at most `h`, which is at most 1/2. Let `z = R y` and `w = R q`. Then
//!
//! ```text
//! q.x = q.m + w.z + q.(I - R'R) y,   and the last is at most h |q| |y|
//! ```
//!
//! The first coordinate is along the mean (or another direction, where that is zero). Queries have much of it, centred rows
//! have little, and codes share one scale: so `z0` is stored by itself, `c0`, as a short float, and meets `w0` as it is. The others are in a first part, of all rows, to
//! be scanned, and a second part, `z3`, for the rows that the scan leaves. The first has 8-bit codes times a scale per row,
//! `c1`, for some of its coordinates, `z1`, and 4-bit codes, `c2`, for the others, `z2`. It is stored twice: with 8-bit codes
//! alone (`z2` is empty then), and shorter, for few queries. The second part has 4-bit codes, too, `c3`; and with it stand
//! corrections of 4-bit codes, `r`, in 2 bits. The query's codes stand for `v1`, `v2` and `v3`. Codes of fewer than 8 bits are
//! times the spread of their coordinate (about its standard deviation); there the query's codes are multiples of one divided
//! by the spread. By Cauchy and Schwarz
//!
//! ```text
//! w0 z0 <= w0 c0 + |w0| |z0 - c0|
//! w1.z1 <= v1.c1 + |w1| |z1 - c1| + |w1 - v1| |c1|
//! w2.z2 <= v2.c2 + |w2| |z2 - c2| + |w2 - v2| |c2|                   the scan
//! w3.z3 <= |w3| |z3|
//! w2.z2 <= v2.(c2 + r) + |w2| |z2 - c2 - r| + |w2 - v2| |c2 + r|     after the second part
//! w3.z3 <= v3.c3 + |w3| |z3 - c3| + |w3 - v3| |c3|
//! ```
//!
//! The scan takes, beside the codes and `c0`, three numbers of a row: an error, `t |z0 - c0| + |z1 - c1| + |z2 - c2|`, times
//! the largest of `|w0| / t`, `|w1|` and `|w2|`; the norm of `(c0, c1, c2)` or `(c0, c1, c2 + r)`, the longer, times the norm of
//! `(w1 - v1, w2 - v2)`; and `|z3|` times `|w3|`. Of what is looked up there are two gains, `|z2 - c2| - |z2 - c2 - r|` and
//! `|z3| - |z3 - c3|`. The bound falls by the first times `|w2|`, and by the second times `|w3| - 2 |w3 - v3|`, because there
//! are codes only where `|c3|` is at most twice the second gain, and corrections only where the first gain is positive.
//!
//! The norms are computed in f64 from the numbers that are stored. What is compared in the end is not `q.x`
//! but the f32 score, which is off by at most `g |q| |x|` (Higham, "Accuracy and Stability of Numerical
//! Algorithms", 2002, section 3.1), with `g` for `d / 16` multiply-adds and four additions. Now
//! `|q| |x| <= |q| |m| + |q| |y|`, and `|q| <= |w| / sqrt(1 - h) <= (1 + h) (|w0| + |w1| + |w2| + |w3|)`:
//! so `(g + h) (1 + h) |y|` is added to each of a row's errors, of `z0` to `z3`, and `g |q| |m|` to the query's product
//! with the mean. What rounding does to `z` and `w`, and in the filter's own arithmetic, is covered in the same way: of `w` it
//! is added to what `w0` to `w3` are off, with the norms of what is stored to multiply it. And so is what is lost next
//! to zero, where the error of a product is not relative to it: less than the smallest normal float for each. All stored
//! errors and norms are rounded up, and gains down, in which the same is added to both errors.
//!
//! A row whose upper bound is below the k-th best exact score of any k rows is not among the k best: nothing
//! is dismissed that belongs to the answer. Ties need no care: an equal bound is not below.

mod candidates;
mod codes;
mod dispatch;
mod halves;
mod learn;
mod narrow;
mod query;
mod read;
mod scalar;
mod scan;
mod tails;
mod tiles;
mod trial;
mod write;

#[cfg(target_arch = "x86_64")]
mod amx;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod vnni;

#[cfg(test)]
mod tests;

#[cfg(target_arch = "x86_64")]
pub(super) use amx::is_available as amx_is_available;
pub(super) use candidates::{Candidate, Chosen};
pub(super) use codes::GROUP;
pub(super) use dispatch::CodeKernel;
pub(super) use query::{above, norm};
pub(super) use read::FilterQueries;
pub(super) use write::LONGEST;

use codes::{Layout, STEP};
use tails::TailLayout;

/// The largest code.
const CODE_LIMIT: f32 = 127.0;

/// The widest rows that a filter takes: sums of codes must fit 32 bits.
const WIDEST: usize = 1 << 16;

/// The largest `h` of the proof.
const MOST_GRAM_ERROR: f64 = 0.5;

/// `t` of the proof: queries have much of the mean's direction, but seldom so many times as much as of the first part.
const ALONG_WEIGHT: f64 = 4.0;

/// What a filter needs to know of all rows before it can be written.
#[derive(Clone, Debug, PartialEq)]
pub struct FilterPlan {
    mean: Vec<f32>,
    /// `R` of the proof; without it the dimensions are coded as they are.
    rotation: Option<Vec<f32>>,
    /// Coordinates of the first part that have codes, a multiple of [`STEP`]; where these are all, padded.
    coded: usize,
    /// The shorter copy of the first part, if there is one.
    narrow: Option<NarrowPlan>,
    /// `h` of the proof.
    gram_error: f64,
    /// For each coordinate of the second part, what its codes are multiples of: about its standard deviation.
    tail_spreads: Vec<f32>,
}

/// How the first part is written a second time, with 4-bit codes for most coordinates, for few queries: what these cost
/// is what they read.
#[derive(Clone, Debug, PartialEq)]
struct NarrowPlan {
    /// Coordinates with 8-bit codes, a multiple of [`STEP`]. The others are a multiple of two steps.
    wide: usize,
    /// For each coordinate with a 4-bit code, what the codes are multiples of: about its standard deviation.
    spreads: Vec<f32>,
}

/// A written filter.
#[derive(Clone, Debug)]
pub struct Filter<'a> {
    plan: FilterPlan,
    rows: usize,
    groups: &'a [u8],
    /// The shorter copy, in the same layout; empty where there is none.
    narrow_groups: &'a [u8],
    /// The second part with the corrections, row by row; empty where there is neither.
    tails: &'a [u8],
}

impl FilterPlan {
    fn dimension(&self) -> usize {
        self.mean.len()
    }

    /// Coordinates that are not along the mean: all, without a rotation.
    fn across(&self) -> usize {
        self.dimension() - usize::from(self.rotation.is_some())
    }

    /// Coordinates of the second part.
    fn tail(&self) -> usize {
        self.across().saturating_sub(self.coded)
    }

    /// The coordinate along the mean, 0 without a rotation, and the others.
    fn along_mean<'z>(&self, z: &'z [f32]) -> (f32, &'z [f32]) {
        match (&self.rotation, z) {
            (Some(_), [along, others @ ..]) => (*along, others),
            _ => (0.0, z),
        }
    }

    /// The layout of groups.
    fn layout(&self) -> Layout {
        Layout {
            wide: self.coded,
            narrow: 0,
        }
    }

    /// The layout of the shorter copy's groups.
    fn narrow_layout(&self) -> Option<Layout> {
        self.narrow.as_ref().map(|narrow| Layout {
            wide: narrow.wide,
            narrow: self.coded - narrow.wide,
        })
    }

    /// The layout of the second part of a row.
    fn tail_layout(&self) -> TailLayout {
        let narrow = self.narrow_layout().map_or(0, |layout| layout.narrow);
        TailLayout::new(self.tail(), narrow)
    }

    /// Bytes before the groups.
    fn head(&self) -> usize {
        let spreads = self
            .narrow
            .as_ref()
            .map_or(0, |narrow| narrow.spreads.len());
        let rotation = self.rotation.as_ref().map_or(0, Vec::len);
        let floats = self.mean.len() + rotation + spreads + self.tail_spreads.len();
        (read::FIELDS + floats * size_of::<f32>()).next_multiple_of(64)
    }
}

/// The relative error of a score of so many dimensions: `g` of the proof, doubled for good measure.
fn rounding(dimension: usize) -> f64 {
    (dimension / super::block::LANES + 8) as f64 * f64::from(f32::EPSILON)
}

/// The norm of what a vector of so many sums loses next to zero, each of as many products.
fn underflow(dimension: usize) -> f64 {
    (dimension as f64).powf(1.5) * f64::from(f32::MIN_POSITIVE)
}
