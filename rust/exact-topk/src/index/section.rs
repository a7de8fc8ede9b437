//! Bytes that never change: a part of a mapped file, or of memory of our own.

use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use memmap2::{Mmap, MmapMut};
use rayon::prelude::*;

use crate::Interrupt;
use crate::{Error, Result};
use foundation::hash::checksum;
use foundation::memory;

/// What the start of every section is a multiple of: a cache line.
pub(super) const ALIGNMENT: usize = 64;

/// Bytes whose checksum is taken in one go.
const PIECE: usize = 1 << 20;

/// A part of a map, which lives as long as its sections do.
#[derive(Clone, Debug)]
pub(super) struct Section {
    map: Arc<Mmap>,
    range: Range<usize>,
}

impl Section {
    /// A part of a map; `None` where it does not lie within, or starts at an odd place.
    pub(super) fn new(map: &Arc<Mmap>, start: usize, length: usize) -> Option<Section> {
        let range = start..start.checked_add(length)?;
        let lies_within = start.is_multiple_of(ALIGNMENT) && map.get(range.clone()).is_some();
        lies_within.then(|| Section {
            map: Arc::clone(map),
            range,
        })
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.map.get(self.range.clone()).unwrap_or_default()
    }

    /// The bytes, for a holder that keeps the section as long as it uses them.
    ///
    /// # Safety
    ///
    /// Nothing may use the bytes after the last clone of this section is gone.
    pub(super) unsafe fn bytes_of_unbound_lifetime(&self) -> &'static [u8] {
        // SAFETY: a map stays at its address and unchanged until it is dropped, which the sections put off;
        // that none is used after is the caller's promise.
        unsafe { std::mem::transmute::<&[u8], &'static [u8]>(self.bytes()) }
    }
}

/// Maps a file for reading.
pub(super) fn map_file(file: &File, path: &Path) -> Result<Mmap> {
    // SAFETY: the map is read-only. Files of an index are never written to after the manifest names them:
    // they are replaced by files of other names, and removed. All reads of the map are bounds-checked.
    unsafe { Mmap::map(file) }.map_err(|source| failed(path, source))
}

/// Maps a file that its writer, and nobody else, is about to complete.
pub(super) fn map_file_to_write(file: &File, path: &Path) -> Result<MmapMut> {
    // SAFETY: the writer holds the lock of the folder, and no manifest names the file as yet.
    unsafe { MmapMut::map_mut(file) }.map_err(|source| failed(path, source))
}

/// Memory for an index that has no folder, all zeros; pages that are not touched cost nothing.
pub(super) fn map_memory(length: usize) -> Result<MmapMut> {
    memory::map(
        length,
        "give the index a folder: it is then mapped, not held in memory",
    )
}

/// The memory, complete.
pub(super) fn read_only(map: MmapMut) -> Result<Mmap> {
    map.make_read_only()
        .map_err(|source| failed(Path::new("memory"), source))
}

pub(super) fn failed(path: &Path, source: std::io::Error) -> Error {
    // Not the operating system's error, but one of `foundation::files`.
    if source.kind() == std::io::ErrorKind::InvalidInput && source.raw_os_error().is_none() {
        return Error::input(source.to_string(), "build the index again").in_file(path);
    }
    Error::Io {
        path: path.to_owned(),
        source,
    }
}

/// The checksum of bytes of any length, by all threads of the pool.
pub(super) fn checksum_of(bytes: &[u8], interrupt: &Interrupt) -> Result<u64> {
    let pieces = bytes
        .par_chunks(PIECE)
        .map(|piece| interrupt.check().map(|()| checksum(piece).to_le_bytes()))
        .collect::<Result<Vec<_>>>()?;
    Ok(checksum(pieces.as_flattened()))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_le_bytes(*word))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    let word = bytes.get(at..)?.first_chunk()?;
    Some(u64::from_le_bytes(*word))
}

/// A number of 64 bits that counts bytes or rows of this machine.
pub(super) fn size_at(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u64_at(bytes, at)?).ok()
}
