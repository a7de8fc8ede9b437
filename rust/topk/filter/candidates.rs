//! What goes into the scan of a filter, and what comes out: rows that it could not dismiss.

/// A group of rows to scan, and which of them take part.
#[derive(Clone, Copy, Debug)]
pub(in crate::topk) struct Chosen {
    pub(in crate::topk) group: u32,
    /// A bit for each row of the group.
    pub(in crate::topk) rows: u16,
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
