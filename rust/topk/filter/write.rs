//! Coding the rows.

use rayon::prelude::*;

use super::codes::{CODE_ERRORS, GROUP, STEP, STEP_BYTES, TAIL_ERRORS};
use super::query::{above, distance, error, norm, product, quantise};
use super::{FilterPlan, rounding, tails, underflow};
use crate::interrupt::Interrupt;
use crate::topk::Kernel;
use crate::topk::block::Panel;
use crate::topk::matrix::Matrix;
use crate::topk::products::block_products;
use crate::{Error, Result};

/// Groups coded between two looks at the interrupt.
const GROUPS: usize = 16;

/// Rows with a longer norm are left to the exact score: the bound's arithmetic can't overflow below it.
pub(in crate::topk) const LONGEST: f64 = 1e15;

/// What is stored of one part of a row.
pub(super) struct CodedPart {
    codes: Vec<i8>,
    scale: f32,
    /// `e1` or `e2` of the proof.
    error: f32,
    /// `|c1|` or `|c2|`.
    norm: f64,
}

/// What is stored of a row.
pub(super) struct CodedRow {
    first: CodedPart,
    second: CodedPart,
    /// `|z2|` of the proof.
    tail_norm: f32,
}

impl FilterPlan {
    /// Bytes that the filter of so many rows takes.
    pub fn size(&self, rows: usize) -> usize {
        self.head() + rows.div_ceil(GROUP) * self.stride() + rows * self.tail_stride()
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
        let (head, rest) = out.split_at_mut(self.head());
        self.write_head(head);
        let coder = Coder::new(self)?;
        let (stride, tail_stride) = (self.stride(), self.tail_stride());
        let (groups, tails) = rest.split_at_mut(vectors.rows().div_ceil(GROUP) * stride);
        // Without a second part there are no bytes to share out; there must be chunks all the same.
        let mut tails: Vec<&mut [u8]> = tails
            .chunks_mut((GROUPS * GROUP * tail_stride).max(1))
            .collect();
        let pieces = vectors.rows().div_ceil(GROUPS * GROUP);
        tails.resize_with(pieces, Default::default);
        groups
            .par_chunks_mut(GROUPS * stride)
            .zip(tails)
            .enumerate()
            .try_for_each(|(place, (groups, tails))| {
                interrupt.check()?;
                let first = place * GROUPS * GROUP;
                let rows = coder.code(vectors.slice(first, first + GROUPS * GROUP));
                for (group, rows) in groups.chunks_exact_mut(stride).zip(rows.chunks(GROUP)) {
                    write_group(group, rows);
                }
                for (tail, row) in tails.chunks_exact_mut(tail_stride.max(1)).zip(&rows) {
                    tails::write(
                        tail,
                        &row.second.codes,
                        row.second.scale,
                        row.second.error,
                        row.tail_norm,
                    );
                }
                Ok(())
            })
    }

    /// The same plan with `k` such that it seldom raises the errors of these rows.
    pub(super) fn with_ratio(mut self, sample: Matrix<'_>) -> Result<Self> {
        self.ratio = 1.0;
        let rows = Coder::new(&self)?.code_plainly(sample);
        let parts = rows.iter().flat_map(|row| [&row.first, &row.second]);
        let ratios = parts.map(|part| (part.norm / f64::from(part.error)) as f32);
        let mut ratios: Vec<f32> = ratios
            .filter(|ratio| *ratio > 0.0 && ratio.is_finite())
            .collect();
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
    /// `g` of the proof.
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
            panels: Panel::all(rotation, dimension, kernel.widest_panel()),
            shift: rotation
                .chunks_exact(dimension)
                .map(|row| product(row, &plan.mean))
                .collect(),
            mean_norm: norm(&plan.mean),
            rounding: rounding(dimension),
        })
    }

    fn code(&self, rows: Matrix<'_>) -> Vec<CodedRow> {
        let mut coded = self.code_plainly(rows);
        for part in coded
            .iter_mut()
            .flat_map(|row| [&mut row.first, &mut row.second])
        {
            part.error = part
                .error
                .max(above(part.norm / f64::from(self.plan.ratio)));
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
        let (x_norm, y_norm) = (norm(x), distance(x, &plan.mean));
        let mut z: Vec<f32> = match &plan.rotation {
            Some(_) => rotated
                .iter()
                .zip(&self.shift)
                .map(|(x, shift)| (f64::from(*x) - shift) as f32)
                .collect(),
            None => {
                let centred = x.iter().zip(&plan.mean).map(|(x, m)| x - m);
                centred
                    .chain(std::iter::repeat(0.0))
                    .take(plan.coded)
                    .collect()
            }
        };
        if let Some(along_mean) = z.first_mut() {
            *along_mean *= plan.mean_scale;
        }
        let (z1, z2) = z.split_at(plan.coded);
        // What is lost in computing z: sums of the whole row where it is rotated, one rounding elsewhere.
        let lost = match &plan.rotation {
            Some(_) => {
                let coordinates = (plan.dimension() as f64).sqrt();
                2.0 * self.rounding * coordinates * (x_norm + self.mean_norm)
            }
            None => f64::from(f32::EPSILON) * y_norm,
        } + underflow(plan.dimension());
        let h = plan.gram_error;
        let slack = f64::from(plan.mean_scale) * (lost + (self.rounding + h) * (1.0 + h) * y_norm);
        if x_norm < LONGEST {
            CodedRow {
                first: code_part(z1, slack),
                second: code_part(z2, slack),
                tail_norm: above(norm(z2) + slack),
            }
        } else {
            let unknown = |z: &[f32]| CodedPart {
                codes: vec![0; z.len()],
                scale: 0.0,
                error: f32::INFINITY,
                norm: 0.0,
            };
            CodedRow {
                first: unknown(z1),
                second: unknown(z2),
                tail_norm: f32::INFINITY,
            }
        }
    }
}

/// Codes, their scale and how far off they are, at most.
fn code_part(z: &[f32], slack: f64) -> CodedPart {
    let (codes, scale) = quantise(z);
    CodedPart {
        scale,
        error: above(error(z, &codes, scale) + slack),
        norm: f64::from(scale) * norm(&codes),
        // A cast makes 0 of what is no number: any code is right, the error tells.
        codes: codes.into_iter().map(|code| code as i8).collect(),
    }
}

fn write_group(group: &mut [u8], rows: &[CodedRow]) {
    let side = group.len() - super::SIDE_BYTES;
    // Code 0, and nothing that could reach a threshold.
    group[..side].fill(128);
    group[side..].fill(0);
    for (lane, row) in rows.iter().enumerate() {
        for (step, codes) in row.first.codes.chunks_exact(STEP).enumerate() {
            let place = step * STEP_BYTES + lane * STEP;
            for (byte, code) in group[place..place + STEP].iter_mut().zip(codes) {
                *byte = stored(*code);
            }
        }
        let side = &mut group[side..];
        side[lane * 4..][..4].copy_from_slice(&row.first.scale.to_le_bytes());
        side[CODE_ERRORS + lane * 2..][..2].copy_from_slice(&half_above(row.first.error));
        side[TAIL_ERRORS + lane * 2..][..2].copy_from_slice(&half_above(row.tail_norm));
    }
}

/// A code as a byte: see `codes.rs`.
pub(super) fn stored(code: i8) -> u8 {
    (i16::from(code) + 128) as u8
}

/// The upper half of a float that is not below this one, which is not negative.
pub(super) fn half_above(value: f32) -> [u8; 2] {
    let half = value.to_bits().saturating_add(0xFFFF) >> 16;
    (half as u16).to_le_bytes()
}
