//! `VectorIndex` and `VectorIndexWriter`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use numpy::{PyArray1, PyArray2, PyArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};

use crate::index_arguments::{Chosen, Given, element_of, row_numbers, strings};
use crate::interruptible::interruptible;
use crate::to_python_error;
use crate::vectors::{ScoresAndRows, count, in_pool_or_here, matrix, new_array, readable_matrix};
use exact_topk::Element;
use exact_topk::index::{self, Strings};
use foundation::Result;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<VectorIndex>()?;
    module.add_class::<VectorIndexWriter>()?;
    module.add_function(wrap_pyfunction!(is_index_file, module)?)
}

/// Returns whether a file of that name belongs to an index of vectors, or was left by a killed writer.
#[pyfunction]
fn is_index_file(name: &str) -> bool {
    index::is_index_file(name)
}

/// Vectors with ids and metadata, in a folder or in memory: exact search, by inner product.
///
/// Rows are numbered in the order in which they were added. A row that is deleted is found no more, but keeps
/// its number until the index is compacted. An opened index answers from the state that it opened, or wrote,
/// last, whatever other processes write meanwhile; see `refresh`. It can be pickled and copied: by its
/// folder, which is opened again, or by its bytes where it is in memory.
#[pyclass(frozen, module = "cslir._core")]
struct VectorIndex(index::Index);

#[pymethods]
impl VectorIndex {
    /// Makes an index; use `writer` for vectors that don't fit into memory.
    ///
    /// Args:
    ///     vectors: (rows, dimension) float32 or float16, C-contiguous, finite. For cosine similarity give
    ///         them (and the queries) unit length.
    ///     ids: One per row, each another; the row's number in decimal if left out, see `append`.
    ///     metadata: By column, one value per row; meant for columns of few different values.
    ///     path: A folder, in which an index that is there is replaced at the end; None for memory.
    ///     dtype: What the vectors are stored as. They are rounded to nearest; scores are those of the
    ///         stored values, computed in float32.
    ///
    /// Raises:
    ///     InputError: A wrong shape, layout or length; a value that is not finite, or not in the range of
    ///         `dtype`; an id given twice; a folder that holds something else, or has another writer.
    ///     TypeError: The vectors have another dtype, or ids or values are no strings.
    ///     OSError: The folder can't be written to.
    #[staticmethod]
    #[pyo3(signature = (vectors, ids = None, metadata = None, *, path = None, dtype = "float32"))]
    fn build(
        python: Python<'_>,
        vectors: &Bound<'_, PyAny>,
        ids: Option<&Bound<'_, PyAny>>,
        metadata: Option<&Bound<'_, PyAny>>,
        path: Option<PathBuf>,
        dtype: &str,
    ) -> PyResult<Self> {
        let element = element_of(python, dtype)?;
        let given = Given::new(vectors, ids, metadata)?;
        let batch = given.batch()?;
        let built = interruptible(python, None, |interrupt| {
            index::Index::build(&batch, element, path.as_deref(), interrupt)
        });
        built.map(VectorIndex)
    }

    /// Opens the index of a folder; its files are mapped, which takes milliseconds.
    ///
    /// Raises:
    ///     InputError: There is none, it is of another version, or damaged, as far as a look at headers and
    ///         lengths tells (see `verify`).
    #[staticmethod]
    fn open(python: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let opened = python.detach(|| index::Index::open(&path));
        opened
            .map(VectorIndex)
            .map_err(|error| to_python_error(python, error))
    }

    /// Returns what makes an index batch by batch, in a `with` block; arguments as for `build`.
    #[staticmethod]
    #[pyo3(signature = (path, dimension, *, dtype = "float32"))]
    fn writer(
        python: Python<'_>,
        path: PathBuf,
        dimension: i64,
        dtype: &str,
    ) -> PyResult<VectorIndexWriter> {
        Ok(VectorIndexWriter {
            path,
            // Negative numbers are as wrong as 0, and get its message.
            dimension: usize::try_from(dimension).unwrap_or(0),
            element: element_of(python, dtype)?,
            open: Mutex::default(),
        })
    }

