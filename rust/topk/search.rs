//! Exact search over several parts, each with its filter and with the rows that take part.

use super::{Filter, Matrix, top_k};
use crate::bitmap::Bitmap;
use crate::interrupt::Interrupt;
use crate::{Error, Result};

/// Some rows, what dismisses most of them, and which of them take part (`None`: all).
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// The rows.
    pub vectors: Matrix<'a>,
    /// Their filter.
    pub filter: Option<Filter<'a>>,
    /// The rows that take part.
    pub allowed: Option<&'a Bitmap>,
}

/// The best rows of every query, `k` of each, as in [`super::TopK`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// Inner products, descending for each query.
    pub scores: Vec<f32>,
    /// The rows that they belong to, numbered through the parts in order.
    pub rows: Vec<u32>,
    /// Rows that were scored in full, of all queries together.
    pub rescored: u64,
}

/// Finds, for each query, the `k` rows of all parts that have the highest inner products among those that
/// take part.
///
/// # Errors
///
/// As [`top_k`]; `k` is above the number of rows that take part.
pub fn search(
    parts: &[Part<'_>],
    queries: Matrix<'_>,
    k: usize,
    interrupt: &Interrupt,
) -> Result<Found> {
    let mut ranked: Vec<Vec<(f32, u32)>> = vec![Vec::new(); queries.rows()];
    let mut first = 0;
    for part in parts {
        let rows = part.vectors.rows();
        let all = top_k(part.vectors, queries, rows, interrupt)?;
        for (query, (scores, found)) in all
            .scores
            .chunks(rows)
            .zip(all.rows.chunks(rows))
            .enumerate()
        {
            ranked[query].extend(
                scores
                    .iter()
                    .zip(found)
                    .filter(|(_, row)| {
                        part.allowed
                            .is_none_or(|allowed| allowed.contains(**row as usize))
                    })
                    .map(|(score, row)| (*score, first + row)),
            );
        }
        first += rows as u32;
    }
    let mut found = Found::default();
    for mut ranked in ranked {
        if k < 1 || k > ranked.len() {
            return Err(Error::input(
                format!("k is {k}, and {} rows take part", ranked.len()),
                "give a k from 1 to the number of rows that take part",
            ));
        }
        ranked.sort_by(|x, y| y.0.total_cmp(&x.0).then(x.1.cmp(&y.1)));
        found
            .scores
            .extend(ranked.iter().take(k).map(|(score, _)| *score));
        found
            .rows
            .extend(ranked.iter().take(k).map(|(_, row)| *row));
    }
    Ok(found)
}
