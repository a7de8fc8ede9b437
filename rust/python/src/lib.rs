//! The extension module `cslir._core`: converts, releases the GIL, maps errors. No algorithm lives here.

use pyo3::exceptions::{PyKeyboardInterrupt, PyOSError};
use pyo3::prelude::*;

use foundation::Error;

mod arrow;
mod capsules;
mod cores;
mod index;
mod index_arguments;
mod interruptible;
mod limits;
mod outputs;
mod spans;
mod stream;
mod switcher;
mod tokens;
mod vectors;
mod zstandard;

/// Raises `cslir.errors.InputError` (path, line, message, remedy), or its kind for a missing file, or `OSError`.
pub(crate) fn to_python_error(python: Python<'_>, error: Error) -> PyErr {
    match error {
        Error::Input {
            path,
            line,
            message,
            remedy,
        } => {
            let build = || -> PyResult<PyErr> {
                // The kind that Python's readers raise for the same message.
                let kind = match message.as_str() {
                    "no such file" | "no index here" => "MissingFileError",
                    _ => "InputError",
                };
                let class = python.import("cslir.errors")?.getattr(kind)?;
                let arguments = (message,);
                let keywords = pyo3::types::PyDict::new(python);
                keywords.set_item("path", path)?;
                keywords.set_item("line", line)?;
                keywords.set_item("remedy", remedy)?;
                Ok(PyErr::from_value(class.call(arguments, Some(&keywords))?))
            };
            build().unwrap_or_else(|failure| failure)
        }
        Error::Io { path, source } => {
            let build = || -> PyResult<PyErr> {
                let class = python.get_type::<PyOSError>();
                let instance = class.call1((
                    source.raw_os_error(),
                    source.to_string(),
                    path.display().to_string(),
                ))?;
                Ok(PyErr::from_value(instance))
            };
            build().unwrap_or_else(|failure| failure)
        }
        Error::Interrupted => PyKeyboardInterrupt::new_err(()),
    }
}

/// The extension module.
#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    arrow::register(module)?;
    index::register(module)?;
    limits::register(module)?;
    outputs::register(module)?;
    spans::register(module)?;
    stream::register(module)?;
    switcher::register(module)?;
    tokens::register(module)?;
    vectors::register(module)?;
    zstandard::register(module)?;
    Ok(())
}
