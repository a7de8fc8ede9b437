//! What the methods of `VectorIndex` are given, as the core takes it.

use numpy::{PyArray1, PyArrayMethods, PyReadonlyArray1, PyUntypedArray};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};

use crate::to_python_error;
use crate::vectors::{ReadableVectors, find_numpy, readable_row};
use exact_topk::Element;
use exact_topk::index::{Batch, Strings, Where};
use foundation::Error;

pub(crate) fn element_of(python: Python<'_>, name: &str) -> PyResult<Element> {
    let found = Element::ALL
        .into_iter()
        .find(|element| element.name() == name);
    found.ok_or_else(|| {
        let names = Element::ALL.map(Element::name).join(", ");
        let error = Error::input(format!("no dtype {name:?}"), format!("give one of {names}"));
        to_python_error(python, error)
    })
}

/// What a batch borrows.
pub(crate) struct Given<'py> {
    vectors: ReadableVectors<'py>,
    ids: Option<Strings>,
    metadata: Vec<(String, Strings)>,
}

impl<'py> Given<'py> {
    pub(crate) fn new(
        vectors: &Bound<'py, PyAny>,
        ids: Option<&Bound<'py, PyAny>>,
        metadata: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Self> {
        let vectors = ReadableVectors::new(vectors, "vectors")?;
        let ids = ids.map(|ids| strings(ids, "ids")).transpose()?;
        let mut columns = Vec::new();
        if let Some(metadata) = metadata {
            let given = metadata.cast::<PyDict>().map_err(|_| {
                let message = "metadata must be a dict from column to a sequence of strings";
                PyTypeError::new_err(message)
            })?;
            for (name, values) in given {
                let name: String = name.extract()?;
                let values = strings(&values, &format!("metadata[{name:?}]"))?;
                columns.push((name, values));
            }
        }
        Ok(Given {
            vectors,
            ids,
            metadata: columns,
        })
    }

    pub(crate) fn batch(&self) -> PyResult<Batch<'_>> {
        Ok(Batch {
            vectors: self.vectors.matrix()?,
            ids: self.ids.as_ref(),
            metadata: &self.metadata,
        })
    }
}

/// What `where` says.
pub(crate) enum Chosen<'py> {
    All,
    /// The bytes of an array of bool.
    Flags(PyReadonlyArray1<'py, u8>),
    Metadata(Vec<(String, Vec<String>)>),
}

impl<'py> Chosen<'py> {
    pub(crate) fn new(given: Option<&Bound<'py, PyAny>>) -> PyResult<Self> {
        let Some(given) = given else {
            return Ok(Chosen::All);
        };
        find_numpy(given.py());
        if given.cast::<PyUntypedArray>().is_ok() {
            readable_row::<bool>(given, "where")?;
            // As bytes: an array of bool can hold others than 0 and 1, which are no bool of ours.
            let bytes = given.call_method1("view", ("uint8",))?;
            return Ok(Chosen::Flags(readable_row::<u8>(&bytes, "where")?));
        }
        let Ok(columns) = given.cast::<PyDict>() else {
            let kind = given.get_type().name()?;
            return Err(PyTypeError::new_err(format!(
                "where must be a dict from column to wanted values, or a numpy array of bool, not {kind}"
            )));
        };
        let mut chosen = Vec::with_capacity(columns.len());
        for (name, values) in columns {
            let name: String = name.extract()?;
            let values = match values.cast::<PyString>() {
                Ok(value) => vec![value.to_str()?.to_owned()],
                Err(_) => {
                    let values = strings(&values, &format!("where[{name:?}]"))?;
                    values.iter().map(str::to_owned).collect()
                }
            };
            chosen.push((name, values));
        }
        Ok(Chosen::Metadata(chosen))
    }

    pub(crate) fn rows(&self) -> PyResult<Where<'_>> {
        Ok(match self {
            Chosen::All => Where::All,
            Chosen::Flags(bytes) => {
                let flags = bytemuck::checked::try_cast_slice(bytes.as_slice()?).map_err(|_| {
                    let error = Error::input(
                        "where holds bytes other than those of True and False",
                        "call where.view(\"uint8\") != 0",
                    );
                    to_python_error(bytes.py(), error)
                })?;
                Where::Flags(flags)
            }
            Chosen::Metadata(columns) => Where::Metadata(columns),
        })
    }
}

/// A sequence of `str`. A `str`, which is one of its characters, is a mistake of the caller.
pub(crate) fn strings(given: &Bound<'_, PyAny>, name: &str) -> PyResult<Strings> {
    let wrong = |what: &str, remedy: &str| {
        PyTypeError::new_err(format!(
            "{name} must be a sequence of str, not {what}; {remedy}"
        ))
    };
    if given.is_instance_of::<PyString>() || given.is_instance_of::<PyBytes>() {
        return Err(wrong("a single one", "put it into a list"));
    }
    let Ok(items) = given.try_iter() else {
        let kind = given.get_type().name()?.to_string();
        return Err(wrong(&kind, "put them into a list"));
    };
    let mut all = Strings::new();
    for (row, item) in items.enumerate() {
        let item = item?;
        let Ok(item) = item.cast::<PyString>() else {
            let kind = item.get_type().name()?.to_string();
            return Err(wrong(
                &format!("of {kind} (row {row})"),
                "call str() on each",
            ));
        };
        let text = item.to_str().map_err(|_| {
            let message = format!("{name}: row {row} is not valid Unicode");
            to_python_error(
                given.py(),
                Error::input(message, "remove its lone surrogates"),
            )
        })?;
        all.push(text);
    }
    Ok(all)
}

/// Row numbers: a one-dimensional array of int64, as a search gives, or a sequence of int.
pub(crate) fn row_numbers(given: &Bound<'_, PyAny>) -> PyResult<Vec<i64>> {
    find_numpy(given.py());
    if given.cast::<PyArray1<i64>>().is_ok() {
        let rows = given.cast::<PyArray1<i64>>()?.try_readonly()?;
        return Ok(rows.as_array().iter().copied().collect());
    }
    given.extract().map_err(|_| {
        PyTypeError::new_err(
            "rows must be a one-dimensional array or a sequence of int; call rows[0] or rows.ravel()",
        )
    })
}
