//! `ZstandardReader`: what Python's own library does not read.

use std::io::{self, BufReader, Read};
use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3::types::PyBytes;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<ZstandardReader>()
}

/// Bytes that are decompressed at a time, at most.
const MOST_BYTES: usize = 1 << 20;

/// Bytes that are asked of the Python file at a time.
const FILE_BYTES: usize = 128 << 10;

/// Reads a zstandard file of one frame or several; a truncated or corrupt one raises OSError.
#[pyclass(frozen, module = "cslir._core")]
struct ZstandardReader(Mutex<zstd::Decoder<'static, BufReader<PythonFile>>>);

#[pymethods]
impl ZstandardReader {
    #[new]
    fn new(file: Py<PyAny>) -> PyResult<Self> {
        let buffered = BufReader::with_capacity(FILE_BYTES, PythonFile(file));
        Ok(ZstandardReader(Mutex::new(zstd::Decoder::with_buffer(
            buffered,
        )?)))
    }

    /// Returns up to so many bytes, none at the end alone.
    fn read<'py>(&self, python: Python<'py>, size: usize) -> PyResult<Bound<'py, PyBytes>> {
        let mut bytes = vec![0; size.min(MOST_BYTES)];
        let read = python.detach(|| {
            let mut decoder = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            decoder.read(&mut bytes)
        })?;
        Ok(PyBytes::new(python, bytes.get(..read).unwrap_or_default()))
    }
}

/// A file object of Python's, which may be a pipe whose first bytes are read already.
struct PythonFile(Py<PyAny>);

impl Read for PythonFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Python::attach(|python| {
            let answer = self.0.call_method1(python, "read", (buffer.len(),))?;
            let bytes = answer.bind(python).cast::<PyBytes>()?.as_bytes();
            let end = bytes.len().min(buffer.len());
            if let (Some(target), Some(given)) = (buffer.get_mut(..end), bytes.get(..end)) {
                target.copy_from_slice(given);
            }
            PyResult::Ok(end)
        })
        .map_err(io::Error::from)
    }
}
