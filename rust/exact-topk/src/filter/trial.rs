//! What a search would cost with so many components and such codes, by a trial on a sample.

use rayon::prelude::*;

use super::learn::{PROBES, Rotated};
use super::query::{CodedPart, norm};
use super::{ALONG_WEIGHT, STEP};
use crate::Interrupt;
use crate::Result;

/// The number of components is a multiple of this, or all.
const STRETCH: usize = 32;

/// A row that the first part leaves costs as much as so many bytes in the scan; more than it does for one query
/// and few results, because queries in batches and deep results leave more rows.
const LEFT: f64 = 3072.0;

/// The cosine, after centring, at which a probe's tenth row is taken to be, where it is nearer. Rows may have
/// near-duplicates, queries do not: for queries of two encoders it was 0.43 to 0.67. Lower than that is safe: a few
/// components too many cost little, too few cost much.
const NEAREST: f64 = 0.4;

/// The error of codes, of row and query together, in shares of the norms: what 8 bits give.
const CODE_ERROR: f32 = 0.015;

/// The error of a row's 4-bit codes: 0.0975 where values are normally distributed, and no row's quite are.
const NARROW_ERROR: f64 = 0.105;

/// Numbers of components with 8-bit codes that are tried before 4-bit codes; multiples of two steps.
const WIDES: [usize; 7] = [0, 8, 16, 32, 64, 128, 256];

/// Kinds of codes: of 8 bits, or of 4 after so many components.
const KINDS: usize = 1 + WIDES.len();

/// What a row that is left costs as much as, for the few queries that read 4-bit codes.
const LEFT_BY_FEW: f64 = 1536.0;

/// A shorter copy of the first part must cost less than such a share of it, because it takes room, too.
const NARROW_PAYS: f64 = 0.85;

/// How many components to scan, beside the direction of the mean, and how many of these have 8-bit codes in the shorter copy,
/// if it is to be.
pub(super) struct Choice {
    cost: f64,
    pub(super) coded: usize,
    pub(super) wide: Option<usize>,
}

/// Queries on a sample of the rows.
pub(super) struct Trial {
    spectrum: Spectrum,
    queries: Vec<f32>,
    /// What each query's answer reaches.
    reached: Vec<f32>,
    /// Pairs of a row and a query.
    pairs: f64,
}

impl Trial {
    pub(super) fn new(rotated: Rotated, spreads: Vec<f32>, reached: Vec<f32>) -> Self {
        let Rotated {
            rows,
            queries,
            dimension,
        } = rotated;
        let squares: f64 = rows.iter().map(|value| f64::from(value * value)).sum();
        let row_norm = (squares * dimension as f64 / rows.len() as f64).sqrt();
        let reached = queries
            .chunks_exact(dimension)
            .zip(reached)
            .map(|(query, reached)| reached.min((NEAREST * norm(&query[1..]) * row_norm) as f32))
            .collect();
        Trial {
            pairs: (rows.len() / dimension * PROBES) as f64,
            spectrum: Spectrum::new(rows, spreads, dimension),
            queries,
            reached,
        }
    }

    /// What searches of many and of few queries together cost least.
    pub(super) fn cheapest(&self, interrupt: &Interrupt) -> Result<Choice> {
        let across = self.spectrum.dimension - 1;
        let survivors = self.survivors(interrupt)?;
        let share = |stretch: usize, kind: usize| survivors[stretch * KINDS + kind] / self.pairs;
        let choice = |stretch: usize| {
            let coded = ((stretch + 1) * STRETCH).min(across.next_multiple_of(2 * STEP));
            let by_many = coded as f64 + share(stretch, 0) * LEFT;
            let by_few = coded as f64 + share(stretch, 0) * LEFT_BY_FEW;
            let narrow = WIDES
                .iter()
                .enumerate()
                .filter(|(_, wide)| **wide < coded)
                .map(|(kind, wide)| {
                    let bytes = (wide + coded) as f64 / 2.0;
                    (bytes + share(stretch, kind + 1) * LEFT_BY_FEW, *wide)
                })
                .filter(|(cost, _)| *cost < NARROW_PAYS * by_few)
                .min_by(|(x, _), (y, _)| x.total_cmp(y));
            Choice {
                cost: by_many + narrow.map_or(by_few, |(cost, _)| cost),
                coded,
                wide: narrow.map(|(_, wide)| wide),
            }
        };
        let choices = (1..across.div_ceil(STRETCH)).map(choice);
        Ok(choices.fold(
            choice(0),
            |best, next| if next.cost < best.cost { next } else { best },
        ))
    }

