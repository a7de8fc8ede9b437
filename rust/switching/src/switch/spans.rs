//! What was replaced by what.

/// What was replaced by what, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span<'l> {
    /// First and one past the last byte in the input.
    pub source: (usize, usize),
    /// First and one past the last byte in the output.
    pub target: (usize, usize),
    /// Number of the lexicon.
    pub lexicon: usize,
    /// The entry's source in normal form.
    pub entry: &'l str,
}

/// The spans of texts, text by text.
#[derive(Debug, Default)]
pub struct TextSpans<'l> {
    pub(super) spans: Vec<Span<'l>>,
    ends: Vec<usize>,
}

impl<'l> TextSpans<'l> {
    /// The spans of each text, in the order in which the texts were given.
    pub fn iter(&self) -> impl Iterator<Item = &[Span<'l>]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let ranges = self.ends.iter().zip(starts);
        ranges.map(|(&end, start)| self.spans.get(start..end).unwrap_or_default())
    }

    pub(super) fn end_text(&mut self) {
        self.ends.push(self.spans.len());
    }
}
