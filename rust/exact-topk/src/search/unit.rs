//! Units of work, and which rows are the sample that thresholds are guessed from.

use std::ops::Range;

use crate::filter::{Chosen, GROUP};
use crate::search::Part;
use crate::ways::Way;

/// One in so many pieces, or units, is in the sample.
pub(super) const SAMPLED: usize = 16;

/// Rows of a piece: memory takes as long to find fewer as to read them.
const PIECE_ROWS: usize = 16 * GROUP;

/// Pieces of a unit of the sample, at most.
const PIECES_PER_UNIT: usize = 16;

/// A part, and its place among all.
pub(super) struct Place<'a> {
    pub(super) part: Part<'a>,
    pub(super) way: Way<'a>,
    pub(super) first_row: u32,
    /// Rows of a unit of work.
    pub(super) step: usize,
    pub(super) first_unit: usize,
    /// Whether the sample is of pieces, so that rows that stand together and are alike have no larger a share of it than of all.
    /// Otherwise it is of units.
    pub(super) samples_pieces: bool,
}

impl<'a> Place<'a> {
    fn rows(&self) -> usize {
        self.part.vectors.rows()
    }

    /// The numbers of the units.
    pub(super) fn units(&self) -> Range<usize> {
        self.first_unit..self.first_unit + self.rows().div_ceil(self.step)
    }

    /// A unit by its number.
    pub(super) fn unit(&'a self, number: usize) -> Unit<'a> {
        let start = (number - self.first_unit) * self.step;
        Unit {
            place: self,
            rows: start..(start + self.step).min(self.rows()),
            every: 1,
        }
    }

    /// How many pieces stand before the first one of the sample. They are counted through all places, so that many small places
    /// have no more than their share.
    fn before_sample(&self) -> usize {
        let before = self.first_row as usize / PIECE_ROWS;
        before.next_multiple_of(SAMPLED) - before
    }

    /// Whether a piece is in the sample.
    fn samples_piece(&self, piece: usize) -> bool {
        self.samples_pieces && piece % SAMPLED == self.before_sample()
    }

    /// Whether a unit is in the sample as a whole.
    pub(super) fn samples_unit(&self, number: usize) -> bool {
        !self.samples_pieces && number.is_multiple_of(SAMPLED)
    }

    /// The units of the sample.
    pub(super) fn sample(&'a self) -> Vec<Unit<'a>> {
        if !self.samples_pieces {
            let sampled = self.units().filter(|number| self.samples_unit(*number));
            return sampled.map(|number| self.unit(number)).collect();
        }
        let pieces = self.rows().div_ceil(PIECE_ROWS);
        let before = self.before_sample();
        let sampled = pieces.saturating_sub(before).div_ceil(SAMPLED);
        let units = sampled.div_ceil(PIECES_PER_UNIT);
        // Each is spread over all rows.
        let unit = |unit| Unit {
            place: self,
            rows: (before + unit * SAMPLED) * PIECE_ROWS..self.rows(),
            every: units * SAMPLED,
        };
        (0..units).map(unit).collect()
    }
}

/// A unit of work.
#[derive(Clone)]
pub(super) struct Unit<'a> {
    pub(super) place: &'a Place<'a>,
    /// From its first row, that of a group, to the last that it may have.
    pub(super) rows: Range<usize>,
    /// It has one piece in so many.
    pub(super) every: usize,
}

impl Unit<'_> {
    /// Adds its groups, as far as they take part; those of the sample only if asked for.
    pub(super) fn choose(&self, with_sample: bool, chosen: &mut Vec<Chosen>) {
        let mut start = self.rows.start;
        while start < self.rows.end {
            let piece = start / PIECE_ROWS;
            let end = self.rows.end.min((piece + 1) * PIECE_ROWS);
            if with_sample || !self.place.samples_piece(piece) {
                self.choose_between(start, end, chosen);
            }
            start = end + (self.every - 1) * PIECE_ROWS;
        }
    }

    fn choose_between(&self, start: usize, end: usize, chosen: &mut Vec<Chosen>) {
        let allowed = self.place.part.allowed;
        chosen.reserve((end - start).div_ceil(GROUP));
        for first in (start..end).step_by(GROUP) {
            // The last group may have rows that don't exist.
            let exist = u16::MAX >> (GROUP - (end - first).min(GROUP));
            let group = first / GROUP;
            let rows = allowed.map_or(exist, |allowed| allowed.group(group) & exist);
            if rows != 0 {
                let group = group as u32;
                chosen.push(Chosen { group, rows });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scan::FullScan;
    use crate::{Kernel, Matrix};

    /// The rows that these units have.
    fn rows(units: &[Unit<'_>], with_sample: bool) -> Vec<usize> {
        let mut chosen = Vec::new();
        for unit in units {
            unit.choose(with_sample, &mut chosen);
        }
        let numbers = chosen.iter().flat_map(|chosen| chosen.numbers());
        numbers.map(|row| row as usize).collect()
    }

    proptest! {
        #[test]
        fn the_sample_and_the_rest_are_all_rows(
            count in 1usize..200_000,
            first_row in 0u32..1_000_000,
            groups in 1usize..700,
            samples_pieces: bool,
        ) {
            let values = vec![0.0; count];
            let vectors = Matrix::new(&values, count, 1).unwrap();
            let place = Place {
                part: Part { vectors, filter: None, allowed: None },
                way: Way::Full(FullScan::new(Kernel::Scalar, vectors, Vec::new())),
                first_row,
                step: groups * GROUP,
                first_unit: 3,
                samples_pieces,
            };
            let all: Vec<Unit<'_>> = place.units().map(|number| place.unit(number)).collect();
            prop_assert_eq!(rows(&all, true), (0..count).collect::<Vec<_>>());

            let sample = rows(&place.sample(), true);
            let rest = place.units().filter(|number| !place.samples_unit(*number));
            let rest: Vec<Unit<'_>> = rest.map(|number| place.unit(number)).collect();
            let rest = rows(&rest, false);
            let together = if samples_pieces { PIECE_ROWS } else { place.step };
            let share = count as f64 / SAMPLED as f64;
            prop_assert!((sample.len() as f64 - share).abs() <= together as f64);
            let mut both = [sample, rest].concat();
            both.sort_unstable();
            prop_assert_eq!(both, (0..count).collect::<Vec<_>>());
        }
    }
}
