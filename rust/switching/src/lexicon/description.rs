//! What a lexicon says about itself.

/// What a lexicon says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// ISO 639-1 code of the sources.
    pub source_language: String,
    /// ISO 639-1 code of the targets.
    pub target_language: String,
    /// Under which terms it may be used.
    pub licence: String,
    /// Where it comes from.
    pub provenance: String,
    /// Entries that can match no text and were left out: without a letter or digit, or of too many tokens.
    pub left_out: u32,
}
