//! Switching of Arrow string columns, read in place.

use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::{Array as _, ArrayRef, GenericStringArray, OffsetSizeTrait};
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::DataType;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyTuple};
use rayon::prelude::*;

use crate::capsules::{export, import};
use crate::interruptible::interruptible;
use crate::switcher::{SwitchCounts, Switcher};
use crate::to_python_error;
use foundation::Interrupt;
use foundation::{Error, Result};
use switching::switch::{self, Counts, NamedText, Scratch, SwitchedTexts, TextId};

/// Texts switched between two looks at the interrupt.
const TEXTS_PER_PIECE: usize = 64;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<ArrowStrings>()
}

/// A column of strings for any library that reads Arrow.
#[pyclass(frozen, module = "cslir._core")]
struct ArrowStrings(ArrayRef);

#[pymethods]
impl ArrowStrings {
    /// The type asked for is a wish, after the interface; the reader casts where it needs another.
    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_array__<'py>(
        &self,
        python: Python<'py>,
        requested_schema: Option<Bound<'py, PyCapsule>>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let _ = requested_schema;
        export(python, &self.0)
    }

    /// The number of strings.
    fn __len__(&self) -> usize {
        self.0.len()
    }

    fn __repr__(&self) -> String {
        format!("<ArrowStrings, {} texts>", self.0.len())
    }
}

#[pymethods]
impl Switcher {
    /// Switches a column of strings that lies in Arrow memory, without copying it.
    ///
    /// Gives the strings of `switch_batch`; a null text stays null. Columns may be `string`,
    /// `large_string` or `string_view`, in one piece or in chunks (pyarrow, polars, pandas, DuckDB).
    ///
    /// Returns:
    ///     column: For `pyarrow.array(column)` or `polars.Series(column)`; of the type `string` if
    ///         `texts` are, else `large_string`.
    ///     counts: As for `switch_batch`.
    ///
    /// Raises:
    ///     InputError: The lengths differ, the record id of a text is null, or the column grows beyond
    ///         what `string` can hold.
    ///     TypeError: A column is no Arrow data or not of strings.
    ///     ValueError: A column is damaged.
    #[pyo3(signature = (texts, record_ids, *, field = "text", epoch = 0, threads = None))]
    fn switch_arrow(
        &self,
        python: Python<'_>,
        texts: &Bound<'_, PyAny>,
        record_ids: &Bound<'_, PyAny>,
        field: &str,
        epoch: u64,
        threads: Option<usize>,
    ) -> PyResult<(ArrowStrings, SwitchCounts)> {
        let text_arrays = import(texts, "texts")?;
        let id_arrays = import(record_ids, "record_ids")?;
        let texts = strings(&text_arrays, "texts")?;
        let record_ids = strings(&id_arrays, "record_ids")?;
        let rows = named(&texts, &record_ids, field, epoch)
            .map_err(|error| to_python_error(python, error))?;
        let small = text_arrays
            .first()
            .is_some_and(|array| *array.data_type() == DataType::Utf8);
        let (switched, counts) = interruptible(python, threads, |interrupt| {
            let (pieces, counts) = switch_rows(&self.0, &rows, interrupt)?;
            let column = if small {
                column::<i32>(&rows, &pieces)
            } else {
                column::<i64>(&rows, &pieces)
            };
            Ok((column?, counts))
        })?;
        Ok((ArrowStrings(switched), self.counts(&counts)))
    }
}

/// The strings of a column where they lie.
fn strings<'a>(arrays: &'a [ArrayRef], name: &str) -> PyResult<Vec<Option<&'a str>>> {
    let mut strings = Vec::with_capacity(arrays.iter().map(|array| array.len()).sum());
    for array in arrays {
        match array.data_type() {
            DataType::Utf8 => strings.extend(array.as_string::<i32>()),
            DataType::LargeUtf8 => strings.extend(array.as_string::<i64>()),
            DataType::Utf8View => strings.extend(array.as_string_view()),
            other => {
                return Err(PyTypeError::new_err(format!(
                    "{name} must be an Arrow array of strings, not of {other}; cast it to string"
                )));
            }
        }
    }
    Ok(strings)
}

/// The texts with their names; null where the text is.
fn named<'a>(
    texts: &[Option<&'a str>],
    record_ids: &[Option<&'a str>],
    field: &'a str,
    epoch: u64,
) -> Result<Vec<Option<NamedText<'a>>>> {
    switch::require_ids(texts.len(), record_ids.len())?;
    let rows = texts.iter().zip(record_ids).enumerate();
    rows.map(|(row, (text, record_id))| {
        let Some(text) = *text else { return Ok(None) };
        let Some(record_id) = *record_id else {
            return Err(Error::input(
                format!("record id {row} (from 0) is null"),
                "give each text the id of its record",
            ));
        };
        let id = TextId {
            record_id,
            field,
            epoch,
        };
        Ok(Some(NamedText { text, id }))
    })
    .collect()
}

fn switch_rows(
    switcher: &switch::Switcher,
    rows: &[Option<NamedText<'_>>],
    interrupt: &Interrupt,
) -> Result<(Vec<SwitchedTexts>, Counts)> {
    let none = || Counts::new(switcher.lexicons().len());
    let switch_piece = |scratch: &mut Scratch, rows: &[Option<NamedText<'_>>]| {
        interrupt.check()?;
        let texts: Vec<NamedText<'_>> = rows.iter().flatten().copied().collect();
        let (mut switched, mut counts) = (SwitchedTexts::default(), none());
        switcher.switch_texts(&texts, scratch, &mut switched, &mut counts, None)?;
        Ok((switched, counts))
    };
    let pieces: Vec<(SwitchedTexts, Counts)> = rows
        .par_chunks(TEXTS_PER_PIECE)
        .map_init(Scratch::default, switch_piece)
        .collect::<Result<_>>()?;
    let mut total = none();
    let take = |(switched, counts): (SwitchedTexts, Counts)| {
        total.add(&counts);
        switched
    };
    Ok((pieces.into_iter().map(take).collect(), total))
}

/// One column of the switched texts, null where the input is.
fn column<O: OffsetSizeTrait>(
    rows: &[Option<NamedText<'_>>],
    pieces: &[SwitchedTexts],
) -> Result<ArrayRef> {
    let too_long = || {
        Error::input(
            "the switched texts are longer than a string column can be",
            "cast texts to large_string, or switch fewer at a time",
        )
    };
    let mut switched = pieces.iter().flat_map(SwitchedTexts::iter);
    let mut values = Vec::new();
    let mut offsets = Vec::with_capacity(rows.len() + 1);
    offsets.push(O::default());
    for row in rows {
        if row.is_some() {
            values.extend_from_slice(switched.next().unwrap_or_default().as_bytes());
        }
        offsets.push(O::from_usize(values.len()).ok_or_else(too_long)?);
    }
    let nulls = NullBuffer::from_iter(rows.iter().map(Option::is_some));
    let column = GenericStringArray::<O>::try_new(
        OffsetBuffer::new(ScalarBuffer::from(offsets)),
        Buffer::from_vec(values),
        (nulls.null_count() > 0).then_some(nulls),
    );
    let column = column.map_err(|error| Error::input(error.to_string(), ""))?;
    Ok(Arc::new(column))
}
