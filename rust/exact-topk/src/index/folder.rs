//! An index folder: many readers, one writer at a time, and a manifest that is replaced by renaming.

use std::collections::HashSet;
use std::fs::{File, TryLockError};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::bitmap::Bitmap;
use crate::{Error, Result};
use foundation::files;
use foundation::hash::checksum;

use super::format::damaged;
use super::manifest::{
    DeletedEntry, LOCK, MANIFEST, Manifest, SegmentEntry, deleted_name, is_ours, partial_name,
    segment_name,
};
use super::section::failed;
use super::segment::Segment;
use super::snapshot::{Deleted, Member, Snapshot};

/// The only writer of a folder.
#[derive(Debug)]
pub(super) struct Writing {
    folder: PathBuf,
    /// Holds the lock until it is closed.
    _lock: File,
    /// Whether there was no index, and none was committed yet.
    is_new: bool,
    /// Whether the folder was made for this writer.
    made_folder: bool,
}

/// Opens what the newest manifest of a folder names; segments that `known` has open are shared.
///
/// # Errors
///
/// There is no index, or it is damaged.
pub(super) fn read(folder: &Path, known: Option<&Snapshot>) -> Result<Snapshot> {
    let mut manifest = Manifest::read(folder)?;
    loop {
        let missing = match open(folder, &manifest, known) {
            Err(Error::Io { path, source }) if source.kind() == ErrorKind::NotFound => path,
            opened => return opened,
        };
        // A writer may have replaced the manifest since we read it, and removed what the old one named.
        let newer = Manifest::read(folder)?;
        if newer.generation == manifest.generation {
            return Err(damaged("a file is missing").in_file(&missing));
        }
        manifest = newer;
    }
}

fn open(folder: &Path, manifest: &Manifest, known: Option<&Snapshot>) -> Result<Snapshot> {
    let mut members = Vec::with_capacity(manifest.segments.len());
    for entry in &manifest.segments {
        let known = known.and_then(|known| known.segment(entry.number, entry.checksum));
        let path = folder.join(entry.file_name());
        let segment = match known {
            Some(segment) => segment,
            None => Arc::new(Segment::open(&path)?),
        };
        require_named(&segment, manifest, entry).map_err(|error| error.in_file(&path))?;
        let deleted = match (&entry.deleted, entry.deleted_name()) {
            (Some(deleted), Some(name)) => {
                let path = folder.join(name);
                let bytes = files::read(&path).map_err(|source| failed(&path, source))?;
                let read = Deleted::read(&bytes, entry.rows, deleted);
                Some(read.map_err(|error| error.in_file(&path))?)
            }
            _ => None,
        };
        members.push(Member::new(segment, entry.number, deleted));
    }
    Ok(Snapshot::new(manifest, members))
}

fn require_named(segment: &Segment, manifest: &Manifest, entry: &SegmentEntry) -> Result<()> {
    let names = segment.columns().iter().map(|column| &column.name);
    let is_named = segment.rows() == entry.rows
        && segment.checksum() == entry.checksum
        && segment.dimension() == manifest.dimension
        && segment.element() == manifest.element
        && names.eq(&manifest.columns);
    if is_named {
        return Ok(());
    }
    Err(damaged("not the segment that the manifest names"))
}

impl Deleted {
    fn read(bytes: &[u8], rows: usize, entry: &DeletedEntry) -> Result<Deleted> {
        let (words, rest) = bytes.as_chunks();
        let words = words.iter().map(|word| u64::from_le_bytes(*word)).collect();
        let is_whole = rest.is_empty() && checksum(bytes) == entry.checksum;
        let rows = Bitmap::from_words(words, rows).filter(|_| is_whole);
        Ok(Deleted {
            rows: Arc::new(rows.ok_or_else(|| damaged("wrong checksum of deleted rows"))?),
            generation: entry.generation,
        })
    }

    fn bytes(&self) -> Vec<u8> {
        let words = self.rows.words().iter();
        words.flat_map(|word| word.to_le_bytes()).collect()
    }
}

/// The bytes of a segment's file, and of that of its deleted rows if there are some.
pub type SegmentImage = (Vec<u8>, Option<Vec<u8>>);

pub(super) fn to_images(snapshot: &Snapshot) -> (Vec<u8>, Vec<SegmentImage>) {
    let images = snapshot.members().iter().map(|member| {
        let deleted = member.deleted.as_ref().map(Deleted::bytes);
        (member.segment.bytes(), deleted)
    });
    (manifest_of(snapshot).bytes(), images.collect())
}

pub(super) fn of_images(manifest: &[u8], images: &[SegmentImage]) -> Result<Snapshot> {
    let manifest = Manifest::parse(manifest)?;
    if images.len() != manifest.segments.len() {
        return Err(damaged("a segment is missing"));
    }
    let mut members = Vec::with_capacity(images.len());
    for (entry, (segment, deleted)) in manifest.segments.iter().zip(images) {
        let segment = Segment::of_bytes(segment)?;
        require_named(&segment, &manifest, entry)?;
        let deleted = match &entry.deleted {
            Some(named) => {
                let bytes = deleted.as_deref().unwrap_or_default();
                Some(Deleted::read(bytes, entry.rows, named)?)
            }
            None => None,
        };
        members.push(Member::new(Arc::new(segment), entry.number, deleted));
    }
    Ok(Snapshot::new(&manifest, members))
}

fn manifest_of(snapshot: &Snapshot) -> Manifest {
    let segments = snapshot.members().iter().map(|member| SegmentEntry {
        number: member.number,
        rows: member.segment.rows(),
        checksum: member.segment.checksum(),
        deleted: member.deleted.as_ref().map(|deleted| DeletedEntry {
            generation: deleted.generation,
            checksum: checksum(&deleted.bytes()),
        }),
    });
    Manifest {
        generation: snapshot.generation,
        element: snapshot.element,
        dimension: snapshot.dimension,
        columns: snapshot.columns.clone(),
        next_number: snapshot.next_number,
        next_segment: snapshot.next_segment,
        segments: segments.collect(),
    }
}

