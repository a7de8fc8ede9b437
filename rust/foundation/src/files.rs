//! Opening the files of folders and maps: a pipe in such a place would wait for a writer for ever.
//!
//! What is no file is an error of the kind `InvalidInput`, which is none of the system's.

use std::fs::File;
use std::io::{Error, ErrorKind, Read as _, Result};
use std::path::Path;

/// Opens a file.
pub fn open(path: &Path) -> Result<File> {
    require(path)?;
    File::open(path)
}

/// Refuses what is there and no file.
pub fn require(path: &Path) -> Result<()> {
    let what = match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => return Ok(()),
        Ok(metadata) if metadata.is_dir() => "is a folder, a file is needed",
        Ok(_) => "is a pipe or a device, a file is needed",
        Err(error) if error.kind() == ErrorKind::NotFound || !path.is_symlink() => {
            return Err(error);
        }
        Err(_) => "is a link that leads nowhere, a file is needed",
    };
    Err(Error::new(ErrorKind::InvalidInput, what))
}

/// Reads a file.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}
