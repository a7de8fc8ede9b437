//! Static encoder: weighted sums of token rows.
