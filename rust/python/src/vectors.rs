//! Top-k and pooling over numpy arrays, without copies.

use std::sync::Once;

use numpy::{
    PyArray1, PyArray2, PyArrayDescrMethods, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2,
    PyUntypedArray, PyUntypedArrayMethods, dtype,
};
use pyo3::exceptions::{PyOverflowError, PyTypeError};
use pyo3::prelude::*;

use crate::interruptible::{
    Placement, count_threads, default_threads, interruptible, interruptible_at,
};
use crate::to_python_error;
use exact_topk::{Element, Kernel, Matrix, Workers};
use foundation::Interrupt;
use foundation::{Error, Result};

pub(crate) type ScoresAndRows<'py> = (Bound<'py, PyArray2<f32>>, Bound<'py, PyArray2<i64>>);

/// The k rows of highest inner product for each query.
#[pyfunction]
#[pyo3(signature = (vectors, queries, k, *, threads = None))]
fn top_k<'py>(
    python: Python<'py>,
    vectors: &Bound<'py, PyAny>,
    queries: &Bound<'py, PyAny>,
    k: &Bound<'py, PyAny>,
    threads: Option<i64>,
) -> PyResult<ScoresAndRows<'py>> {
    let vectors = ReadableVectors::new(vectors, "vectors")?;
    let queries = readable_matrix(queries, "queries")?;
    let batch = queries.shape()[0];
    let k = count(k)?;
    let threads = threads.map(|threads| usize::try_from(threads).unwrap_or(0));
    let (vectors, queries) = (vectors.matrix()?, matrix(&queries)?);
    let workers = Workers::for_bytes(vectors.bytes().saturating_mul(queries.rows()));
    let found = in_pool_or_here(python, threads, workers, |interrupt| {
        let found = exact_topk::top_k(vectors, queries, k, workers, interrupt)?;
        let rows: Vec<i64> = found.rows.into_iter().map(i64::from).collect();
        Ok((found.scores, rows))
    })?;
    let scores = new_array(python, found.0).reshape([batch, k])?;
    let rows = new_array(python, found.1).reshape([batch, k])?;
    Ok((scores, rows))
}

/// Finds numpy's functions, before anything else of numpy is used. The binding finds them when the first is called, by
/// running Python code, and panics where Ctrl-C is raised in it. Only the main thread hears Ctrl-C: another finds them.
pub(crate) fn find_numpy(python: Python<'_>) {
    static IS_FOUND: Once = Once::new();
    if IS_FOUND.is_completed() {
        return;
    }
    python.detach(|| {
        IS_FOUND.call_once_force(|_| {
            let find = || Python::attach(|python| drop(dtype::<f32>(python)));
            let finder = std::thread::Builder::new().spawn(find);
            // Where there is no thread, or no numpy, the first use says so.
            let _ = finder.map(std::thread::JoinHandle::join);
        });
    });
}

/// An array of values.
pub(crate) fn new_array<T: numpy::Element>(
    python: Python<'_>,
    values: Vec<T>,
) -> Bound<'_, PyArray1<T>> {
    find_numpy(python);
    PyArray1::from_vec(python, values)
}

/// A number of rows. Negative ones are as wrong as 0, and get its message; larger ones than any index has count
/// as the largest.
pub(crate) fn count(k: &Bound<'_, PyAny>) -> PyResult<usize> {
    match k.extract::<i64>() {
        Ok(k) => Ok(usize::try_from(k).unwrap_or(0)),
        Err(error) if error.is_instance_of::<PyOverflowError>(k.py()) => {
            Ok(if k.gt(0)? { usize::MAX } else { 0 })
        }
        Err(error) => Err(error),
    }
}

/// Runs work in the pool, or on this thread where that is soonest.
pub(crate) fn in_pool_or_here<T: Send>(
    python: Python<'_>,
    threads: Option<usize>,
    workers: Workers,
    work: impl FnOnce(&Interrupt) -> Result<T> + Send,
) -> PyResult<T> {
    match workers {
        Workers::Pool => interruptible_at(Placement::OwnCores, python, threads, work),
        Workers::Caller => count_threads(threads)
            .and_then(|_| python.detach(|| work(&Interrupt::new())))
            .map_err(|error| to_python_error(python, error)),
    }
}

