//! An opened segment: rows that were added together, their filter, ids and metadata.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use memmap2::Mmap;

use crate::Interrupt;
use crate::bitmap::Bitmap;
use crate::{Element, Filter, Matrix};
use crate::{Error, Result};
use foundation::files;

use super::columns::Column;
use super::format::{HEADER, Header, Kind, NAMES, SECTIONS, Shape, damaged};
use super::ids::Ids;
use super::section::{Section, checksum_of, failed, map_file, map_memory, read_only};

/// Sets of rows that a segment remembers, of those that were asked for.
const MOST_REMEMBERED: usize = 64;

/// Rows that never change; which of them are deleted is known elsewhere.
#[derive(Debug)]
pub(super) struct Segment {
    header: Header,
    sections: [Section; SECTIONS],
    filter: Option<BoundFilter>,
    ids: Ids,
    columns: Vec<Column>,
    /// Its file, for messages; `None` in memory.
    path: Option<PathBuf>,
    /// The rows of a column's value, by the numbers of both.
    remembered: Mutex<HashMap<(usize, u32), Arc<Bitmap>>>,
}

/// A filter with the section that it borrows from.
#[derive(Debug)]
struct BoundFilter {
    // Before the section, so that it is dropped first.
    filter: Filter<'static>,
    _section: Section,
}

impl Segment {
    /// Maps a segment file.
    ///
    /// # Errors
    ///
    /// It is no segment, or is damaged, as far as a look at the header and the lengths tells.
    pub(super) fn open(path: &Path) -> Result<Segment> {
        let file = files::open(path).map_err(|source| failed(path, source))?;
        let map = Arc::new(map_file(&file, path)?);
        let segment = Self::of_map(&map).map_err(|error| error.in_file(path))?;
        Ok(Segment {
            path: Some(path.to_owned()),
            ..segment
        })
    }

    /// Reads a copy of the bytes of a segment file.
    pub(super) fn of_bytes(bytes: &[u8]) -> Result<Segment> {
        let mut map = map_memory(bytes.len())?;
        map.copy_from_slice(bytes);
        Self::of_map(&Arc::new(read_only(map)?))
    }

