//! Arrow arrays in and out of Python, through the capsules of the Arrow PyCapsule interface.
//!
//! The interface is a promise between libraries: who hands a capsule out vouches that the structures in it
//! are those of the Arrow C data interface. Whatever can be checked beyond that is checked here.

use std::ffi::CStr;
use std::ptr::NonNull;

use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema, from_ffi};
use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{Array as _, ArrayRef, make_array};
use arrow_schema::{ArrowError, Field};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyTuple};

const SCHEMA: &CStr = c"arrow_schema";
const ARRAY: &CStr = c"arrow_array";
const STREAM: &CStr = c"arrow_array_stream";

/// The array, or all arrays of the stream, that a Python object offers; its memory is shared, not copied.
pub(crate) fn import(object: &Bound<'_, PyAny>, name: &str) -> PyResult<Vec<ArrayRef>> {
    let arrays = if object.hasattr("__arrow_c_array__")? {
        let capsules = object.call_method0("__arrow_c_array__")?;
        let (schema, array): (Bound<'_, PyCapsule>, Bound<'_, PyCapsule>) = capsules.extract()?;
        vec![import_array(&schema, &array).map_err(|error| unreadable(name, &error))?]
    } else if object.hasattr("__arrow_c_stream__")? {
        let capsule = object.call_method0("__arrow_c_stream__")?;
        import_stream(capsule.cast::<PyCapsule>()?, name)?
    } else {
        let given = object.get_type().name()?;
        return Err(PyTypeError::new_err(format!(
            "{name} must be an Arrow array, not {given}; call pyarrow.array({name})"
        )));
    };
    // The slice of no rows of a longer column comes without that column's values, and would be refused.
    for array in arrays.iter().filter(|array| !array.is_empty()) {
        let checked = array.to_data().validate_full();
        checked.map_err(|error| unreadable(name, &Failure::Arrow(error)))?;
    }
    Ok(arrays)
}

/// What `__arrow_c_array__` returns for an array.
pub(crate) fn export<'py>(python: Python<'py>, array: &ArrayRef) -> PyResult<Bound<'py, PyTuple>> {
    let data = array.to_data();
    let field = Field::new("", data.data_type().clone(), true);
    let schema = FFI_ArrowSchema::try_from(&field)
        .map_err(|error| PyValueError::new_err(error.to_string()))?;
    let schema = PyCapsule::new_with_value(python, schema, SCHEMA)?;
    let array = PyCapsule::new_with_value(python, FFI_ArrowArray::new(&data), ARRAY)?;
    PyTuple::new(python, [schema, array])
}

/// Why a capsule could not be read.
enum Failure {
    Python(PyErr),
    Arrow(ArrowError),
    Stream(i32),
    /// Its contents were moved out before.
    Used,
}

impl From<PyErr> for Failure {
    fn from(error: PyErr) -> Self {
        Failure::Python(error)
    }
}

impl From<ArrowError> for Failure {
    fn from(error: ArrowError) -> Self {
        Failure::Arrow(error)
    }
}

fn unreadable(name: &str, failure: &Failure) -> PyErr {
    let why = match failure {
        Failure::Python(error) => error.to_string(),
        Failure::Arrow(error) => error.to_string(),
        Failure::Stream(code) => format!("the stream ended with error {code}"),
        Failure::Used => "its capsule was read before, which can be done once".to_owned(),
    };
    PyValueError::new_err(format!("{name} is no readable Arrow data: {why}"))
}

fn import_array(
    schema: &Bound<'_, PyCapsule>,
    array: &Bound<'_, PyCapsule>,
) -> Result<ArrayRef, Failure> {
    let schema: NonNull<FFI_ArrowSchema> = schema.pointer_checked(Some(SCHEMA))?.cast();
    let array: NonNull<FFI_ArrowArray> = array.pointer_checked(Some(ARRAY))?.cast();
    // SAFETY: capsules of these names hold these structures. The array is moved out, which leaves a released
    // one behind for the capsule's destructor; the schema is only read, and its capsule outlives this call.
    let array = unsafe { FFI_ArrowArray::from_raw(array.as_ptr()) };
    if array.is_released() {
        return Err(Failure::Used);
    }
    // SAFETY: as above.
    let data = unsafe { from_ffi(array, schema.as_ref()) }?;
    Ok(make_array(data))
}

fn import_stream(capsule: &Bound<'_, PyCapsule>, name: &str) -> PyResult<Vec<ArrayRef>> {
    let read = || -> Result<Vec<ArrayRef>, Failure> {
        let stream: NonNull<FFI_ArrowArrayStream> = capsule.pointer_checked(Some(STREAM))?.cast();
        // SAFETY: a capsule of this name holds this structure, which is moved out as above.
        let mut stream = unsafe { FFI_ArrowArrayStream::from_raw(stream.as_ptr()) };
        let mut schema = FFI_ArrowSchema::empty();
        if stream.release.is_none() {
            return Err(Failure::Used);
        }
        let get_schema = stream.get_schema.ok_or(Failure::Stream(0))?;
        // SAFETY: the stream is not released, and `schema` is there to be written to.
        let code = unsafe { get_schema(&mut stream, &mut schema) };
        if code != 0 {
            return Err(Failure::Stream(code));
        }
        let get_next = stream.get_next.ok_or(Failure::Stream(0))?;
        let mut arrays = Vec::new();
        loop {
            let mut array = FFI_ArrowArray::empty();
            // SAFETY: as for the schema.
            let code = unsafe { get_next(&mut stream, &mut array) };
            if code != 0 {
                return Err(Failure::Stream(code));
            }
            if array.is_released() {
                return Ok(arrays);
            }
            // SAFETY: the stream gave the array with this schema.
            arrays.push(make_array(unsafe { from_ffi(array, &schema) }?));
        }
    };
    read().map_err(|failure| unreadable(name, &failure))
}
