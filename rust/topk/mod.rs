//! Exact top-k by inner product: for each query the rows with the highest scores.
//!
//! - [`Kernel`] scores blocks of rows, in the instruction set that the CPU has; all kernels follow
//!   one specification and give the same bits (`lanes.rs`).
//! - The selection keeps the best rows of each query (`select.rs`); it knows nothing of vectors.
//! - The scan brings them together, block by block and thread by thread (`scan.rs`).
//!
//! The result depends only on the vectors, the query and `k`: not on the kernel, the other queries
//! of the batch, or the number of threads. Rayon's current pool does the work; to choose the
//! number of threads, call from inside a pool of that size.

mod block;
mod dispatch;
mod element;
mod filter;
mod lanes;
mod limits;
mod matrix;
mod scalar;
mod scan;
mod search;
mod select;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;

#[cfg(test)]
mod tests;

pub use dispatch::{KERNEL_VARIABLE, Kernel};
pub use element::Element;
pub use filter::{Filter, FilterPlan};
pub use limits::{multiply_add_peak, read_bandwidth};
pub use matrix::Matrix;
pub use search::{Found, Part, search};

use crate::interrupt::Interrupt;
use crate::{Error, Result};

/// The best rows of every query: `k` scores and rows per query, one query after the other, the
/// highest score first and among equal scores the lower row first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TopK {
    /// Inner products, descending for each query.
    pub scores: Vec<f32>,
    /// The rows that they belong to.
    pub rows: Vec<u32>,
}

/// Finds, for each query, the `k` rows of `vectors` with the highest inner products.
///
/// The vectors may be of any [`Element`], the queries are float32. The vectors must be finite, which [`Matrix::check_finite`] tells once for many searches; the
/// queries are checked here.
///
/// # Errors
///
/// No vectors; queries that are not float32; `k` is 0 or more than the rows; dimensions differ; a query is not finite; a score
/// overflows f32 (or a vector was not finite); [`KERNEL_VARIABLE`] names no kernel of this CPU;
/// an interrupt.
pub fn top_k(
    vectors: Matrix<'_>,
    queries: Matrix<'_>,
    k: usize,
    interrupt: &Interrupt,
) -> Result<TopK> {
    top_k_with(Kernel::active()?, vectors, queries, k, interrupt)
}

fn top_k_with(
    kernel: Kernel,
    vectors: Matrix<'_>,
    queries: Matrix<'_>,
    k: usize,
    interrupt: &Interrupt,
) -> Result<TopK> {
    check(vectors, queries, k)?;
    queries.check_finite_as("queries", interrupt)?;
    let mut found = TopK::default();
    let step = scan::queries_per_scan(queries.dimension(), k);
    for first in (0..queries.rows()).step_by(step) {
        let part = queries.slice(first, first + step);
        for selection in scan::scan(kernel, vectors, part, k, interrupt)? {
            interrupt.check()?;
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
        }
    }
    Ok(found)
}

fn check(vectors: Matrix<'_>, queries: Matrix<'_>, k: usize) -> Result<()> {
    if vectors.rows() == 0 {
        return Err(Error::input(
            "no vectors to search",
            "give at least one row",
        ));
    }
    if u32::try_from(vectors.rows()).is_err() {
        return Err(Error::input(
            format!("{} vectors are more than one search takes", vectors.rows()),
            format!("split them into parts of at most {} rows", u32::MAX),
        ));
    }
    if queries.dimension() != vectors.dimension() {
        return Err(Error::input(
            format!(
                "queries of dimension {} against vectors of dimension {}",
                queries.dimension(),
                vectors.dimension()
            ),
            "encode both with the same model",
        ));
    }
    if k < 1 || k > vectors.rows() {
        return Err(Error::input(
            format!("k is {k}, and there are {} vectors", vectors.rows()),
            "give a k from 1 to the number of vectors",
        ));
    }
    Ok(())
}
