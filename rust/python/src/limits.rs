//! The limit that benchmarks hold switching against.

use pyo3::prelude::*;

use switching::limits;

/// Splits a text into words and hashes each, nothing else.
#[pyfunction]
fn split_and_hash(python: Python<'_>, text: &[u8]) -> u64 {
    python.detach(|| limits::split_and_hash(text))
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(split_and_hash, module)?)
}
