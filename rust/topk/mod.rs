//! Exact top-k.
