//! What both `exact-topk` and `switching` stand on: the error type, interruption, opening files, memory and the hash of
//! the file formats. It knows neither vectors nor text.

mod error;
pub mod files;
pub mod hash;
mod interrupt;
pub mod memory;
pub mod prefetch;

pub use error::{Error, Result};
pub use interrupt::Interrupt;