/// The normalised sum of each text's token rows.
#[pyfunction]
fn pool_tokens<'py>(
    python: Python<'py>,
    table: &Bound<'py, PyAny>,
    token_ids: &Bound<'py, PyAny>,
    offsets: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArray2<f32>>> {
    let table = readable_matrix(table, "table")?;
    let token_ids = readable_row::<u32>(token_ids, "token_ids")?;
    let offsets = readable_row::<i64>(offsets, "offsets")?;
    let shape = [offsets.len().saturating_sub(1), table.shape()[1]];
    let table = matrix(&table)?;
    let (token_ids, offsets) = (token_ids.as_slice()?, offsets.as_slice()?);
    let workers = Workers::for_bytes(token_ids.len().saturating_mul(4 * shape[1]));
    let embeddings = in_pool_or_here(python, None, workers, |interrupt| {
        exact_topk::pooling::pool(table, token_ids, offsets, interrupt)
    })?;
    new_array(python, embeddings).reshape(shape)
}

/// Raises if a value is NaN or infinite.
#[pyfunction]
fn check_finite(python: Python<'_>, vectors: &Bound<'_, PyAny>) -> PyResult<()> {
    let vectors = ReadableVectors::new(vectors, "vectors")?;
    let vectors = vectors.matrix()?;
    interruptible(python, None, |interrupt| vectors.check_finite(interrupt))
}

/// The name of the kernel that searches use.
#[pyfunction]
fn kernel(python: Python<'_>) -> PyResult<&'static str> {
    Kernel::active()
        .map(Kernel::name)
        .map_err(|error| to_python_error(python, error))
}

/// The names of the kernels that this CPU can run, the slowest first.
#[pyfunction]
fn kernels() -> Vec<&'static str> {
    Kernel::available().map(Kernel::name).collect()
}

/// The instruction sets of this CPU that kernels are chosen by.
#[pyfunction]
fn instruction_sets() -> Vec<&'static str> {
    exact_topk::instruction_sets()
}

/// Threads that work is spread over where nothing else is said.
#[pyfunction]
fn threads() -> usize {
    default_threads()
}

/// Bytes per second that `threads` threads read from memory: from these vectors, or from some memory.
#[pyfunction]
#[pyo3(signature = (vectors = None, *, threads = None))]
fn read_bandwidth(
    python: Python<'_>,
    vectors: Option<&Bound<'_, PyAny>>,
    threads: Option<usize>,
) -> PyResult<f64> {
    let vectors = vectors
        .map(|vectors| ReadableVectors::new(vectors, "vectors"))
        .transpose()?;
    let vectors = vectors.as_ref().map(ReadableVectors::matrix).transpose()?;
    interruptible_at(Placement::OwnCores, python, threads, |interrupt| {
        exact_topk::read_bandwidth(vectors, interrupt)
    })
}

/// Floating-point operations per second of `threads` threads at best.
#[pyfunction]
#[pyo3(signature = (*, threads = None))]
fn multiply_add_peak(python: Python<'_>, threads: Option<usize>) -> PyResult<f64> {
    interruptible_at(
        Placement::OwnCores,
        python,
        threads,
        exact_topk::multiply_add_peak,
    )
}

/// Operations on 8-bit integers per second of `threads` threads at best.
#[pyfunction]
#[pyo3(signature = (*, threads = None))]
fn int8_peak(python: Python<'_>, threads: Option<usize>) -> PyResult<Option<f64>> {
    interruptible_at(Placement::OwnCores, python, threads, exact_topk::int8_peak)
}

/// A view of a two-dimensional array of any [`Element`]; anything that would need a copy is refused.
pub(crate) enum ReadableVectors<'py> {
    Float32(PyReadonlyArray2<'py, f32>),
    /// Half precision, by its bits: numpy itself knows no bfloat16.
    Bits(Element, PyReadonlyArray2<'py, u16>),
}

impl<'py> ReadableVectors<'py> {
    pub(crate) fn new(array: &Bound<'py, PyAny>, name: &str) -> PyResult<Self> {
        find_numpy(array.py());
        let given = match array.cast::<PyUntypedArray>() {
            // Shown with the byte order where it is not this machine's.
            Ok(array) => array.dtype().str()?.to_string(),
            Err(_) => String::new(),
        };
        let halves = [Element::Float16, Element::BFloat16];
        if let Some(half) = halves.into_iter().find(|half| half.name() == given) {
            check_layout(array.cast()?, name, 2)?;
            let bits = array.call_method1("view", ("uint16",))?;
            let bits = bits.cast::<PyArray2<u16>>()?.try_readonly()?;
            return Ok(ReadableVectors::Bits(half, bits));
        }
        check_type::<f32>(array, name, "float32 or float16")?;
        Ok(ReadableVectors::Float32(readable_matrix(array, name)?))
    }

    pub(crate) fn matrix(&self) -> PyResult<Matrix<'_>> {
        match self {
            ReadableVectors::Float32(array) => matrix(array),
            ReadableVectors::Bits(element, array) => {
                let (rows, dimension) = (array.shape()[0], array.shape()[1]);
                Matrix::of_bits(*element, array.as_slice()?, rows, dimension)
                    .map_err(|error| to_python_error(array.py(), error))
            }
        }
    }
}

