//! Opening the files of folders and maps: a pipe in such a place would wait for a writer for ever.

use std::fs::File;
use std::io::{Error, ErrorKind, Read as _, Result};
use std::path::Path;

/// Opens a file that is no pipe and no device.
pub(crate) fn open(path: &Path) -> Result<File> {
    let metadata = std::fs::metadata(path)?;
    if metadata.is_file() || metadata.is_dir() {
        return File::open(path);
    }
    Err(Error::new(
        ErrorKind::InvalidInput,
        "is a pipe or a device, a file is needed",
    ))
}

/// Reads a file that is no pipe and no device.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}
