//! What a filter learns of the rows: their mean, their principal components, and how many of these pay.

use nalgebra::{DMatrix, DVector, SymmetricEigen};
use rayon::prelude::*;

use super::query::{norm, product};
use super::write::LONGEST;
use super::{FilterPlan, MOST_GRAM_ERROR, STEP, WIDEST, tails};
use crate::Result;
use crate::interrupt::Interrupt;
use crate::topk::matrix::Matrix;
use crate::topk::products::products;
use crate::topk::{Kernel, Workers, top_k};

/// Fewer rows are scored in full: that takes no longer than coding the query.
const FEWEST_ROWS: usize = 2048;

/// Rows that stand for all: enough for the covariance of a few hundred dimensions.
const SAMPLE: usize = 16384;

/// Rows of the sample that stand for queries.
const PROBES: usize = 32;

/// Rows that a probe is to find.
const DEPTH: usize = 10;

/// Wider rows are not rotated: their eigenvectors would take many seconds, and hear no interrupt.
const WIDEST_ROTATION: usize = 1024;

/// Rows summed in one go.
const PIECE: usize = 4096;

/// The number of components is a multiple of this.
const STRETCH: usize = 32;

/// A row that the first part leaves costs as much as so many bytes in the scan; more than it does for one query
/// and few results, because queries in batches and deep results leave more rows.
const LEFT: f64 = 32768.0;

/// The error of codes, of row and query together, in shares of the norms: what 8 bits give.
const CODE_ERROR: f32 = 0.015;

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
            gram_error: 0.0,
            ratio: 1.0,
            mean,
        };
        let plan = match components(&plain.mean, &sample, interrupt)? {
            Some(rotation) => shortest(plain, rotation, vectors, &sample, interrupt)?,
            None => plain,
        };
        let some = &sample[..sample.len().min(1024 * dimension)];
        let some = Matrix::new(some, some.len() / dimension, dimension)?;
        plan.with_ratio(some).map(Some)
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
/// first. The mean goes first because queries have much of it, though centred rows have little: what a query
/// has outside of the coded dimensions is what loosens the bound.
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

/// The plan with so many components that a search reads least; the plain one, where no number of components
/// reads less.
fn shortest(
    plain: FilterPlan,
    rotation: Vec<f32>,
    vectors: Matrix<'_>,
    sample: &[f32],
    interrupt: &Interrupt,
) -> Result<FilterPlan> {
    let dimension = plain.mean.len();
    let costs = costs(&plain, &rotation, vectors, sample, interrupt)?;
    // The last is that of all dimensions, which need no rotation.
    let best = (0..costs.len())
        .min_by(|x, y| costs[*x].total_cmp(&costs[*y]))
        .unwrap_or(0);
    // The second part then fills its bytes.
    let coded = (best + 1) * STRETCH + tails::SIDE;
    if coded >= dimension {
        return Ok(plain);
    }
    let gram_error = gram_error(&rotation, dimension);
    if gram_error > MOST_GRAM_ERROR {
        return Ok(plain);
    }
    Ok(FilterPlan {
        gram_error,
        rotation: Some(rotation),
        coded,
        ..plain
    })
}

/// What a search costs per row, in bytes of the scan, for each number of [`STRETCH`]es of components: their
/// codes, and the rows that these do not dismiss.
fn costs(
    plain: &FilterPlan,
    rotation: &[f32],
    vectors: Matrix<'_>,
    sample: &[f32],
    interrupt: &Interrupt,
) -> Result<Vec<f64>> {
    let dimension = plain.mean.len();
    let kernel = Kernel::active()?;
    let rows = sample.len() / dimension;
    let probes: Vec<f32> = (0..PROBES)
        .flat_map(|probe| {
            let row = probe * rows / PROBES;
            sample[row * dimension..(row + 1) * dimension]
                .iter()
                .copied()
        })
        .collect();
    // A probe finds itself, too.
    let depth = DEPTH + 1;
    let found = top_k(
        vectors,
        Matrix::new(&probes, PROBES, dimension)?,
        depth,
        Workers::Pool,
        interrupt,
    )?;
    let centred: Vec<f32> = sample
        .chunks_exact(dimension)
        .flat_map(|row| row.iter().zip(&plain.mean).map(|(x, mean)| x - mean))
        .collect();
    let sample = Spectrum::new(products(kernel, &centred, rotation, dimension), dimension);
    let survivors = products(kernel, &probes, rotation, dimension)
        .par_chunks_exact(dimension)
        .zip(probes.par_chunks_exact(dimension))
        .zip(found.scores.par_chunks_exact(depth))
        .map(|((rotated, probe), scores)| {
            interrupt.check()?;
            let base = product(probe, &plain.mean);
            Ok(sample.survivors(rotated, scores[DEPTH] - base as f32))
        })
        .collect::<Result<Vec<_>>>()?;
    let pairs = (rows * PROBES) as f64;
    Ok((0..dimension.div_ceil(STRETCH))
        .map(|stretch| {
            let coded = ((stretch + 1) * STRETCH).min(dimension);
            let survivors: u32 = survivors.iter().map(|survivors| survivors[stretch]).sum();
            coded as f64 + f64::from(survivors) / pairs * LEFT
        })
        .collect())
}

/// Rotated rows, and how much of each lies in its first stretches.
struct Spectrum {
    rows: Vec<f32>,
    /// Per row and stretch, the norm up to the stretch's end and the norm behind it.
    norms: Vec<(f32, f32)>,
    dimension: usize,
}

impl Spectrum {
    fn new(rows: Vec<f32>, dimension: usize) -> Self {
        let norms = rows.chunks_exact(dimension).flat_map(norms).collect();
        Spectrum {
            rows,
            norms,
            dimension,
        }
    }

    /// How many rows can reach the score as far as their first stretches tell, by number of stretches.
    fn survivors(&self, query: &[f32], reached: f32) -> Vec<u32> {
        let stretches = self.dimension.div_ceil(STRETCH);
        let query_norms: Vec<(f32, f32)> = norms(query).collect();
        let mut survivors = vec![0; stretches];
        for (row, norms) in self
            .rows
            .chunks_exact(self.dimension)
            .zip(self.norms.chunks_exact(stretches))
        {
            let mut product = 0.0;
            let parts = row.chunks(STRETCH).zip(query.chunks(STRETCH));
            for (stretch, (x, y)) in parts.enumerate() {
                product += x.iter().zip(y).map(|(x, y)| x * y).sum::<f32>();
                let ((inside, outside), (query_inside, query_outside)) =
                    (norms[stretch], query_norms[stretch]);
                let slack = CODE_ERROR * inside * query_inside + outside * query_outside;
                survivors[stretch] += u32::from(product + slack >= reached);
            }
        }
        survivors
    }
}

/// For each stretch, the norm up to its end and the norm behind it.
fn norms(row: &[f32]) -> impl Iterator<Item = (f32, f32)> {
    let total: f32 = row.iter().map(|value| value * value).sum();
    row.chunks(STRETCH).scan(0.0f32, move |inside, stretch| {
        *inside += stretch.iter().map(|value| value * value).sum::<f32>();
        Some((inside.sqrt(), (total - *inside).max(0.0).sqrt()))
    })
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
