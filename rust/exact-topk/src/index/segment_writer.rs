//! Writes a segment as its rows come in: to a file, at constant memory, or to memory.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};

use half::slice::{HalfBitsSliceExt as _, HalfFloatSliceExt as _};
use half::{bf16, f16};
use memmap2::MmapMut;

use crate::Interrupt;
use crate::{Element, Matrix};
use crate::{Error, Result};

use super::batch::Batch;
use super::columns::ColumnWriter;
use super::format::{HEADER, MOST_ROWS, Shape};
use super::rest::Rest;
use super::section::{failed, map_memory};
use super::segment::Segment;
use super::spool::{Spool, create};
use super::strings::Strings;

/// Bytes that are written between two looks at the interrupt.
const BYTES_AT_A_TIME: usize = 4 << 20;

/// Values that are converted at a time.
const VALUES_AT_A_TIME: usize = 1 << 16;

/// Rows of a segment to be.
#[derive(Debug)]
pub(super) struct SegmentWriter {
    element: Element,
    dimension: usize,
    rows: usize,
    vectors: Vectors,
    ids: Spool,
    id_ends: Spool,
    columns: Vec<ColumnWriter>,
}

/// Where the vectors go as they come.
#[derive(Debug)]
enum Vectors {
    File(Unfinished, BufWriter<File>),
    /// Room for as many rows as were announced, and the bytes that are taken.
    Memory(MmapMut, usize),
}

