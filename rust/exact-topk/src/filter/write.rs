//! Coding the rows.

use rayon::prelude::*;

use super::codes::{
    ALONG, CODE_ERRORS, GROUP, Layout, MIDDLE_CODE, NARROW_SCALES, NORMS, STEP, STEP_BYTES,
    TAIL_NORMS,
};
use super::halves::{from_half, half_above, half_below, half_near};
use super::narrow::{Corrections, NarrowCodes};
use super::query::{above, below, codes_at, distance, error, largest, norm, product};
use super::tails::{LONGEST_FOR_GAIN, TailRow};
use super::{ALONG_WEIGHT, CODE_LIMIT, FilterPlan, rounding, tails, underflow};
use crate::Interrupt;
use crate::Kernel;
use crate::block::Panel;
use crate::matrix::Matrix;
use crate::products::block_products;
use crate::{Error, Result};

/// Groups coded between two looks at the interrupt.
const GROUPS: usize = 16;

/// Rows with a longer norm are left to the exact score: the bound's arithmetic can't overflow below it.
pub(crate) const LONGEST: f64 = 1e15;

/// The first part of a row, or its shorter copy.
struct FirstPart {
    wide: Vec<i8>,
    narrow: Vec<u8>,
    /// The scales of both, which upper halves of floats suffice for.
    scales: [f32; 2],
    /// The norm of `c0`, `c1` and `c2` of the proof, or with what the last is corrected to, if that is longer.
    norm: f32,
    /// How far these are off.
    error: f32,
    corrections: Corrections,
    /// How much less the error is with them.
    correction_gain: f32,
}

/// The second part of a row.
struct SecondPart {
    codes: Vec<u8>,
    scale: f32,
    /// How much nearer than zeros the codes are to the row.
    gain: f32,
}

/// What is stored of a row.
struct CodedRow {
    /// `c0` of the proof, which the upper half of a float suffices for.
    along: f32,
    first: FirstPart,
    narrow: Option<FirstPart>,
    /// `|z3|` of the proof.
    tail_norm: f32,
    second: SecondPart,
}

impl CodedRow {
    fn tail(&self) -> TailRow<'_> {
        // Without a shorter copy there are no corrections.
        let corrected = self.narrow.as_ref().unwrap_or(&self.first);
        TailRow {
            codes: &self.second.codes,
            scale: self.second.scale,
            gain: self.second.gain,
            corrections: &corrected.corrections.codes,
            correction_scale: corrected.corrections.scale,
            correction_gain: corrected.correction_gain,
        }
    }
}

impl FilterPlan {
    /// Bytes that the filter of so many rows takes.
    pub fn size(&self, rows: usize) -> usize {
        let narrow = self.narrow_layout().map_or(0, Layout::stride);
        self.head()
            + rows.div_ceil(GROUP) * (self.layout().stride() + narrow)
            + rows * self.tail_layout().stride
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
        let (layout, narrow_layout) = (self.layout(), self.narrow_layout());
        let groups = vectors.rows().div_ceil(GROUP);
        let (wide, rest) = rest.split_at_mut(groups * layout.stride());
        let (narrow, tails) = rest.split_at_mut(groups * narrow_layout.map_or(0, Layout::stride));
        let tail_layout = self.tail_layout();
        let tail_stride = tail_layout.stride;
        let pieces = vectors.rows().div_ceil(GROUPS * GROUP);
        let wide = shared_out(wide, GROUPS * layout.stride(), pieces);
        let narrow = shared_out(
            narrow,
            GROUPS * narrow_layout.map_or(0, Layout::stride),
            pieces,
        );
        let tails = shared_out(tails, GROUPS * GROUP * tail_stride, pieces);
        wide.into_par_iter()
            .zip(narrow)
            .zip(tails)
            .enumerate()
            .try_for_each(|(place, ((wide, narrow), tails))| {
                interrupt.check()?;
                let first = place * GROUPS * GROUP;
                let rows = coder.code(vectors.slice(first, first + GROUPS * GROUP));
                write_groups(wide, layout, &rows, |row| Some(&row.first));
                if let Some(layout) = narrow_layout {
                    write_groups(narrow, layout, &rows, |row| row.narrow.as_ref());
                }
                for (tail, row) in tails.chunks_exact_mut(tail_stride.max(1)).zip(&rows) {
                    tails::write(tail, tail_layout, &row.tail());
                }
                Ok(())
            })
    }
}

