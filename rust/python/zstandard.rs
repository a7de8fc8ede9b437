//! `ZstandardReader`: what Python's own library does not read.

use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3::types::PyBytes;

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<ZstandardReader>()
}

/// Bytes that are decompressed at a time, at most.
const MOST_BYTES: usize = 1 << 20;

#[pyclass(frozen, module = "cslir._core")]
struct ZstandardReader(Mutex<zstd::Decoder<'static, BufReader<File>>>);

#[pymethods]
impl ZstandardReader {
    #[new]
    fn new(path: PathBuf) -> PyResult<Self> {
        Ok(ZstandardReader(Mutex::new(zstd::Decoder::new(
            File::open(path)?,
        )?)))
    }

    fn read<'py>(&self, python: Python<'py>, size: usize) -> PyResult<Bound<'py, PyBytes>> {
        let mut bytes = vec![0; size.min(MOST_BYTES)];
        let read = python.detach(|| {
            let mut decoder = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            decoder.read(&mut bytes)
        })?;
        Ok(PyBytes::new(python, bytes.get(..read).unwrap_or_default()))
    }
}