/// A file that is removed when it is dropped, unless it was finished.
#[derive(Debug)]
struct Unfinished {
    path: PathBuf,
    is_finished: bool,
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.is_finished {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

impl SegmentWriter {
    /// Writes a segment file.
    pub(super) fn to_file(
        path: &Path,
        element: Element,
        dimension: usize,
        columns: &[String],
    ) -> Result<Self> {
        let mut file = BufWriter::new(create(path)?);
        let unfinished = Unfinished {
            path: path.to_owned(),
            is_finished: false,
        };
        let written = file.write_all(&[0; HEADER]);
        written.map_err(|source| failed(path, source))?;
        let vectors = Vectors::File(unfinished, file);
        Self::new(vectors, element, dimension, columns, |name| {
            Spool::new(Some(path.with_extension(format!("{name}.part"))))
        })
    }

    /// Collects a segment of at most so many rows in memory.
    pub(super) fn to_memory(
        rows: usize,
        element: Element,
        dimension: usize,
        columns: &[String],
    ) -> Result<Self> {
        let size = rows.checked_mul(dimension * element.size());
        let vectors = Vectors::Memory(map_memory(size.unwrap_or(usize::MAX))?, 0);
        Self::new(vectors, element, dimension, columns, |_| Spool::new(None))
    }

    fn new(
        vectors: Vectors,
        element: Element,
        dimension: usize,
        columns: &[String],
        spool: impl Fn(&str) -> Result<Spool>,
    ) -> Result<Self> {
        let columns = columns
            .iter()
            .enumerate()
            .map(|(number, name)| Ok(ColumnWriter::new(name, spool(&format!("column{number}"))?)));
        Ok(SegmentWriter {
            element,
            dimension,
            rows: 0,
            vectors,
            ids: spool("ids")?,
            id_ends: spool("ends")?,
            columns: columns.collect::<Result<_>>()?,
        })
    }

    /// Adds rows under these ids, whatever ids the batch has.
    ///
    /// # Errors
    ///
    /// The batch does not fit, a value is not finite, or it is not in the range of the element type.
    pub(super) fn add(
        &mut self,
        batch: &Batch<'_>,
        ids: &Strings,
        interrupt: &Interrupt,
    ) -> Result<()> {
        let names: Vec<&str> = self.columns.iter().map(ColumnWriter::name).collect();
        let metadata = batch.check(self.dimension, &names)?;
        self.make_room(batch.vectors.rows())?;
        self.add_vectors(batch.vectors, interrupt)
            .map_err(|error| self.counted_from_here(error))?;
        for (column, values) in self.columns.iter_mut().zip(metadata) {
            for value in values.iter() {
                column.push(value)?;
            }
        }
        ids.iter().try_for_each(|id| self.add_id(id))?;
        self.rows += batch.vectors.rows();
        Ok(())
    }

    /// Adds rows of another segment of the same shape.
    pub(super) fn add_rows_of(&mut self, segment: &Segment, rows: Range<usize>) -> Result<()> {
        self.make_room(rows.len())?;
        self.write(segment.vector_bytes(rows.start, rows.end))?;
        for row in rows.clone() {
            self.add_id(segment.id(row)?)?;
            for column in &mut self.columns {
                let value = segment.metadata(column.name(), row)?.to_owned();
                column.push(&value)?;
            }
        }
        self.rows += rows.len();
        Ok(())
    }

    fn make_room(&self, more: usize) -> Result<()> {
        if more > MOST_ROWS - self.rows.min(MOST_ROWS) {
            return Err(Error::input(
                format!("more than {MOST_ROWS} rows"),
                "split them over several indexes",
            ));
        }
        Ok(())
    }

    fn counted_from_here(&self, error: Error) -> Error {
        match error {
            Error::Input {
                path,
                line,
                message,
                remedy,
            } if self.rows > 0 => Error::Input {
                path,
                line,
                message: format!("{message} (after {} rows that came before)", self.rows),
                remedy,
            },
            other => other,
        }
    }

    fn add_id(&mut self, id: &str) -> Result<()> {
        self.ids.write(id.as_bytes())?;
        self.id_ends.write(&(self.ids.len() as u64).to_le_bytes())
    }

    fn add_vectors(&mut self, vectors: Matrix<'_>, interrupt: &Interrupt) -> Result<()> {
        vectors.check_finite(interrupt)?;
        if self.element == Element::Float32 && vectors.element() == Element::Float32 {
            let bytes: &[u8] = bytemuck::cast_slice(vectors.float32_values("vectors")?);
            return bytes.chunks(BYTES_AT_A_TIME).try_for_each(|piece| {
                interrupt.check()?;
                self.write(piece)
            });
        }
        let step = (VALUES_AT_A_TIME / self.dimension).max(1);
        let mut values = vec![0.0; step * self.dimension];
        for start in (0..vectors.rows()).step_by(step) {
            interrupt.check()?;
            let rows = start..(start + step).min(vectors.rows());
            let values = &mut values[..rows.len() * self.dimension];
            for (row, values) in rows.zip(values.chunks_exact_mut(self.dimension)) {
                vectors.decode_row(row, values);
            }
            self.write_converted(values, start)?;
        }
        Ok(())
    }

    /// Writes values as the element type, rounded to nearest; their first row is number `start`.
    fn write_converted(&mut self, values: &[f32], start: usize) -> Result<()> {
        let mut bits = vec![0u16; values.len()];
        let is_finite: fn(u16) -> bool = match self.element {
            Element::Float32 => return self.write(bytemuck::cast_slice(values)),
            Element::Float16 => {
                bits.reinterpret_cast_mut::<f16>()
                    .convert_from_f32_slice(values);
                |bits| f16::from_bits(bits).is_finite()
            }
            Element::BFloat16 => {
                bits.reinterpret_cast_mut::<bf16>()
                    .convert_from_f32_slice(values);
                |bits| bf16::from_bits(bits).is_finite()
            }
        };
        if let Some(place) = bits.iter().position(|bits| !is_finite(*bits)) {
            return Err(Error::input(
                format!(
                    "vectors: row {} holds {} in column {}, which {} can't",
                    start + place / self.dimension,
                    values[place],
                    place % self.dimension,
                    self.element.name(),
                ),
                "scale the vectors, or store them as float32",
            ));
        }
        self.write(bytemuck::cast_slice(&bits))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        match &mut self.vectors {
            Vectors::File(unfinished, file) => {
                let written = file.write_all(bytes);
                written.map_err(|source| failed(&unfinished.path, source))
            }
            Vectors::Memory(map, used) => {
                let end = *used + bytes.len();
                let room = map.get_mut(*used..end);
                let room = room.ok_or_else(|| Error::input("more rows than announced", ""))?;
                room.copy_from_slice(bytes);
                *used = end;
                Ok(())
            }
        }
    }

    /// Completes the segment, if it has rows. A file is on the disk when this returns.
    pub(super) fn finish(self, interrupt: &Interrupt) -> Result<Option<Segment>> {
        if self.rows == 0 {
            return Ok(None);
        }
        let shape = Shape {
            element: self.element,
            rows: self.rows,
            dimension: self.dimension,
        };
        let rest = Rest::new(shape, self.ids, self.id_ends, self.columns);
        let segment = match self.vectors {
            Vectors::Memory(map, _) => rest.complete_memory(map, interrupt)?,
            Vectors::File(mut unfinished, file) => {
                let file = file.into_inner();
                let file = file.map_err(|error| failed(&unfinished.path, error.into_error()))?;
                rest.complete_file(file, &unfinished.path, interrupt)?;
                let segment = Segment::open(&unfinished.path)?;
                unfinished.is_finished = true;
                segment
            }
        };
        Ok(Some(segment))
    }
}
