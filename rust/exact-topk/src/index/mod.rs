//! Vectors on disk or in memory, with ids and metadata: built, searched, appended to, deleted from.
//!
//! An index is a list of *segments*, which never change (`segment.rs`; their file is described in `format.rs`),
//! and for each the set of its rows that are deleted. Appending adds a segment; compacting replaces all by one
//! of the live rows. In a folder a small *manifest* names what belongs to the index (`manifest.rs`); writing
//! ends with renaming a new manifest over the old one, so that a writer that is killed changes nothing.
//! A [`Snapshot`] is what one manifest names, opened: searches go through one, whatever is written meanwhile.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, TryLockError};

use crate::Element;
use crate::Interrupt;
use crate::bitmap::Bitmap;
use crate::{Error, Result};

mod batch;
mod columns;
mod folder;
mod format;
mod ids;
mod manifest;
mod rest;
mod section;
mod segment;
mod segment_writer;
mod snapshot;
mod spool;
mod strings;
#[cfg(test)]
mod tests;
mod writer;

pub use batch::Batch;
pub use folder::SegmentImage;
pub use format::FORMAT_VERSION;
#[cfg(any(fuzzing, test))]
pub use format::mend;
pub use manifest::is_index_file;
pub use snapshot::{Hits, Snapshot, Where};
pub use strings::Strings;
pub use writer::IndexWriter;

use batch::numbered;
use folder::Writing;
use segment_writer::SegmentWriter;
use snapshot::{Deleted, Member};

/// Rows that are copied between two looks at the interrupt.
const ROWS_AT_A_TIME: usize = 4096;

/// An index that may be changed.
#[derive(Debug)]
pub struct Index {
    home: Home,
    snapshot: RwLock<Arc<Snapshot>>,
}

#[derive(Debug)]
enum Home {
    /// The lock is for writers, as that of a folder is.
    Memory(Mutex<()>),
    Folder(PathBuf),
}

/// A change to an index: by its only writer, from its newest state.
struct Change<'a> {
    index: &'a Index,
    writing: ChangeOf<'a>,
    before: Arc<Snapshot>,
}

enum ChangeOf<'a> {
    Memory { _lock: MutexGuard<'a, ()> },
    Folder(Writing),
}

impl Index {
    /// Makes an index of some rows, in a folder or in memory. An index that is in the folder is replaced.
    ///
    /// # Errors
    ///
    /// The batch does not fit, has an id twice, or a value that is not finite or not in the element's range; the
    /// folder holds something else or can't be written to; an interrupt.
    pub fn build(
        batch: &Batch<'_>,
        element: Element,
        folder: Option<&Path>,
        interrupt: &Interrupt,
    ) -> Result<Index> {
        let dimension = batch.vectors.dimension();
        if let Some(folder) = folder {
            let mut writer = IndexWriter::create(folder, dimension, element)?;
            writer.add(batch, interrupt)?;
            return writer.finish(interrupt);
        }
        let index = Index {
            home: Home::Memory(Mutex::default()),
            snapshot: RwLock::new(Arc::new(Snapshot::empty(element, dimension))),
        };
        index.append(batch, interrupt)?;
        Ok(index)
    }

    /// Opens the index of a folder.
    ///
    /// # Errors
    ///
    /// There is none, it is of another version, or damaged, as far as lengths and headers tell.
    pub fn open(folder: &Path) -> Result<Index> {
        Ok(Index {
            snapshot: RwLock::new(Arc::new(folder::read(folder, None)?)),
            home: Home::Folder(folder.to_owned()),
        })
    }

    /// The index that the bytes of a segment file make, whatever they are; for tests and fuzzers.
    ///
    /// # Errors
    ///
    /// As [`Index::open`].
    #[cfg(any(fuzzing, test))]
    #[doc(hidden)]
    pub fn of_segment(bytes: &[u8]) -> Result<Index> {
        let segment = segment::Segment::of_bytes(bytes)?;
        let mut snapshot = Snapshot::empty(segment.element(), segment.dimension());
        snapshot.columns = segment
            .columns()
            .iter()
            .map(|column| column.name.clone())
            .collect();
        snapshot.next_number = segment.rows() as u64;
        let member = Member::new(Arc::new(segment), 1, None);
        Ok(Index {
            home: Home::Memory(Mutex::default()),
            snapshot: RwLock::new(Arc::new(snapshot.with_members(vec![member]))),
        })
    }