impl Writing {
    /// Becomes the writer of a folder that holds an index.
    ///
    /// # Errors
    ///
    /// Another writer is at work, or the folder can't be written to.
    pub(super) fn start(folder: &Path) -> Result<Writing> {
        let lock = lock(folder)?;
        Ok(Writing {
            folder: folder.to_owned(),
            _lock: lock,
            is_new: false,
            made_folder: false,
        })
    }

    /// Becomes the writer of a folder that is to hold a new index. One that it holds stays until the new one is
    /// committed; its last generation and the next number of a segment are given back.
    ///
    /// # Errors
    ///
    /// The folder holds something else, another writer is at work, or it can't be written to.
    pub(super) fn start_new(folder: &Path) -> Result<(Writing, u64, u64)> {
        let io = |source| failed(folder, source);
        refuse_foreign(folder)?;
        let is_new = !folder.join(MANIFEST).exists();
        let made_folder = !folder.exists();
        std::fs::create_dir_all(folder).map_err(io)?;
        let mut writing = Self::start(folder)?;
        writing.is_new = is_new;
        writing.made_folder = made_folder;
        // A damaged index may be replaced, too.
        let old = Manifest::read(folder).ok();
        let (generation, next) = old.map_or((0, 1), |old| (old.generation, old.next_segment));
        Ok((writing, generation, next))
    }

    /// Where a segment goes.
    pub(super) fn segment_path(&self, number: u64) -> PathBuf {
        self.folder.join(segment_name(number))
    }

    /// Makes a snapshot, the segments of which are written, the newest of the folder.
    pub(super) fn commit(&mut self, snapshot: &Snapshot) -> Result<()> {
        for member in snapshot.members() {
            if let Some(deleted) = &member.deleted
                && deleted.generation == snapshot.generation
            {
                let name = deleted_name(member.number, deleted.generation);
                write_file(&self.folder.join(name), &deleted.bytes())?;
            }
        }
        let manifest = manifest_of(snapshot);
        // What the manifest names is in the folder before the manifest is.
        sync_folder(&self.folder)?;
        let partial = self.folder.join(partial_name());
        write_file(&partial, &manifest.bytes())?;
        let path = self.folder.join(MANIFEST);
        std::fs::rename(&partial, &path).map_err(|source| failed(&path, source))?;
        sync_folder(&self.folder)?;
        if self.made_folder
            && let Some(parent) = self.folder.parent()
        {
            sync_folder(parent)?;
        }
        self.is_new = false;
        self.clean(Some(&manifest));
        Ok(())
    }

    /// Removes files of ours that the manifest does not name: old ones, and what killed writers left. Readers
    /// that have them open keep them. What can't be removed now is left to the next writer.
    fn clean(&self, manifest: Option<&Manifest>) {
        let segments = manifest
            .map(|manifest| manifest.segments.as_slice())
            .unwrap_or_default();
        let kept: HashSet<String> = segments
            .iter()
            .flat_map(|entry| [Some(entry.file_name()), entry.deleted_name()])
            .flatten()
            .collect();
        for entry in std::fs::read_dir(&self.folder)
            .into_iter()
            .flatten()
            .flatten()
        {
            let name = entry.file_name();
            if name
                .to_str()
                .is_some_and(|name| is_ours(name) && !kept.contains(name))
            {
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }
}

impl Drop for Writing {
    /// A folder without an index is no index folder: nothing of ours stays in it.
    fn drop(&mut self) {
        if self.is_new {
            self.clean(None);
            let _ = std::fs::remove_file(self.folder.join(LOCK));
            if self.made_folder {
                let _ = std::fs::remove_dir(&self.folder);
            }
        }
    }
}

pub(super) fn another_writer() -> Error {
    Error::input("another writer is changing this index", "wait for its end")
}

fn lock(folder: &Path) -> Result<File> {
    let path = folder.join(LOCK);
    match files::require(&path) {
        Err(source) if source.kind() != ErrorKind::NotFound => return Err(failed(&path, source)),
        _ => {}
    }
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path);
    let file = file.map_err(|source| failed(&path, source))?;
    // Other failures: the file system has no locks.
    if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
        return Err(another_writer().in_file(folder));
    }
    Ok(file)
}

fn refuse_foreign(folder: &Path) -> Result<()> {
    if !folder.exists() || folder.join(MANIFEST).exists() {
        return Ok(());
    }
    let entries = std::fs::read_dir(folder).map_err(|source| match source.kind() {
        ErrorKind::NotADirectory => {
            Error::input("is a file, a folder is needed", "name another folder").in_file(folder)
        }
        _ => failed(folder, source),
    })?;
    let is_foreign = |name: &std::ffi::OsStr| {
        name.to_str()
            .is_none_or(|name| name != LOCK && !is_ours(name))
    };
    if entries
        .flatten()
        .any(|entry| is_foreign(&entry.file_name()))
    {
        return Err(Error::input(
            "is not empty and holds no index of ours",
            "name a new or an empty folder",
        )
        .in_file(folder));
    }
    Ok(())
}

/// So that new names in it outlast a power failure.
fn sync_folder(folder: &Path) -> Result<()> {
    // Some systems can't open folders, and need not.
    let Ok(opened) = File::open(folder) else {
        return Ok(());
    };
    opened.sync_all().map_err(|source| failed(folder, source))
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    let write = || -> std::io::Result<()> {
        let mut file = File::create(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(|source| failed(path, source))
}