    /// How many of all pairs are left, for each number of stretches and each kind of codes.
    fn survivors(&self, interrupt: &Interrupt) -> Result<Vec<f64>> {
        let counts = self
            .queries
            .par_chunks_exact(self.spectrum.dimension)
            .zip(&self.reached)
            .map(|(query, reached)| {
                interrupt.check()?;
                Ok(self.spectrum.survivors(query, *reached))
            })
            .collect::<Result<Vec<_>>>()?;
        let places = counts.first().map_or(0, Vec::len);
        let sum = |place| counts.iter().map(|counts| f64::from(counts[place])).sum();
        Ok((0..places).map(sum).collect())
    }
}

/// Rotated rows, and how much of each lies in its first stretches. The coordinate along the mean is not among these.
struct Spectrum {
    rows: Vec<f32>,
    /// Per row and stretch, the norm up to the stretch's end and the norm behind it.
    norms: Vec<(f32, f32)>,
    /// Per row, the square of its first components' norm, of so many as [`WIDES`] has.
    wides: Vec<[f32; WIDES.len()]>,
    /// What 4-bit codes of each component are multiples of.
    spreads: Vec<f32>,
    dimension: usize,
}

impl Spectrum {
    fn new(rows: Vec<f32>, spreads: Vec<f32>, dimension: usize) -> Self {
        let norms = rows
            .chunks_exact(dimension)
            .flat_map(|row| norms(&row[1..]))
            .collect();
        let square = |values: &[f32]| values.iter().map(|value| value * value).sum::<f32>();
        let wides = rows
            .chunks_exact(dimension)
            .map(|row| WIDES.map(|wide| square(&row[1..][..wide.min(dimension - 1)])))
            .collect();
        Spectrum {
            rows,
            norms,
            wides,
            spreads,
            dimension,
        }
    }

    /// What makes a query's product with 4-bit codes be off: times the norm of a row's components that have these, and times
    /// the norm of all that are scanned. For each number of stretches, and each of [`WIDES`].
    fn narrow_weights(&self, query: &[f32]) -> Vec<[(f32, f32); WIDES.len()]> {
        let along = f64::from(query[0].abs()) / ALONG_WEIGHT;
        let (query, spreads) = (&query[1..], &self.spreads[1..]);
        let stretches = query.len().div_ceil(STRETCH);
        let ends = (1..=stretches).map(|stretch| (stretch * STRETCH).min(query.len()));
        ends.map(|end| {
            WIDES.map(|wide| {
                let wide = wide.min(end);
                let narrow = &query[wide..end];
                let longest = along.max(norm(&query[..wide])).max(norm(narrow));
                let off = CodedPart::new_with_spreads(narrow, &spreads[wide..end]).off;
                ((NARROW_ERROR * longest) as f32, off as f32)
            })
        })
        .collect()
    }

    /// How many rows can reach the score as far as their first stretches tell, for each number of stretches, and for
    /// each of these with 8-bit codes and with 4-bit codes after so many components as [`WIDES`] has.
    fn survivors(&self, query: &[f32], reached: f32) -> Vec<u32> {
        let stretches = (self.dimension - 1).div_ceil(STRETCH);
        let query_norms: Vec<(f32, f32)> = norms(&query[1..]).collect();
        let narrow_weights = self.narrow_weights(query);
        let of_query = query_norms.iter().zip(&narrow_weights);
        let mut survivors = vec![0; stretches * KINDS];
        for ((row, norms), wides) in self
            .rows
            .chunks_exact(self.dimension)
            .zip(self.norms.chunks_exact(stretches))
            .zip(&self.wides)
        {
            let mut product = row[0] * query[0];
            let parts = row[1..].chunks(STRETCH).zip(query[1..].chunks(STRETCH));
            let survivors = survivors.chunks_exact_mut(KINDS);
            for (((x, y), survivors), (norms, (query_norms, weights))) in
                parts.zip(survivors).zip(norms.iter().zip(of_query.clone()))
            {
                product += x.iter().zip(y).map(|(x, y)| x * y).sum::<f32>();
                let ((inside, outside), (query_inside, query_outside)) = (norms, query_norms);
                let bound = product + CODE_ERROR * inside * query_inside + outside * query_outside;
                let [all_wide, rest @ ..] = survivors else {
                    continue;
                };
                *all_wide += u32::from(bound >= reached);
                for ((survivors, wide), (weight, off)) in rest.iter_mut().zip(wides).zip(weights) {
                    let narrow = (inside * inside - wide).max(0.0).sqrt();
                    *survivors += u32::from(bound + narrow * weight + inside * off >= reached);
                }
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
