//! Bytes that are collected while rows come in, in memory or in a file beside the segment.

use std::fs::File;
use std::io::{BufWriter, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use crate::Result;

use super::section::failed;

/// Bytes that come one after the other, and are read once at the end.
#[derive(Debug)]
pub(super) enum Spool {
    Memory(Vec<u8>),
    File(SpoolFile),
}

/// A file that is removed when it is dropped.
#[derive(Debug)]
pub(super) struct SpoolFile {
    path: PathBuf,
    file: BufWriter<File>,
    length: usize,
}

impl Spool {
    /// In memory if there is no path.
    pub(super) fn new(path: Option<PathBuf>) -> Result<Spool> {
        let Some(path) = path else {
            return Ok(Spool::Memory(Vec::new()));
        };
        Ok(Spool::File(SpoolFile {
            file: BufWriter::new(create(&path)?),
            path,
            length: 0,
        }))
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        match self {
            Spool::Memory(all) => all.extend_from_slice(bytes),
            Spool::File(spool) => {
                let written = spool.file.write_all(bytes);
                written.map_err(|source| failed(&spool.path, source))?;
                spool.length += bytes.len();
            }
        }
        Ok(())
    }

    /// Bytes that were written.
    pub(super) fn len(&self) -> usize {
        match self {
            Spool::Memory(all) => all.len(),
            Spool::File(spool) => spool.length,
        }
    }

    /// Copies all bytes; `out` has room for just them.
    pub(super) fn read_into(self, out: &mut [u8]) -> Result<()> {
        match self {
            Spool::Memory(all) => out.copy_from_slice(&all),
            Spool::File(mut spool) => {
                let mut read = || {
                    spool.file.flush()?;
                    let file = spool.file.get_mut();
                    file.seek(SeekFrom::Start(0))?;
                    file.read_exact(out)
                };
                read().map_err(|source| failed(&spool.path, source))?;
            }
        }
        Ok(())
    }
}

impl Drop for SpoolFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// A new file for reading and writing. One of that name, left by a writer that was killed, goes away; readers
/// that have it mapped keep what they have.
pub(super) fn create(path: &Path) -> Result<File> {
    let _ = std::fs::remove_file(path);
    File::options()
        .read(true)
        .write(true)
        .create_new(true)
        .open(path)
        .map_err(|source| failed(path, source))
}
