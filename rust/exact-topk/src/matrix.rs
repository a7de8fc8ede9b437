//! Borrowed row-major matrices, and what is refused in them.

use rayon::prelude::*;

use super::element::{BFloat16, Element, Encoding, Float16, Float32, Values};
use crate::Interrupt;
use crate::{Error, Result};

/// Values checked between two looks at the interrupt.
const PIECE: usize = 1 << 20;

/// Rows of equal dimension, one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    values: Values<'a>,
    rows: usize,
    dimension: usize,
}

impl<'a> Matrix<'a> {
    /// A view of `rows * dimension` values.
    ///
    /// # Errors
    ///
    /// The dimension is 0, or the number of values is another.
    pub fn new(values: &'a [f32], rows: usize, dimension: usize) -> Result<Self> {
        Self::of_values(Values::Float32(values), rows, dimension)
    }

    /// A view of `rows * dimension` values of half precision, given by their bits.
    ///
    /// # Errors
    ///
    /// As [`Matrix::new`]; the element type is no half precision.
    pub fn of_bits(
        element: Element,
        bits: &'a [u16],
        rows: usize,
        dimension: usize,
    ) -> Result<Self> {
        let values = match element {
            Element::Float16 => Values::Float16(bits),
            Element::BFloat16 => Values::BFloat16(bits),
            Element::Float32 => {
                return Err(Error::input(
                    "float32 values given as 16 bits each",
                    "use Matrix::new",
                ));
            }
        };
        Self::of_values(values, rows, dimension)
    }

    fn of_values(values: Values<'a>, rows: usize, dimension: usize) -> Result<Self> {
        if dimension == 0 {
            return Err(Error::input(
                "vectors of dimension 0",
                "give at least one value per row",
            ));
        }
        if rows.checked_mul(dimension) != Some(values.len()) {
            return Err(Error::input(
                format!("{} values are not {rows} rows of {dimension}", values.len()),
                "give rows * dimension values",
            ));
        }
        Ok(Matrix {
            values,
            rows,
            dimension,
        })
    }

    /// What the values are stored as.
    pub fn element(&self) -> Element {
        self.values.element()
    }

    /// The values, row by row.
    pub(super) fn values(&self) -> Values<'a> {
        self.values
    }

    /// The values, row by row.
    ///
    /// # Errors
    ///
    /// They are not float32; `what` names the matrix for the message.
    pub fn float32_values(&self, what: &str) -> Result<&'a [f32]> {
        match self.values {
            Values::Float32(values) => Ok(values),
            _ => Err(Error::input(
                format!(
                    "{what} of {}, where float32 is needed",
                    self.element().name()
                ),
                format!("convert the {what} to float32"),
            )),
        }
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of values in a row, at least 1.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// Bytes of all values.
    pub fn bytes(&self) -> usize {
        self.values.len() * self.element().size()
    }

    /// Converts a row to float32, exactly. The row exists, and `out` has a place for each of its values.
    pub fn decode_row(&self, row: usize, out: &mut [f32]) {
        debug_assert_eq!(out.len(), self.dimension);
        self.slice(row, row + 1).values.decode(out);
    }

    /// Rows `start` to `end`, both cut to the matrix.
    pub(super) fn slice(&self, start: usize, end: usize) -> Matrix<'a> {
        let end = end.min(self.rows);
        let start = start.min(end);
        Matrix {
            values: self
                .values
                .slice(start * self.dimension, end * self.dimension),
            rows: end - start,
            dimension: self.dimension,
        }
    }

    /// Checks that no value is NaN or infinite; meant for vectors when they enter an index.
    ///
    /// # Errors
    ///
    /// The first row with such a value, or an interrupt.
    pub fn check_finite(&self, interrupt: &Interrupt) -> Result<()> {
        self.check_finite_as("vectors", interrupt)
    }

    /// [`Matrix::check_finite`] with the name of the matrix for the message.
    pub(super) fn check_finite_as(&self, what: &str, interrupt: &Interrupt) -> Result<()> {
        let first_bad = match self.values {
            Values::Float32(values) => first_not_finite::<Float32>(values, interrupt),
            Values::Float16(bits) => first_not_finite::<Float16>(bits, interrupt),
            Values::BFloat16(bits) => first_not_finite::<BFloat16>(bits, interrupt),
        }?;
        let Some(place) = first_bad else {
            return Ok(());
        };
        let mut value = [0.0];
        self.values.slice(place, place + 1).decode(&mut value);
        Err(Error::input(
            format!(
                "{what}: row {} holds {} in column {}",
                place / self.dimension,
                value[0],
                place % self.dimension,
            ),
            "remove or mend the row: scores need finite values",
        ))
    }
}

/// The place of the first value that is NaN or infinite.
fn first_not_finite<E: Encoding>(
    values: &[E::Stored],
    interrupt: &Interrupt,
) -> Result<Option<usize>> {
    if values.len() <= PIECE {
        interrupt.check()?;
        return Ok(first_not_finite_of_piece::<E>(values));
    }
    values
        .par_chunks(PIECE)
        .enumerate()
        .map(|(piece, values)| {
            interrupt.check()?;
            Ok(first_not_finite_of_piece::<E>(values).map(|place| piece * PIECE + place))
        })
        .try_reduce(
            || None,
            |x, y| {
                Ok(match (x, y) {
                    (Some(x), Some(y)) => Some(x.min(y)),
                    (x, y) => x.or(y),
                })
            },
        )
}

fn first_not_finite_of_piece<E: Encoding>(values: &[E::Stored]) -> Option<usize> {
    const STEP: usize = 64;
    values.chunks(STEP).enumerate().find_map(|(step, values)| {
        // No early exit inside a step, so that it becomes vector code.
        if values
            .iter()
            .fold(true, |all, value| all & E::is_finite(*value))
        {
            return None;
        }
        values
            .iter()
            .position(|value| !E::is_finite(*value))
            .map(|place| step * STEP + place)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bad_row_is_named_whatever_comes_after_it() {
        let (rows, dimension) = (3 * PIECE / 8, 8);
        let mut values = vec![1.0; rows * dimension];
        let check = |values: &[f32]| {
            Matrix::new(values, rows, dimension)
                .unwrap()
                .check_finite(&Interrupt::new())
        };
        assert!(check(&values).is_ok());
        values[2 * PIECE + 9] = f32::NAN;
        values[PIECE + 3] = f32::NEG_INFINITY;
        values[3 * PIECE - 1] = f32::INFINITY;
        let message = check(&values).unwrap_err().to_string();
        let row = PIECE / 8;
        assert!(
            message.contains(&format!("row {row} holds -inf in column 3")),
            "{message}"
        );
    }

    #[test]
    fn shapes_that_don_t_fit_are_refused() {
        assert!(Matrix::new(&[1.0; 6], 2, 3).is_ok());
        assert!(Matrix::new(&[], 0, 3).is_ok());
        assert!(Matrix::new(&[1.0; 6], 2, 4).is_err());
        assert!(Matrix::new(&[], 6, 0).is_err());
        assert!(Matrix::new(&[], usize::MAX, 2).is_err());
    }
}
