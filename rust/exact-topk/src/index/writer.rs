//! Makes a new index in a folder, batch by batch.

use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

use crate::Element;
use crate::Interrupt;
use crate::{Error, Result};

use super::batch::{Batch, NumbersGiven, numbered};
use super::folder::Writing;
use super::segment_writer::SegmentWriter;
use super::snapshot::{Member, Snapshot};
use super::{Home, Index, copy_live_rows};

/// An index in the making, of which the folder shows nothing before [`IndexWriter::finish`]. Memory holds none
/// of its vectors and ids. If it is dropped, the folder is as it was.
#[derive(Debug)]
pub struct IndexWriter {
    // Before the lock: what is unfinished goes while it is held.
    segment: Option<SegmentWriter>,
    snapshot: Snapshot,
    numbers_given: NumbersGiven,
    writing: Writing,
    folder: PathBuf,
}

impl IndexWriter {
    /// Starts an index in a folder. One that is there is replaced at the end.
    ///
    /// # Errors
    ///
    /// The dimension is 0; the folder holds something else, another writer is at work there, or it can't be
    /// written to.
    pub fn create(folder: &Path, dimension: usize, element: Element) -> Result<Self> {
        if dimension == 0 {
            return Err(Error::input(
                "vectors of dimension 0",
                "give at least one value per row",
            ));
        }
        let (writing, generation, next_segment) = Writing::start_new(folder)?;
        let mut snapshot = Snapshot::empty(element, dimension);
        snapshot.generation = generation + 1;
        snapshot.next_segment = next_segment;
        Ok(IndexWriter {
            segment: None,
            snapshot,
            numbers_given: NumbersGiven::default(),
            writing,
            folder: folder.to_owned(),
        })
    }

    /// Adds rows.
    ///
    /// # Errors
    ///
    /// As [`Index::build`], but that ids are compared at the end.
    pub fn add(&mut self, batch: &Batch<'_>, interrupt: &Interrupt) -> Result<()> {
        let rows = batch.vectors.rows();
        let mut next = self.snapshot.next_number;
        let numbers;
        let ids = match batch.ids {
            Some(ids) => {
                next += rows as u64;
                self.numbers_given.add(ids, next);
                ids
            }
            None => {
                let is_taken = |number| self.numbers_given.contains(number);
                numbers = numbered(rows, &mut next, is_taken, interrupt)?;
                &numbers
            }
        };
        let columns = batch.metadata.iter().map(|(name, _)| name.clone());
        self.segment(columns.collect())?
            .add(batch, ids, interrupt)?;
        self.snapshot.next_number = next;
        Ok(())
    }

    /// Adds the rows of another index that are not deleted.
    pub(super) fn copy(&mut self, from: &Snapshot, interrupt: &Interrupt) -> Result<()> {
        let segment = self.segment(from.columns.clone())?;
        copy_live_rows(from, segment, interrupt)?;
        self.snapshot.next_number = from.next_number;
        Ok(())
    }

    /// The segment, with the columns of what comes first.
    fn segment(&mut self, columns: Vec<String>) -> Result<&mut SegmentWriter> {
        let segment = match self.segment.take() {
            Some(segment) => segment,
            None => {
                let path = self.writing.segment_path(self.snapshot.next_segment);
                let (element, dimension) = (self.snapshot.element, self.snapshot.dimension);
                self.snapshot.columns = columns;
                SegmentWriter::to_file(&path, element, dimension, &self.snapshot.columns)?
            }
        };
        Ok(self.segment.insert(segment))
    }

    /// Completes the index and opens it.
    ///
    /// # Errors
    ///
    /// Two rows have the same id; a file can't be written; an interrupt.
    pub fn finish(mut self, interrupt: &Interrupt) -> Result<Index> {
        let number = self.snapshot.next_segment;
        let segment = match self.segment.take() {
            Some(segment) => segment.finish(interrupt)?,
            None => None,
        };
        let member = segment.map(|segment| Member::new(Arc::new(segment), number, None));
        self.snapshot.next_segment += 1;
        let snapshot = self.snapshot.with_members(member.into_iter().collect());
        self.writing.commit(&snapshot)?;
        Ok(Index {
            home: Home::Folder(self.folder),
            snapshot: RwLock::new(Arc::new(snapshot)),
        })
    }
}