    /// The index that [`Index::to_images`] gave, in memory.
    ///
    /// # Errors
    ///
    /// The images are damaged, as far as lengths and headers tell.
    pub fn of_images(manifest: &[u8], segments: &[SegmentImage]) -> Result<Index> {
        Ok(Index {
            home: Home::Memory(Mutex::default()),
            snapshot: RwLock::new(Arc::new(folder::of_images(manifest, segments)?)),
        })
    }

    /// What a folder with this index would hold: the manifest, and the files of each segment; for an index in
    /// memory that another process is to have. Rows keep their numbers.
    pub fn to_images(&self) -> (Vec<u8>, Vec<SegmentImage>) {
        folder::to_images(&self.snapshot())
    }

    /// The folder; `None` for an index in memory.
    pub fn path(&self) -> Option<&Path> {
        match &self.home {
            Home::Memory(_) => None,
            Home::Folder(folder) => Some(folder),
        }
    }

    /// The state that was opened, or that this index wrote, last.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn set_snapshot(&self, snapshot: Arc<Snapshot>) {
        *self
            .snapshot
            .write()
            .unwrap_or_else(PoisonError::into_inner) = snapshot;
    }

    /// Takes the newest state of the folder, and says whether it is another.
    ///
    /// # Errors
    ///
    /// As [`Index::open`].
    pub fn refresh(&self) -> Result<bool> {
        let Home::Folder(folder) = &self.home else {
            return Ok(false);
        };
        let before = self.snapshot();
        let newest = folder::read(folder, Some(&before))?;
        let is_new = !newest.is_state_of(&before);
        if is_new {
            self.set_snapshot(Arc::new(newest));
        }
        Ok(is_new)
    }

    fn change(&self) -> Result<Change<'_>> {
        let (writing, before) = match &self.home {
            Home::Memory(lock) => {
                // No waiting: the writer that has it may be this very thread, which took up other work of its
                // pool while it waits for the rest of its own.
                let lock = match lock.try_lock() {
                    Ok(lock) => lock,
                    Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                    Err(TryLockError::WouldBlock) => return Err(folder::another_writer()),
                };
                (ChangeOf::Memory { _lock: lock }, self.snapshot())
            }
            Home::Folder(folder) => {
                let writing = Writing::start(folder)?;
                let newest = folder::read(folder, Some(&self.snapshot()))?;
                (ChangeOf::Folder(writing), Arc::new(newest))
            }
        };
        Ok(Change {
            index: self,
            writing,
            before,
        })
    }

    /// Adds rows behind those that are there.
    ///
    /// # Errors
    ///
    /// As [`Index::build`]; an id is that of a row that is there; the metadata has other columns; another writer
    /// is at work.
    pub fn append(&self, batch: &Batch<'_>, interrupt: &Interrupt) -> Result<()> {
        let change = self.change()?;
        let mut next = Snapshot::clone(&change.before);
        if next.next_number == 0 {
            next.columns = batch
                .metadata
                .iter()
                .map(|(name, _)| name.clone())
                .collect();
        }
        let rows = batch.vectors.rows();
        let numbers;
        let ids = match batch.ids {
            Some(ids) => {
                refuse_known_ids(ids, &next, interrupt)?;
                next.next_number += rows as u64;
                ids
            }
            None => {
                let is_taken = |number: u64| change.before.find(&number.to_string()).is_some();
                numbers = numbered(rows, &mut next.next_number, is_taken, interrupt)?;
                &numbers
            }
        };
        let mut writer = change.segment_writer(&next, rows)?;
        writer.add(batch, ids, interrupt)?;
        let mut members = next.members().to_vec();
        if let Some(segment) = writer.finish(interrupt)? {
            members.push(Member::new(Arc::new(segment), next.next_segment, None));
        }
        change.commit(next.with_members(members))
    }

    /// Deletes rows by their ids, and gives their number. They leave searches at once, and the files when the
    /// index is compacted.
    ///
    /// # Errors
    ///
    /// An id that no row has, or that is given twice; then nothing is deleted. Another writer is at work.
    pub fn delete(&self, ids: &Strings, interrupt: &Interrupt) -> Result<usize> {
        let change = self.change()?;
        let next = Snapshot::clone(&change.before);
        let generation = next.generation + 1;
        let mut members = next.members().to_vec();
        let mut deleted: Vec<Option<Bitmap>> = vec![None; members.len()];
        for (number, id) in ids.iter().enumerate() {
            if number.is_multiple_of(ROWS_AT_A_TIME) {
                interrupt.check()?;
            }
            let (place, row) = next.find(id).ok_or_else(|| {
                Error::input(format!("no row has the id {id:?}"), "nothing was deleted")
            })?;
            let member = &members[place];
            let rows = deleted[place].get_or_insert_with(|| match &member.deleted {
                Some(deleted) => Bitmap::clone(&deleted.rows),
                None => Bitmap::new(member.segment.rows()),
            });
            if rows.contains(row) {
                return Err(Error::input(
                    format!("the id {id:?} is given twice"),
                    "nothing was deleted",
                ));
            }
            rows.set(row);
        }
        for (member, rows) in members.iter_mut().zip(deleted) {
            if let Some(rows) = rows {
                let rows = Arc::new(rows);
                member.deleted = Some(Deleted { rows, generation });
            }
        }
        if !ids.is_empty() {
            change.commit(next.with_members(members))?;
        }
        Ok(ids.len())
    }

    /// Makes one segment of all rows that are not deleted; rows are numbered anew, in the same order. Does
    /// nothing where there is one segment, and nothing deleted.
    ///
    /// # Errors
    ///
    /// A file can't be written, or is damaged; another writer is at work; an interrupt.
    pub fn compact(&self, interrupt: &Interrupt) -> Result<()> {
        let change = self.change()?;
        let next = Snapshot::clone(&change.before);
        let is_compact = next.segments() <= 1 && next.len() == next.rows();
        if is_compact {
            self.set_snapshot(Arc::clone(&change.before));
            return Ok(());
        }
        let mut writer = change.segment_writer(&next, next.len())?;
        copy_live_rows(&next, &mut writer, interrupt)?;
        let segment = writer.finish(interrupt)?;
        let member = segment.map(|segment| Member::new(Arc::new(segment), next.next_segment, None));
        change.commit(next.with_members(member.into_iter().collect()))
    }

    /// Writes the rows that are not deleted to a folder as an index of its own, compacted. An index that is
    /// there is replaced.
    ///
    /// # Errors
    ///
    /// As [`Index::build`].
    pub fn save(&self, folder: &Path, interrupt: &Interrupt) -> Result<()> {
        let snapshot = self.snapshot();
        let mut writer = IndexWriter::create(folder, snapshot.dimension, snapshot.element)?;
        writer.copy(&snapshot, interrupt)?;
        writer.finish(interrupt).map(|_| ())
    }

    /// Compares the checksum of every byte that a search or look-up reads. An index in memory has none.
    ///
    /// # Errors
    ///
    /// A file is damaged; an interrupt.
    pub fn verify(&self, interrupt: &Interrupt) -> Result<()> {
        let Home::Folder(folder) = &self.home else {
            return Ok(());
        };
        for member in self.snapshot().members() {
            let path = folder.join(manifest::segment_name(member.number));
            let verified = member.segment.verify(interrupt);
            verified.map_err(|error| error.in_file(&path))?;
        }
        Ok(())
    }
}

