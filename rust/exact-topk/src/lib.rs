//! Exact top-k by inner product: for each query the rows with the highest scores.
//!
//! - [`Kernel`] scores blocks of rows, in the instruction set that the CPU has; all kernels follow
//!   one specification and give the same bits (`lanes.rs`).
//! - The selection keeps the best rows of each query (`select.rs`); it knows nothing of vectors.
//! - Three things bring them together, block by block: the scan of all scores (`scan.rs`), a filter that dismisses
//!   most rows (`filter`), and bounds of the scores where there are many queries (`bounded.rs`); `ways.rs` chooses,
//!   `search.rs` shares the work among threads.
//!
//! The result depends only on the vectors, the query and `k`: not on the kernel, the other queries
//! of the batch, or the number of threads. Rayon's current pool does the work; to choose the
//! number of threads, call from inside a pool of that size.

pub mod bitmap;
mod block;
mod bounded;
mod dispatch;
mod element;
mod filter;
pub mod index;
mod lanes;
mod limits;
mod matrix;
mod outer;
pub mod pooling;
mod products;
mod rescore;
mod scalar;
mod scan;
mod search;
mod select;
mod ways;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;

#[cfg(test)]
mod tests;

pub use dispatch::{KERNEL_VARIABLE, Kernel, instruction_sets};
pub use element::Element;
pub use filter::{Filter, FilterPlan};
pub use limits::{int8_peak, multiply_add_peak, read_bandwidth};
pub use matrix::Matrix;
pub use search::{Found, Part, Workers, search};

use foundation::{Error, Interrupt, Result};

/// Finds, for each query, the `k` rows of `vectors` with the highest inner products; [`search`] of one part
/// without a filter.
///
/// # Errors
///
/// As [`search`].
pub fn top_k(
    vectors: Matrix<'_>,
    queries: Matrix<'_>,
    k: usize,
    workers: Workers,
    interrupt: &Interrupt,
) -> Result<Found> {
    let part = Part {
        vectors,
        filter: None,
        allowed: None,
    };
    search(&[part], queries, k, workers, interrupt)
}