    #[staticmethod]
    fn _from_images(
        python: Python<'_>,
        manifest: &[u8],
        segments: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    ) -> PyResult<Self> {
        let read = python.detach(|| index::Index::of_images(manifest, &segments));
        read.map(VectorIndex)
            .map_err(|error| to_python_error(python, error))
    }

    /// For pickle and copy: by the folder, which is opened again, else by the bytes.
    fn __reduce__<'py>(this: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        let (python, kind, index) = (this.py(), this.get_type(), &this.get().0);
        if let Some(path) = index.path() {
            let arguments = (std::path::absolute(path)?,);
            return (kind.getattr("open")?, arguments).into_pyobject(python);
        }
        let (manifest, segments) = python.detach(|| index.to_images());
        let segments = segments.iter().map(|(segment, deleted)| {
            let deleted = deleted.as_ref().map(|bytes| PyBytes::new(python, bytes));
            (PyBytes::new(python, segment), deleted)
        });
        let segments = PyList::new(python, segments.collect::<Vec<_>>())?;
        let arguments = (PyBytes::new(python, &manifest), segments);
        (kind.getattr("_from_images")?, arguments).into_pyobject(python)
    }

    /// Writes the rows that are not deleted to a folder, compacted; an index that is there is replaced.
    ///
    /// Raises:
    ///     InputError: The folder holds something else, or has another writer.
    ///     OSError: It can't be written to.
    fn save(&self, python: Python<'_>, path: PathBuf) -> PyResult<()> {
        interruptible(python, None, |interrupt| self.0.save(&path, interrupt))
    }

    /// Finds, for each query, the `k` rows of highest inner product, exactly.
    ///
    /// Args:
    ///     queries: (batch, dimension) float32, C-contiguous.
    ///     k: At least 1; all rows that take part if they are fewer.
    ///     where: Which rows take part: those that have in each column one of its values, or those with True
    ///         (one for each of `rows`). None for all.
    ///     threads: Threads to use; None for one per core.
    ///
    /// Returns:
    ///     scores: (batch, k) float32, descending.
    ///     rows: (batch, k) int64; among equal scores the lower row comes first.
    ///
    /// Raises:
    ///     InputError: A wrong shape, layout, k, length or number of threads; a query that is not finite; a
    ///         column that is not there; a score that overflows.
    ///     TypeError: An array has another dtype.
    #[pyo3(signature = (queries, k, *, r#where = None, threads = None))]
    fn search<'py>(
        &self,
        python: Python<'py>,
        queries: &Bound<'py, PyAny>,
        k: &Bound<'py, PyAny>,
        r#where: Option<&Bound<'py, PyAny>>,
        threads: Option<i64>,
    ) -> PyResult<ScoresAndRows<'py>> {
        let queries = readable_matrix(queries, "queries")?;
        let queries = matrix(&queries)?;
        let chosen = Chosen::new(r#where)?;
        let which = chosen.rows()?;
        let threads = threads.map(|threads| usize::try_from(threads).unwrap_or(0));
        let k = count(k)?;
        let snapshot = self.0.snapshot();
        let workers = snapshot.workers(queries.rows());
        let (k, scores, rows) = in_pool_or_here(python, threads, workers, |interrupt| {
            let hits = snapshot.search(queries, k, which, workers, interrupt)?;
            let rows: Vec<i64> = hits.rows.into_iter().map(i64::from).collect();
            Ok((hits.k, hits.scores, rows))
        })?;
        let shape = [queries.rows(), k];
        let scores = new_array(python, scores).reshape(shape)?;
        Ok((scores, new_array(python, rows).reshape(shape)?))
    }

    /// Returns the ids of rows; raises InputError if there is no such row.
    fn ids<'py>(
        &self,
        python: Python<'py>,
        rows: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyList>> {
        let rows = row_numbers(rows)?;
        let ids = python.detach(|| self.0.snapshot().ids(&rows));
        list(python, ids)
    }

    /// Returns the values of rows in a column; raises InputError if there is no such row or column.
    fn metadata<'py>(
        &self,
        python: Python<'py>,
        column: &str,
        rows: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyList>> {
        let rows = row_numbers(rows)?;
        let values = python.detach(|| self.0.snapshot().metadata(column, &rows));
        list(python, values)
    }

    /// Returns how many rows have each value of a column, deleted ones left out.
    ///
    /// Raises:
    ///     InputError: There is no such column.
    fn counts(&self, python: Python<'_>, column: &str) -> PyResult<BTreeMap<String, usize>> {
        let counts = python.detach(|| self.0.snapshot().counts(column));
        counts.map_err(|error| to_python_error(python, error))
    }

    /// Returns a copy of the vectors of rows; raises InputError if there is no such row.
    fn vectors<'py>(
        &self,
        python: Python<'py>,
        rows: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let rows = row_numbers(rows)?;
        let snapshot = self.0.snapshot();
        let values = python.detach(|| snapshot.vectors(&rows));
        let values = values.map_err(|error| to_python_error(python, error))?;
        new_array(python, values).reshape([rows.len(), snapshot.dimension()])
    }

    /// Adds rows behind those that are there; arguments as for `build`.
    ///
    /// Each call adds a segment, and many small ones are slow to search: append in large batches, and
    /// `compact` now and then. Ids that are left out go on from the number of rows that were ever added, and
    /// pass over numbers that are ids of other rows.
    ///
    /// Raises:
    ///     InputError: As for `build`; an id that a row has already; other columns than the index has;
    ///         another writer is at work.
    ///     TypeError: As for `build`.
    #[pyo3(signature = (vectors, ids = None, metadata = None))]
    fn append(
        &self,
        python: Python<'_>,
        vectors: &Bound<'_, PyAny>,
        ids: Option<&Bound<'_, PyAny>>,
        metadata: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let given = Given::new(vectors, ids, metadata)?;
        let batch = given.batch()?;
        interruptible(python, None, |interrupt| self.0.append(&batch, interrupt))
    }

    /// Deletes rows by their ids, and returns their number.
    ///
    /// Raises:
    ///     InputError: An id that no row has, or that is given twice: then nothing is deleted. Another writer
    ///         is at work.
    fn delete(&self, python: Python<'_>, ids: &Bound<'_, PyAny>) -> PyResult<usize> {
        let ids = strings(ids, "ids")?;
        interruptible(python, None, |interrupt| self.0.delete(&ids, interrupt))
    }

    /// Makes one segment of all rows that are not deleted, which are numbered anew in the same order.
    ///
    /// Raises:
    ///     InputError: A file is damaged, or another writer is at work.
    ///     OSError: The folder can't be written to.
    fn compact(&self, python: Python<'_>) -> PyResult<()> {
        interruptible(python, None, |interrupt| self.0.compact(interrupt))
    }

    /// Compares all checksums of an index in a folder; raises InputError if a file is damaged.
    fn verify(&self, python: Python<'_>) -> PyResult<()> {
        interruptible(python, None, |interrupt| self.0.verify(interrupt))
    }

    /// Takes up what was written to the folder since, and returns whether there was something.
    fn refresh(&self, python: Python<'_>) -> PyResult<bool> {
        let refreshed = python.detach(|| self.0.refresh());
        refreshed.map_err(|error| to_python_error(python, error))
    }

    /// Returns the numbers of all rows that are not deleted, in order.
    fn live_rows<'py>(&self, python: Python<'py>) -> Bound<'py, PyArray1<i64>> {
        let rows = python.detach(|| self.0.snapshot().live_rows());
        new_array(python, rows)
    }

    /// The number of rows that are not deleted.
    fn __len__(&self) -> usize {
        self.0.snapshot().len()
    }

    // An index without rows is still one.
    /// True: an index without rows is still one.
    fn __bool__(&self) -> bool {
        true
    }

    /// The number of rows, deleted ones included.
    #[getter]
    fn rows(&self) -> usize {
        self.0.snapshot().rows()
    }

    /// The width of the vectors.
    #[getter]
    fn dimension(&self) -> usize {
        self.0.snapshot().dimension()
    }

    /// What the vectors are stored as.
    #[getter]
    fn dtype(&self) -> &'static str {
        self.0.snapshot().element().name()
    }

    /// The folder; None for an index in memory.
    #[getter]
    fn path(&self) -> Option<PathBuf> {
        self.0.path().map(|path| path.to_owned())
    }

    /// The names of the metadata columns.
    #[getter]
    fn columns(&self) -> Vec<String> {
        self.0.snapshot().columns().to_vec()
    }

    /// A number that grows with each change.
    #[getter]
    fn generation(&self) -> u64 {
        self.0.snapshot().generation()
    }

    /// The number of segments that a search goes through.
    #[getter]
    fn segments(&self) -> usize {
        self.0.snapshot().segments()
    }

    /// The number of rows that have a filter, which makes their search faster.
    #[getter]
    fn filtered_rows(&self) -> usize {
        self.0.snapshot().filtered_rows()
    }

    /// Bytes of all segments.
    #[getter]
    fn size(&self) -> usize {
        self.0.snapshot().size()
    }

    fn __repr__(&self) -> String {
        let snapshot = self.0.snapshot();
        let place = match self.0.path() {
            Some(path) => path.display().to_string(),
            None => "memory".to_owned(),
        };
        format!(
            "<VectorIndex {} x {} {}, in {place}>",
            snapshot.len(),
            snapshot.dimension(),
            snapshot.element().name()
        )
    }
}