impl Change<'_> {
    fn segment_writer(&self, next: &Snapshot, rows: usize) -> Result<SegmentWriter> {
        let (element, dimension) = (next.element, next.dimension);
        match &self.writing {
            ChangeOf::Memory { .. } => {
                SegmentWriter::to_memory(rows, element, dimension, &next.columns)
            }
            ChangeOf::Folder(writing) => {
                let path = writing.segment_path(next.next_segment);
                SegmentWriter::to_file(&path, element, dimension, &next.columns)
            }
        }
    }

    fn commit(mut self, mut next: Snapshot) -> Result<()> {
        next.generation += 1;
        next.next_segment += 1;
        if let ChangeOf::Folder(writing) = &mut self.writing {
            writing.commit(&next)?;
        }
        self.index.set_snapshot(Arc::new(next));
        Ok(())
    }
}

fn refuse_known_ids(ids: &Strings, snapshot: &Snapshot, interrupt: &Interrupt) -> Result<()> {
    for (place, id) in ids.iter().enumerate() {
        if place.is_multiple_of(ROWS_AT_A_TIME) {
            interrupt.check()?;
        }
        if snapshot.find(id).is_some() {
            return Err(Error::input(
                format!("there is a row with the id {id:?}"),
                "delete it first, or give the new row another id",
            ));
        }
    }
    Ok(())
}

fn copy_live_rows(
    snapshot: &Snapshot,
    writer: &mut SegmentWriter,
    interrupt: &Interrupt,
) -> Result<()> {
    for member in snapshot.members() {
        let rows = member.segment.rows();
        let mut start = 0;
        while start < rows {
            interrupt.check()?;
            let most = (start + ROWS_AT_A_TIME).min(rows);
            let end = (start..most)
                .find(|row| member.is_deleted(*row))
                .unwrap_or(most);
            writer.add_rows_of(&member.segment, start..end)?;
            start = end + usize::from(end < most);
        }
    }
    Ok(())
}
