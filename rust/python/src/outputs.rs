//! What replacing an output needs of the system and Python does not offer.

use std::path::PathBuf;

use pyo3::prelude::*;

/// Exchanges two paths in one step. False where the system or the file system can't.
#[pyfunction]
#[cfg(any(target_os = "linux", target_vendor = "apple"))]
fn exchange_paths(first: PathBuf, second: PathBuf) -> std::io::Result<bool> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use rustix::io::Errno;

    match renameat_with(CWD, &first, CWD, &second, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(true),
        Err(Errno::NOSYS | Errno::INVAL | Errno::NOTSUP) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Exchanges two paths in one step. False where the system or the file system can't.
#[pyfunction]
#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
fn exchange_paths(_first: PathBuf, _second: PathBuf) -> bool {
    false
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(exchange_paths, module)?)
}
