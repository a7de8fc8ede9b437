//! What goes into the scan of a filter, and what comes out: rows that it could not dismiss.

/// A group of rows to scan, and which of them take part.
#[derive(Clone, Copy, Debug)]
pub(in crate::topk) struct Chosen {
    pub(in crate::topk) group: u32,
    /// A bit for each row of the group.
    pub(in crate::topk) rows: u16,
}

#[cfg(test)]
impl Chosen {
    /// The numbers of its rows that take part.
    pub(in crate::topk) fn numbers(self) -> impl Iterator<Item = u32> {
        (0..16)
            .filter(move |lane| self.rows >> lane & 1 == 1)
            .map(move |lane| self.group * 16 + lane)
    }
}

/// A row and the highest score that it can have.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C)]
pub(in crate::topk) struct Candidate {
    pub(in crate::topk) upper: f32,
    pub(in crate::topk) row: u32,
}

impl Candidate {
    /// Whether the row may be among the best; NaN tells nothing, and may.
    pub(in crate::topk) fn can_reach(&self, threshold: f32) -> bool {
        self.upper >= threshold || self.upper.is_nan()
    }
}
