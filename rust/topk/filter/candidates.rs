//! Rows that the filter could not dismiss.

/// A row and the highest score that it can have.
#[derive(Clone, Copy, Debug, PartialEq)]
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