/// Writes a new index in a `with` block.
#[pyclass(frozen, module = "cslir._core")]
struct VectorIndexWriter {
    path: PathBuf,
    dimension: usize,
    element: Element,
    /// From the start of the block to its end.
    open: Mutex<Option<index::IndexWriter>>,
}

impl VectorIndexWriter {
    fn lock(&self) -> MutexGuard<'_, Option<index::IndexWriter>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The writer; it is put back after use, so that no lock is held meanwhile.
    fn take(&self) -> PyResult<index::IndexWriter> {
        self.lock().take().ok_or_else(|| {
            PyValueError::new_err(
                "the writer is not open; use it inside a with block, from one thread",
            )
        })
    }
}

#[pymethods]
impl VectorIndexWriter {
    /// Starts; raises InputError if the folder holds something else, or has another writer.
    fn __enter__<'py>(this: Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
        let writer = this.get();
        let created = index::IndexWriter::create(&writer.path, writer.dimension, writer.element);
        let created = created.map_err(|error| to_python_error(this.py(), error))?;
        *writer.lock() = Some(created);
        Ok(this)
    }

    /// Adds rows; arguments and errors as for `VectorIndex.build`. After an error the writer is closed.
    #[pyo3(signature = (vectors, ids = None, metadata = None))]
    fn add(
        &self,
        python: Python<'_>,
        vectors: &Bound<'_, PyAny>,
        ids: Option<&Bound<'_, PyAny>>,
        metadata: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let given = Given::new(vectors, ids, metadata)?;
        let batch = given.batch()?;
        let mut writer = self.take()?;
        // A writer that failed is gone: a batch may be there in part.
        interruptible(python, None, |interrupt| writer.add(&batch, interrupt))?;
        *self.lock() = Some(writer);
        Ok(())
    }

    /// Completes the index; raises InputError if an id was given twice.
    fn __exit__(
        &self,
        python: Python<'_>,
        kind: &Bound<'_, PyAny>,
        _value: &Bound<'_, PyAny>,
        _traceback: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        if !kind.is_none() {
            self.lock().take();
            return Ok(());
        }
        let writer = self.take()?;
        interruptible(python, None, |interrupt| writer.finish(interrupt)).map(|_| ())
    }

    fn __repr__(&self) -> String {
        format!("<VectorIndexWriter of {}>", self.path.display())
    }
}

fn list(python: Python<'_>, strings: Result<Strings>) -> PyResult<Bound<'_, PyList>> {
    let strings = strings.map_err(|error| to_python_error(python, error))?;
    PyList::new(python, strings.iter())
}
