//! What a filter learns of the rows: their mean, their principal components, and how many of these pay.

use nalgebra::{DMatrix, DVector, SymmetricEigen};
use rayon::prelude::*;

use super::query::{norm, product};
use super::trial::{Choice, Trial};
use super::write::LONGEST;
use super::{FilterPlan, MOST_GRAM_ERROR, NarrowPlan, STEP, WIDEST};
use crate::Interrupt;
use crate::Result;
use crate::matrix::Matrix;
use crate::products::products;
use crate::{Kernel, Workers, top_k};

/// Fewer rows are scored in full: that takes no longer than coding the query.
const FEWEST_ROWS: usize = 2048;

/// Rows that stand for all: enough for the covariance of a few hundred dimensions.
const SAMPLE: usize = 16384;

/// Rows of the sample that stand for queries.
pub(super) const PROBES: usize = 32;

/// Rows that a probe is to find.
const DEPTH: usize = 10;

/// Wider rows are not rotated: their eigenvectors would take many seconds, and hear no interrupt.
const WIDEST_ROTATION: usize = 1024;

/// Rows summed in one go.
const PIECE: usize = 4096;

impl FilterPlan {
    /// Learns from the rows; `None` where a filter would not pay.
    ///
    /// # Errors
    ///
    /// An interrupt.
    pub fn learn(vectors: Matrix<'_>, interrupt: &Interrupt) -> Result<Option<FilterPlan>> {
        let dimension = vectors.dimension();
        if vectors.rows() < FEWEST_ROWS || dimension > WIDEST {
            return Ok(None);
        }
        let mean = mean(vectors, interrupt)?;
        let sample = sample(vectors);
        if norm(&mean) > LONGEST || norm(&sample) > LONGEST {
            return Ok(None);
        }
        let plain = FilterPlan {
            coded: dimension.next_multiple_of(STEP),
            rotation: None,
            narrow: None,
            gram_error: 0.0,
            tail_spreads: Vec::new(),
            mean,
        };
        let plan = match components(&plain.mean, &sample, interrupt)? {
            Some(rotation) => shortest(plain, rotation, vectors, &sample, interrupt)?,
            None => plain,
        };
        Ok(Some(plan))
    }
}

/// The mean of all rows. Pieces are summed in a fixed order: the same bytes whatever the threads.
fn mean(vectors: Matrix<'_>, interrupt: &Interrupt) -> Result<Vec<f32>> {
    let dimension = vectors.dimension();
    let sums = (0..vectors.rows().div_ceil(PIECE))
        .into_par_iter()
        .map(|piece| {
            interrupt.check()?;
            let rows = vectors.slice(piece * PIECE, (piece + 1) * PIECE);
            let mut values = vec![0.0f32; dimension];
            let mut sums = vec![0.0f64; dimension];
            for row in 0..rows.rows() {
                rows.decode_row(row, &mut values);
                for (sum, value) in sums.iter_mut().zip(&values) {
                    *sum += f64::from(*value);
                }
            }
            Ok(sums)
        })
        .collect::<Result<Vec<_>>>()?;
    let mut total = vec![0.0f64; dimension];
    for sums in sums {
        for (total, sum) in total.iter_mut().zip(sums) {
            *total += sum;
        }
    }
    let rows = vectors.rows() as f64;
    Ok(total.into_iter().map(|sum| (sum / rows) as f32).collect())
}

/// Rows at equal distances.
fn sample(vectors: Matrix<'_>) -> Vec<f32> {
    let dimension = vectors.dimension();
    let count = vectors.rows().min(SAMPLE);
    let mut sample = vec![0.0; count * dimension];
    for (place, values) in sample.chunks_exact_mut(dimension).enumerate() {
        let row = (place as u128 * vectors.rows() as u128 / count as u128) as usize;
        vectors.decode_row(row, values);
    }
    sample
}

/// An orthonormal basis: the direction of the mean, then the principal components of the rest, the largest
/// first. Rows with a mean of zero have the largest component in its place.
fn components(mean: &[f32], sample: &[f32], interrupt: &Interrupt) -> Result<Option<Vec<f32>>> {
    let dimension = mean.len();
    if !(4 * STEP..=WIDEST_ROTATION).contains(&dimension) {
        return Ok(None);
    }
    let Some(mut covariance) = covariance(mean, sample)? else {
        return Ok(None);
    };
    interrupt.check()?;
    let length = norm(mean);
    let direction = DVector::from_iterator(
        dimension,
        mean.iter()
            .map(|value| f64::from(*value) / length.max(f64::MIN_POSITIVE)),
    );
    let has_direction = length > 0.0;
    if has_direction {
        // (I - u u') C (I - u u') - t u u', so that u is an eigenvector, of the lowest eigenvalue: it comes last
        // even where rows have no variance in other directions, too, and is the one that is left out below.
        let total = covariance.trace();
        let lowest = if total > 0.0 { total } else { 1.0 };
        let through = &covariance * &direction;
        let along = direction.dot(&through);
        let outer = &direction * through.transpose();
        covariance = covariance - &outer - outer.transpose()
            + &direction * direction.transpose() * (along - lowest);
    }
    let eigen = SymmetricEigen::new(covariance);
    let mut order: Vec<usize> = (0..dimension).collect();
    order.sort_by(|x, y| eigen.eigenvalues[*y].total_cmp(&eigen.eigenvalues[*x]));
    let mut basis = Vec::with_capacity(dimension * dimension);
    if has_direction {
        basis.extend(direction.iter().map(|value| *value as f32));
    }
    for column in order
        .into_iter()
        .take(dimension - usize::from(has_direction))
    {
        let vector = eigen.eigenvectors.column(column);
        basis.extend(vector.iter().map(|value| *value as f32));
    }
    Ok(basis.iter().all(|value| value.is_finite()).then_some(basis))
}

