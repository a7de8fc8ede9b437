//! Bilingual lexicons and code-switching of English text, from one string to files of many gigabytes.
//!
//! - [`lexicon`] compiles word lists into a file that is mapped, and finds the longest entry at a token.
//! - [`tokenize`] divides a text into tokens, in any script.
//! - [`switch`] replaces tokens by their translations, by a seed: the same bytes on any number of threads.
//! - [`stream`] switches the fields of jsonl and tsv files, and goes on where a killed run stopped.

mod language;
pub mod lexicon;
pub mod limits;
mod part;
pub mod stream;
pub mod switch;
pub mod tokenize;
mod weighted;

use foundation::{Error, Interrupt, Result};