    /// The bytes of a segment file.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.header.length()];
        bytes[..HEADER].copy_from_slice(&self.header.bytes());
        for (entry, section) in self.header.sections.iter().zip(&self.sections) {
            bytes[entry.offset..entry.offset + entry.length].copy_from_slice(section.bytes());
        }
        bytes
    }

    /// Reads the image of a segment file.
    pub(super) fn of_map(map: &Arc<Mmap>) -> Result<Segment> {
        let header = Header::read(map)?;
        let mut sections = Vec::with_capacity(SECTIONS);
        for entry in &header.sections {
            let section = Section::new(map, entry.offset, entry.length);
            sections.push(section.ok_or_else(|| damaged("impossible header"))?);
        }
        match sections.try_into() {
            Ok(sections) => Self::new(header, sections),
            Err(_) => Err(damaged("impossible header")),
        }
    }

    /// Puts sections together, after a look at their lengths.
    pub(super) fn new(header: Header, sections: [Section; SECTIONS]) -> Result<Segment> {
        let Shape {
            rows, dimension, ..
        } = header.shape;
        let of = |kind: Kind| &sections[kind as usize];
        if header.shape.checked_size() != Some(of(Kind::Vectors).bytes().len()) {
            return Err(damaged("impossible length of vectors"));
        }
        let [ends, text, table] =
            [Kind::IdEnds, Kind::Ids, Kind::IdTable].map(|kind| of(kind).clone());
        let ids = Ids::read(rows, ends, text, table);
        let columns = Column::read_all(of(Kind::Columns), rows);
        let section = of(Kind::Filter).clone();
        let filter = if section.bytes().is_empty() {
            None
        } else {
            // SAFETY: the filter is kept beside a clone of its section, is dropped before it, and leaves the
            // segment only as a borrow of it.
            let bytes = unsafe { section.bytes_of_unbound_lifetime() };
            Some(BoundFilter {
                filter: Filter::read(bytes, rows, dimension)?,
                _section: section,
            })
        };
        Ok(Segment {
            ids: ids.ok_or_else(|| damaged("impossible length of ids"))?,
            columns: columns.ok_or_else(|| damaged("impossible columns"))?,
            filter,
            header,
            sections,
            path: None,
            remembered: Mutex::default(),
        })
    }

    pub(super) fn rows(&self) -> usize {
        self.header.shape.rows
    }

    pub(super) fn dimension(&self) -> usize {
        self.header.shape.dimension
    }

    pub(super) fn element(&self) -> Element {
        self.header.shape.element
    }

    pub(super) fn checksum(&self) -> u64 {
        self.header.checksum()
    }

    pub(super) fn has_filter(&self) -> bool {
        self.filter.is_some()
    }

    /// Bytes of all sections.
    pub(super) fn size(&self) -> usize {
        self.sections
            .iter()
            .map(|section| section.bytes().len())
            .sum()
    }

    fn damaged(&self, what: &str) -> Error {
        match &self.path {
            Some(path) => damaged(what).in_file(path),
            None => damaged(what),
        }
    }

    fn section(&self, kind: Kind) -> &[u8] {
        self.sections[kind as usize].bytes()
    }

    pub(super) fn filter(&self) -> Option<&Filter<'_>> {
        self.filter.as_ref().map(|bound| &bound.filter)
    }

    pub(super) fn vectors(&self) -> Result<Matrix<'_>> {
        matrix(self.section(Kind::Vectors), self.header.shape)
    }

    /// The bytes of some rows' vectors.
    pub(super) fn vector_bytes(&self, start: usize, end: usize) -> &[u8] {
        let size = self.dimension() * self.element().size();
        self.section(Kind::Vectors)
            .get(start * size..end * size)
            .unwrap_or_default()
    }

    pub(super) fn id(&self, row: usize) -> Result<&str> {
        self.ids
            .get(row)
            .ok_or_else(|| self.damaged("an id is not readable"))
    }

    pub(super) fn find(&self, id: &str) -> Option<usize> {
        self.ids.find(id)
    }

    pub(super) fn columns(&self) -> &[Column] {
        &self.columns
    }

    fn column(&self, name: &str) -> Result<(usize, &Column)> {
        let place = self.columns.iter().position(|column| column.name == name);
        let column = place.and_then(|place| Some((place, self.columns.get(place)?)));
        column.ok_or_else(|| self.damaged(&format!("no column {name}")))
    }

    pub(super) fn metadata(&self, column: &str, row: usize) -> Result<&str> {
        let value = self.column(column)?.1.get(row);
        value.ok_or_else(|| self.damaged("a value of metadata is not readable"))
    }

    /// Each value of a column with the number of those rows that have it.
    pub(super) fn counts(
        &self,
        column: &str,
        is_counted: impl Fn(usize) -> bool,
    ) -> Result<Vec<(&str, usize)>> {
        let counts = self.column(column)?.1.counts(is_counted);
        counts.ok_or_else(|| self.damaged("a value of metadata is not readable"))
    }

    /// The rows whose value in a column is that; `None` where no row's is.
    pub(super) fn rows_with(&self, column: &str, value: &str) -> Result<Option<Arc<Bitmap>>> {
        let (place, column) = self.column(column)?;
        let Some(code) = column.code(value) else {
            return Ok(None);
        };
        let lock = || {
            self.remembered
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        if let Some(rows) = lock().get(&(place, code)) {
            return Ok(Some(Arc::clone(rows)));
        }
        let rows = Arc::new(column.rows_with(code));
        let mut remembered = lock();
        if remembered.len() >= MOST_REMEMBERED {
            remembered.clear();
        }
        remembered.insert((place, code), Arc::clone(&rows));
        Ok(Some(rows))
    }

    /// Compares the checksums of all sections with those of the header; not for segments in memory, which have none.
    pub(super) fn verify(&self, interrupt: &Interrupt) -> Result<()> {
        for ((section, entry), name) in self.sections.iter().zip(&self.header.sections).zip(NAMES) {
            if checksum_of(section.bytes(), interrupt)? != entry.checksum {
                return Err(damaged(&format!("wrong checksum of {name}")));
            }
        }
        Ok(())
    }
}

/// Bytes as rows of an element type.
pub(super) fn matrix(bytes: &[u8], shape: Shape) -> Result<Matrix<'_>> {
    let Shape {
        element,
        rows,
        dimension,
    } = shape;
    let odd = |_| damaged("vectors that are not aligned");
    match element {
        Element::Float32 => Matrix::new(
            bytemuck::try_cast_slice(bytes).map_err(odd)?,
            rows,
            dimension,
        ),
        Element::Float16 | Element::BFloat16 => {
            let bits = bytemuck::try_cast_slice(bytes).map_err(odd)?;
            Matrix::of_bits(element, bits, rows, dimension)
        }
    }
}
