//! The core of cslir: bilingual lexicons, code-switching and exact top-k.
//!
//! The crate is pure Rust; the feature `python` adds the extension module `cslir._core`.

pub mod bitmap;
pub mod error;
pub mod index;
pub mod interrupt;
mod language;
pub mod lexicon;
pub mod limits;
mod memory;
mod part;
pub mod pool;
mod prefetch;
mod regular;
pub mod stream;
pub mod switch;
pub mod tokenize;
pub mod topk;
mod weighted;

#[cfg(feature = "python")]
mod python;

pub use error::{Error, Result};