/// Codes rows by a plan.
struct Coder<'a> {
    plan: &'a FilterPlan,
    kernel: Kernel,
    panels: Vec<Panel>,
    /// The mean, rotated.
    shift: Vec<f64>,
    /// One divided by each spread, of the first part's 4-bit codes and of the second part.
    inverse_spreads: [Vec<f32>; 2],
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
            inverse_spreads: [
                inverse(plan.narrow.as_ref().map_or(&[], |narrow| &narrow.spreads)),
                inverse(&plan.tail_spreads),
            ],
            mean_norm: norm(&plan.mean),
            rounding: rounding(dimension),
        })
    }

    fn code(&self, rows: Matrix<'_>) -> Vec<CodedRow> {
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
        let z: Vec<f32> = match &plan.rotation {
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
        // What is lost in computing z: sums of the whole row where it is rotated, one rounding elsewhere.
        let lost = match &plan.rotation {
            Some(_) => {
                let coordinates = (plan.dimension() as f64).sqrt();
                2.0 * self.rounding * coordinates * (x_norm + self.mean_norm)
            }
            None => f64::from(f32::EPSILON) * y_norm,
        } + underflow(plan.dimension());
        let h = plan.gram_error;
        let slack = lost + (self.rounding + h) * (1.0 + h) * y_norm;
        let known = x_norm < LONGEST;
        // Codes of 0, and errors without end.
        let z = if known { z } else { vec![0.0; z.len()] };
        let slack = if known { slack } else { f64::INFINITY };
        let (z0, z) = plan.along_mean(&z);
        let (z_first, z3) = z.split_at(plan.coded.min(z.len()));
        let along = from_half(half_near(z0));
        let along_error = f64::from(z0) - f64::from(along);
        // Of c0, and what rounding adds to each of the three.
        let off = ALONG_WEIGHT * (along_error.abs() + slack) + 2.0 * slack;
        let first = |wide, spreads: &[f32]| self.code_first(along, z_first, wide, spreads, off);
        CodedRow {
            along,
            first: first(plan.coded, &[]),
            narrow: plan
                .narrow
                .as_ref()
                .map(|narrow| first(narrow.wide, &narrow.spreads)),
            tail_norm: above(norm(z3) + slack),
            second: self.code_second(z3),
        }
    }

    /// The first part, with 4-bit codes where there are spreads; `off` is added to its error.
    fn code_first(
        &self,
        along: f32,
        z_first: &[f32],
        wide: usize,
        spreads: &[f32],
        off: f64,
    ) -> FirstPart {
        let (z1, z2) = z_first.split_at(wide.min(z_first.len()));
        let scale = from_half(half_above(largest(z1) / CODE_LIMIT));
        let codes = codes_at(z1, scale);
        let inverse_spreads = &self.inverse_spreads[0];
        let narrow = NarrowCodes::new(z2, spreads, inverse_spreads);
        let count = z2.len().min(self.plan.tail_layout().corrected());
        let mut corrections = Corrections::new(z2, spreads, inverse_spreads, &narrow, count);
        let correction_gain = gain(narrow.error - corrections.error);
        if correction_gain == 0.0 {
            // They are the best in units of the spreads, which may lead away from the row. The bound takes it for granted that
            // they don't.
            corrections.scale = 0.0;
            corrections.norm = narrow.norm;
        }
        let norm = (f64::from(scale) * norm(&codes))
            .hypot(narrow.norm.max(corrections.norm))
            .hypot(f64::from(along));
        let mut part = FirstPart {
            wide: integers(&codes),
            narrow: narrow.codes,
            scales: [scale, narrow.scale],
            norm: above(norm),
            error: above(error(z1, &codes, scale) + narrow.error + off),
            corrections,
            correction_gain,
        };
        // Padding; the query's codes are 0 there.
        part.wide.resize(wide, 0);
        part.narrow.resize(self.plan.coded - wide, 0);
        part
    }

    fn code_second(&self, z3: &[f32]) -> SecondPart {
        let codes = NarrowCodes::new(z3, &self.plan.tail_spreads, &self.inverse_spreads[1]);
        let gain = gain(norm(z3) - codes.error);
        // The bound takes this for granted; codes that gain so little are not missed.
        let pays = codes.norm <= f64::from(gain) * LONGEST_FOR_GAIN;
        SecondPart {
            scale: if pays { codes.scale } else { 0.0 },
            gain: if pays { gain } else { 0.0 },
            codes: codes.codes,
        }
    }
}

