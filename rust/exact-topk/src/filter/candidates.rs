//! What goes into the scan of a filter, and what comes out: rows that it could not dismiss.

/// A group of rows to scan, and which of them take part.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chosen {
    pub(crate) group: u32,
    /// A bit for each row of the group.
    pub(crate) rows: u16,
}

#[cfg(test)]
impl Chosen {
    /// The numbers of its rows that take part.
    pub(crate) fn numbers(self) -> impl Iterator<Item = u32> {
        (0..16)
            .filter(move |lane| self.rows >> lane & 1 == 1)
            .map(move |lane| self.group * 16 + lane)
    }
}

/// A row and the highest score that it can have.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C)]
pub(crate) struct Candidate {
    pub(crate) upper: f32,
    pub(crate) row: u32,
}

impl Candidate {
    /// Whether the row may be among the best; NaN tells nothing, and may.
    pub(crate) fn can_reach(&self, threshold: f32) -> bool {
        self.upper >= threshold || self.upper.is_nan()
    }
}
