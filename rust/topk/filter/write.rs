//! Coding the rows.

use rayon::prelude::*;

use super::codes::{CODE_ERRORS, GROUP, STEP, STEP_BYTES, TAIL_ERRORS};
use super::query::{above, norm};
use super::{CODE_LIMIT, FilterPlan, head, rounding, stride};
use crate::interrupt::Interrupt;
use crate::topk::Kernel;
use crate::topk::block::Panel;
use crate::topk::matrix::Matrix;
use crate::topk::products::block_products;
use crate::{Error, Result};

/// Groups coded between two looks at the interrupt.
const GROUPS: usize = 16;

/// Rows with a longer norm are left to the exact score: the bound's arithmetic can't overflow below it.
pub(super) const LONGEST: f64 = 1e15;

/// What is stored of a row.
pub(super) struct CodedRow {
    pub(super) codes: Vec<i8>,
    pub(super) scale: f32,
    /// `e` of the proof.
    pub(super) code_error: f32,
    /// `|t|` of the proof.
    pub(super) tail_error: f32,
    /// `|c|` of the proof.
    pub(super) norm: f64,
}

impl FilterPlan {
    /// Bytes that the filter of so many rows takes.
    pub fn size(&self, rows: usize) -> usize {
        self.head() + rows.div_ceil(GROUP) * stride(self.coded)
    }

    fn head(&self) -> usize {
        head(self.mean.len(), self.rotation.is_some(), self.coded)
    }

    /// Writes the filter of all rows; `out` is of [`FilterPlan::size`] bytes.
    ///
    /// # Errors
    ///
    /// Another size, or rows of another dimension; an interrupt.
    pub fn write(&self, vectors: Matrix<'_>, out: &mut [u8], interrupt: &Interrupt) -> Result<()> {
        if out.len() != self.size(vectors.rows()) || vectors.dimension() != self.mean.len() {
            return Err(Error::input(
                "the filter was planned for other rows",
                "plan it for these",
            ));
        }
        let (head, groups) = out.split_at_mut(self.head());
        self.write_head(head);
        let coder = Coder::new(self)?;
        let stride = stride(self.coded);
        groups
            .par_chunks_mut(GROUPS * stride)
            .enumerate()
            .try_for_each(|(place, out)| {
                interrupt.check()?;
                let first = place * GROUPS * GROUP;
                let rows = vectors.slice(first, first + GROUPS * GROUP);
                let mut coded = coder.code(rows).into_iter();
                for group in out.chunks_exact_mut(stride) {
                    write_group(group, coded.by_ref().take(GROUP));
                }
                Ok(())
            })
    }

    /// The same plan with `k` such that it seldom raises the errors of these rows.
    pub(super) fn with_ratio(mut self, sample: Matrix<'_>) -> Result<Self> {
        self.ratio = 1.0;
        let rows = Coder::new(&self)?.code_plainly(sample);
        let ratios = rows
            .iter()
            .map(|row| (row.norm / f64::from(row.code_error)) as f32);
        let mut ratios: Vec<f32> = ratios.filter(|ratio| ratio.is_finite()).collect();
        ratios.sort_unstable_by(f32::total_cmp);
        // A few rows may have unusually small errors.
        let most = ratios.get(ratios.len() * 49 / 50).copied().unwrap_or(1.0);
        self.ratio = most.clamp(1.0, 1e4);
        Ok(self)
    }
}

/// Codes rows by a plan.
struct Coder<'a> {
    plan: &'a FilterPlan,
    kernel: Kernel,
    panels: Vec<Panel>,
    /// The mean, rotated.
    shift: Vec<f64>,
    mean_norm: f64,
    /// Relative error of a score.
    rounding: f64,
}

impl<'a> Coder<'a> {
    fn new(plan: &'a FilterPlan) -> Result<Self> {
        let kernel = Kernel::active()?;
        let dimension = plan.mean.len();
        let rotation = plan.rotation.as_deref().unwrap_or(&[]);
        Ok(Coder {
            plan,
            kernel,
            panels: rotation
                .chunks(kernel.widest_panel() * dimension)
                .map(|rows| Panel::new(rows, dimension))
                .collect(),
            shift: rotation
                .chunks_exact(dimension)
                .map(|row| {
                    row.iter()
                        .zip(&plan.mean)
                        .map(|(x, y)| f64::from(*x) * f64::from(*y))
                        .sum()
                })
                .collect(),
            mean_norm: norm(&plan.mean),
            rounding: rounding(dimension),
        })
    }

    fn code(&self, rows: Matrix<'_>) -> Vec<CodedRow> {
        let mut coded = self.code_plainly(rows);
        for row in &mut coded {
            row.code_error = row
                .code_error
                .max(above(row.norm / f64::from(self.plan.ratio)));
        }
        coded
    }