/// A gain as it is stored: surely not above the number, and not negative; 0 where it is none.
fn gain(number: f64) -> f32 {
    from_half(half_below(below(number).max(0.0) + 0.0))
}

fn inverse(spreads: &[f32]) -> Vec<f32> {
    spreads.iter().map(|spread| 1.0 / spread).collect()
}

/// A cast makes 0 of what is no number: any code is right, the error tells.
fn integers(codes: &[f32]) -> Vec<i8> {
    codes.iter().map(|code| *code as i8).collect()
}

/// So many pieces of so many bytes, the last of which may be shorter; empty ones where there are no bytes.
fn shared_out(bytes: &mut [u8], size: usize, pieces: usize) -> Vec<&mut [u8]> {
    let mut shares: Vec<&mut [u8]> = bytes.chunks_mut(size.max(1)).collect();
    shares.resize_with(pieces, Default::default);
    shares
}

/// Writes groups, sixteen rows to each.
fn write_groups(
    out: &mut [u8],
    layout: Layout,
    rows: &[CodedRow],
    first: impl Fn(&CodedRow) -> Option<&FirstPart>,
) {
    for (group, rows) in out
        .chunks_exact_mut(layout.stride())
        .zip(rows.chunks(GROUP))
    {
        write_group(group, layout, rows, &first);
    }
}

fn write_group(
    group: &mut [u8],
    layout: Layout,
    rows: &[CodedRow],
    first: impl Fn(&CodedRow) -> Option<&FirstPart>,
) {
    let (codes, side) = group.split_at_mut(layout.code_bytes());
    // Rows that don't exist have codes that don't matter: no choice of groups takes them in.
    codes.fill(MIDDLE_CODE);
    side.fill(0);
    let (wide, narrow) = codes.split_at_mut(layout.wide_bytes());
    let parts = rows.iter().enumerate();
    let parts = parts.filter_map(|(lane, row)| first(row).map(|part| (lane, row, part)));
    for (lane, row, part) in parts {
        for (step, codes) in part.wide.chunks_exact(STEP).enumerate() {
            let place = step * STEP_BYTES + lane * STEP;
            for (byte, code) in wide[place..place + STEP].iter_mut().zip(codes) {
                *byte = stored(*code);
            }
        }
        for (pair, codes) in part.narrow.chunks_exact(2 * STEP).enumerate() {
            let place = pair * STEP_BYTES + lane * STEP;
            let (lower, upper) = codes.split_at(STEP);
            for (byte, (lower, upper)) in narrow[place..place + STEP]
                .iter_mut()
                .zip(lower.iter().zip(upper))
            {
                *byte = lower | upper << 4;
            }
        }
        for (place, half) in [
            (0, half_near(part.scales[0])),
            (NARROW_SCALES, half_near(part.scales[1])),
            (ALONG, half_near(row.along)),
            (NORMS, half_above(part.norm)),
            (CODE_ERRORS, half_above(part.error)),
            (TAIL_NORMS, half_above(row.tail_norm)),
        ] {
            side[place + lane * 2..][..2].copy_from_slice(&half);
        }
    }
}

/// A code as a byte: see `codes.rs`.
pub(super) fn stored(code: i8) -> u8 {
    (i16::from(code) + i16::from(MIDDLE_CODE)) as u8
}