/// The covariance of the sample; `None` where it is not finite.
fn covariance(mean: &[f32], sample: &[f32]) -> Result<Option<DMatrix<f64>>> {
    let dimension = mean.len();
    let count = sample.len() / dimension;
    // One row per dimension, so that products are covariances.
    let mut columns = vec![0.0f32; sample.len()];
    for (row, values) in sample.chunks_exact(dimension).enumerate() {
        for (column, (value, mean)) in values.iter().zip(mean).enumerate() {
            columns[column * count + row] = value - mean;
        }
    }
    let products = products(Kernel::active()?, &columns, &columns, count);
    let finite = products.iter().all(|value| value.is_finite());
    Ok(finite
        .then(|| DMatrix::from_iterator(dimension, dimension, products.into_iter().map(f64::from))))
}

/// The plan with so many components that a search reads least, and with a shorter copy of them where that pays; the
/// plain one, where neither does.
fn shortest(
    plain: FilterPlan,
    rotation: Vec<f32>,
    vectors: Matrix<'_>,
    sample: &[f32],
    interrupt: &Interrupt,
) -> Result<FilterPlan> {
    let dimension = plain.mean.len();
    let probes = probes(sample, dimension);
    let reached = reached(&plain, &probes, vectors, interrupt)?;
    let rotated = Rotated::new(&plain, &rotation, sample, &probes)?;
    let spreads = rotated.spreads();
    let Choice { coded, wide, .. } =
        Trial::new(rotated, spreads.clone(), reached).cheapest(interrupt)?;
    let across = dimension - 1;
    if coded >= across && wide.is_none() {
        return Ok(plain);
    }
    let gram_error = gram_error(&rotation, dimension);
    if gram_error > MOST_GRAM_ERROR {
        return Ok(plain);
    }
    let (first, second) = spreads[1..].split_at(coded.min(across));
    Ok(FilterPlan {
        gram_error,
        rotation: Some(rotation),
        narrow: wide.map(|wide| {
            let mut spreads = first[wide..].to_vec();
            // Padding.
            spreads.resize(coded - wide, 1.0);
            NarrowPlan { wide, spreads }
        }),
        tail_spreads: second.to_vec(),
        coded,
        ..plain
    })
}

/// The rows of the sample that stand for queries.
fn probes(sample: &[f32], dimension: usize) -> Vec<f32> {
    let rows = sample.len() / dimension;
    (0..PROBES)
        .flat_map(|probe| {
            let row = probe * rows / PROBES;
            &sample[row * dimension..(row + 1) * dimension]
        })
        .copied()
        .collect()
}

/// For each probe the score that [`DEPTH`] other rows reach, without the probe's product with the mean.
fn reached(
    plan: &FilterPlan,
    probes: &[f32],
    vectors: Matrix<'_>,
    interrupt: &Interrupt,
) -> Result<Vec<f32>> {
    let dimension = plan.mean.len();
    // A probe finds itself, too.
    let depth = DEPTH + 1;
    let queries = Matrix::new(probes, PROBES, dimension)?;
    let found = top_k(vectors, queries, depth, Workers::Pool, interrupt)?;
    let last = found.scores.into_iter().skip(DEPTH).step_by(depth);
    Ok(probes
        .chunks_exact(dimension)
        .zip(last)
        .map(|(probe, score)| score - product(probe, &plan.mean) as f32)
        .collect())
}

/// The sample as the filter sees it: rows, and those that stand for queries.
pub(super) struct Rotated {
    pub(super) rows: Vec<f32>,
    pub(super) queries: Vec<f32>,
    pub(super) dimension: usize,
}

impl Rotated {
    fn new(plan: &FilterPlan, rotation: &[f32], sample: &[f32], probes: &[f32]) -> Result<Self> {
        let dimension = plan.mean.len();
        let kernel = Kernel::active()?;
        let centred: Vec<f32> = sample
            .chunks_exact(dimension)
            .flat_map(|row| row.iter().zip(&plan.mean).map(|(x, mean)| x - mean))
            .collect();
        Ok(Rotated {
            rows: products(kernel, &centred, rotation, dimension),
            queries: products(kernel, probes, rotation, dimension),
            dimension,
        })
    }

    /// The root mean square of each coordinate, and never next to nothing beside the largest.
    fn spreads(&self) -> Vec<f32> {
        let mut squares = vec![0.0f64; self.dimension];
        for row in self.rows.chunks_exact(self.dimension) {
            for (sum, value) in squares.iter_mut().zip(row) {
                *sum += f64::from(value * value);
            }
        }
        let rows = (self.rows.len() / self.dimension) as f64;
        let largest = squares.iter().copied().fold(0.0, f64::max);
        let least = (largest * 1e-12).max(f64::from(f32::MIN_POSITIVE));
        let spread = |sum: f64| (sum.max(least) / rows).sqrt() as f32;
        squares.into_iter().map(spread).collect()
    }
}

/// An upper bound of how far the rows are from orthonormal: the Frobenius norm of `R R' - I`.
pub(super) fn gram_error(rotation: &[f32], dimension: usize) -> f64 {
    let squares: f64 = rotation
        .par_chunks_exact(dimension)
        .enumerate()
        .map(|(row, x)| {
            rotation
                .chunks_exact(dimension)
                .enumerate()
                .map(|(column, y)| (product(x, y) - f64::from(u8::from(row == column))).powi(2))
                .sum::<f64>()
        })
        // In order: the same bytes whatever the threads.
        .collect::<Vec<_>>()
        .into_iter()
        .sum();
    squares.sqrt() * (1.0 + 1e-9)
}