    /// Without the part of `k`.
    fn code_plainly(&self, rows: Matrix<'_>) -> Vec<CodedRow> {
        let dimension = rows.dimension();
        let mut values = vec![0.0; rows.rows() * dimension];
        for (row, values) in values.chunks_exact_mut(dimension).enumerate() {
            rows.decode_row(row, values);
        }
        let mut rotated = vec![0.0; rows.rows() * self.shift.len()];
        if !self.panels.is_empty() {
            block_products(self.kernel, &values, &self.panels, dimension, &mut rotated);
        }
        values
            .chunks_exact(dimension)
            .enumerate()
            .map(|(row, values)| {
                let width = self.shift.len();
                self.code_row(values, &rotated[row * width..(row + 1) * width])
            })
            .collect()
    }

    /// Codes a row; `rotated` is its product with the rotation, if there is one. The names are those of the
    /// proof.
    fn code_row(&self, x: &[f32], rotated: &[f32]) -> CodedRow {
        let plan = self.plan;
        let y_squared: f64 = x
            .iter()
            .zip(&plan.mean)
            .map(|(x, m)| (f64::from(*x) - f64::from(*m)).powi(2))
            .sum();
        let y_norm = y_squared.sqrt();
        let x_norm = norm(x);
        let z: Vec<f32> = match &plan.rotation {
            Some(_) => rotated
                .iter()
                .zip(&self.shift)
                .map(|(x, shift)| (f64::from(*x) - shift) as f32)
                .collect(),
            None => x
                .iter()
                .zip(&plan.mean)
                .map(|(x, m)| x - m)
                .chain(std::iter::repeat(0.0))
                .take(plan.coded)
                .collect(),
        };
        let (codes, scale) = quantise(&z);
        let (mut off, mut c_squared, mut z_squared) = (0.0, 0.0, 0.0);
        for (z, code) in z.iter().zip(&codes) {
            let (z, c) = (f64::from(*z), f64::from(scale) * f64::from(*code));
            off += (z - c).powi(2);
            c_squared += c * c;
            z_squared += z * z;
        }
        let (c_norm, z_norm) = (c_squared.sqrt(), z_squared.sqrt());
        // What is lost in computing z: products of the whole row where it is rotated, one rounding
        // elsewhere.
        let lost = match &plan.rotation {
            Some(_) => 2.0 * self.rounding * (plan.coded as f64).sqrt() * (x_norm + self.mean_norm),
            None => f64::from(f32::EPSILON) * y_norm,
        };
        let z_most = z_norm + lost;
        let score_error = self.rounding * y_norm;
        let code_error =
            off.sqrt() + lost + plan.gram_error * (2.0 * c_norm + z_most) + score_error;
        let tail_squared = match &plan.rotation {
            Some(_) => {
                y_squared * (1.0 + 1e-9) - z_squared
                    + plan.gram_error * z_most * z_most
                    + 2.0 * lost * z_most
            }
            None => 0.0,
        };
        let tail_error = tail_squared.max(0.0).sqrt() + score_error;
        let representable = x_norm < LONGEST;
        CodedRow {
            codes,
            scale: if representable { scale } else { 0.0 },
            code_error: if representable {
                above(code_error)
            } else {
                f32::INFINITY
            },
            tail_error: if representable {
                above(tail_error)
            } else {
                f32::INFINITY
            },
            norm: c_norm,
        }
    }
}

/// The nearest codes, and their scale.
fn quantise(z: &[f32]) -> (Vec<i8>, f32) {
    let largest = z.iter().fold(0.0f32, |most, value| most.max(value.abs()));
    let scale = largest / CODE_LIMIT;
    let inverse = 1.0 / scale;
    let codes = z
        .iter()
        // A cast makes 0 of what is no number: any code is right, the error tells.
        .map(|value| {
            (value * inverse)
                .round_ties_even()
                .clamp(-CODE_LIMIT, CODE_LIMIT) as i8
        })
        .collect();
    (codes, scale)
}

fn write_group(group: &mut [u8], rows: impl Iterator<Item = CodedRow>) {
    let side = group.len() - super::SIDE_BYTES;
    // Code 0, and nothing that could reach a threshold.
    group[..side].fill(128);
    group[side..].fill(0);
    for (lane, row) in rows.enumerate() {
        for (step, codes) in row.codes.chunks_exact(STEP).enumerate() {
            let place = step * STEP_BYTES + lane * STEP;
            for (byte, code) in group[place..place + STEP].iter_mut().zip(codes) {
                *byte = (i16::from(*code) + 128) as u8;
            }
        }
        let side = &mut group[side..];
        side[lane * 4..][..4].copy_from_slice(&row.scale.to_le_bytes());
        side[CODE_ERRORS + lane * 2..][..2].copy_from_slice(&half_above(row.code_error));
        side[TAIL_ERRORS + lane * 2..][..2].copy_from_slice(&half_above(row.tail_error));
    }
}

/// The upper half of a float that is not below this one, which is not negative.
fn half_above(value: f32) -> [u8; 2] {
    let half = value.to_bits().saturating_add(0xFFFF) >> 16;
    (half as u16).to_le_bytes()
}