/// A view of a two-dimensional float32 array; anything that would need a copy is refused.
pub(crate) fn readable_matrix<'py>(
    array: &Bound<'py, PyAny>,
    name: &str,
) -> PyResult<PyReadonlyArray2<'py, f32>> {
    check_type::<f32>(array, name, "float32")?;
    check_layout(array.cast()?, name, 2)?;
    Ok(array.cast::<PyArray2<f32>>()?.try_readonly()?)
}

/// A view of a one-dimensional array.
pub(crate) fn readable_row<'py, T: numpy::Element>(
    array: &Bound<'py, PyAny>,
    name: &str,
) -> PyResult<PyReadonlyArray1<'py, T>> {
    find_numpy(array.py());
    let accepted = dtype::<T>(array.py()).str()?.to_string();
    check_type::<T>(array, name, &accepted)?;
    check_layout(array.cast()?, name, 1)?;
    Ok(array.cast::<PyArray1<T>>()?.try_readonly()?)
}

pub(crate) fn matrix<'a>(array: &'a PyReadonlyArray2<'_, f32>) -> PyResult<Matrix<'a>> {
    let (rows, dimension) = (array.shape()[0], array.shape()[1]);
    Matrix::new(array.as_slice()?, rows, dimension)
        .map_err(|error| to_python_error(array.py(), error))
}

/// Raises `TypeError` for what is no array of `T`, naming what is `accepted`.
fn check_type<T: numpy::Element>(
    array: &Bound<'_, PyAny>,
    name: &str,
    accepted: &str,
) -> PyResult<()> {
    find_numpy(array.py());
    let expected = dtype::<T>(array.py());
    let Ok(array) = array.cast::<PyUntypedArray>() else {
        let given = array.get_type().name()?;
        return Err(PyTypeError::new_err(format!(
            "{name} must be a numpy array of {accepted}, not {given}; call numpy.asarray({name}, dtype=\"{expected}\")"
        )));
    };
    if !array.dtype().is_equiv_to(&expected) {
        return Err(PyTypeError::new_err(format!(
            "{name} must be {accepted}, not {}; call {name}.astype(\"{expected}\")",
            array.dtype()
        )));
    }
    Ok(())
}

/// Raises `InputError` for a shape or layout that can't be read in place.
fn check_layout(array: &Bound<'_, PyUntypedArray>, name: &str, dimensions: usize) -> PyResult<()> {
    let aligned: bool = array.getattr("flags")?.getattr("aligned")?.extract()?;
    check_shape(array, name, dimensions, aligned)
        .map_err(|error| to_python_error(array.py(), error))
}

fn check_shape(
    array: &Bound<'_, PyUntypedArray>,
    name: &str,
    dimensions: usize,
    aligned: bool,
) -> Result<()> {
    if array.ndim() != dimensions {
        let remedy = match dimensions {
            1 => format!("call {name}.ravel()"),
            _ => format!("reshape it to (rows, dimension): {name}.reshape(1, -1) for a single row"),
        };
        let message = format!(
            "{name} has shape {:?}, and {dimensions} dimensions are needed",
            array.shape()
        );
        return Err(Error::input(message, remedy));
    }
    if !array.is_c_contiguous() {
        return Err(Error::input(
            format!("{name} is not C-contiguous, and reading it would take a copy"),
            format!("call numpy.ascontiguousarray({name})"),
        ));
    }
    if !aligned {
        return Err(Error::input(
            format!("{name} is not aligned in memory, and reading it would take a copy"),
            format!("call {name}.copy()"),
        ));
    }
    Ok(())
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(top_k, module)?)?;
    module.add_function(wrap_pyfunction!(pool_tokens, module)?)?;
    module.add_function(wrap_pyfunction!(check_finite, module)?)?;
    module.add_function(wrap_pyfunction!(kernel, module)?)?;
    module.add_function(wrap_pyfunction!(kernels, module)?)?;
    module.add_function(wrap_pyfunction!(instruction_sets, module)?)?;
    module.add_function(wrap_pyfunction!(threads, module)?)?;
    module.add_function(wrap_pyfunction!(read_bandwidth, module)?)?;
    module.add_function(wrap_pyfunction!(multiply_add_peak, module)?)?;
    module.add_function(wrap_pyfunction!(int8_peak, module)?)?;
    Ok(())
}
