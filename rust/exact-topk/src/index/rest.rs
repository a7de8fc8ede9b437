//! The rest of a segment, once its vectors are there: filter, ids, table of ids and metadata.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use memmap2::MmapMut;

use crate::Interrupt;
use crate::Result;
use crate::{FilterPlan, Matrix};

use super::columns::ColumnWriter;
use super::format::{HEADER, Header, Kind, SECTIONS, Shape, damaged};
use super::ids::{fill_table, table_size};
use super::section::{
    Section, checksum_of, failed, map_file, map_file_to_write, map_memory, read_only,
};
use super::segment::{Segment, matrix};
use super::spool::Spool;

/// Bytes that go to the disk between two looks at the interrupt.
const BYTES_AT_A_TIME: usize = 16 << 20;

/// Zeros that are written at a time.
static ZEROS: [u8; 1 << 16] = [0; 1 << 16];

/// What was collected beside the vectors.
#[derive(Debug)]
pub(super) struct Rest {
    shape: Shape,
    ids: Spool,
    id_ends: Spool,
    columns: Vec<ColumnWriter>,
}

impl Rest {
    pub(super) fn new(
        shape: Shape,
        ids: Spool,
        id_ends: Spool,
        columns: Vec<ColumnWriter>,
    ) -> Self {
        Rest {
            shape,
            ids,
            id_ends,
            columns,
        }
    }

    /// Completes a file that holds room for the header and, after it, the vectors.
    pub(super) fn complete_file(
        self,
        mut file: File,
        path: &Path,
        interrupt: &Interrupt,
    ) -> Result<()> {
        let io = |source| failed(path, source);
        let map = map_file(&file, path)?;
        let vectors = map.get(HEADER..).unwrap_or_default();
        let plan = FilterPlan::learn(matrix(vectors, self.shape)?, interrupt)?;
        drop(map);
        let mut header = Header::new(self.shape, self.sizes(plan.as_ref()));
        // Zeros, not a hole: a full disk is an error here, and would be a crash in the map.
        let written = HEADER + self.shape.vectors_size();
        append_zeros(&mut file, header.length() - written).map_err(io)?;
        let mut map = map_file_to_write(&file, path)?;
        let shape = self.shape;
        let (before, rest) = map.split_at_mut(header.sections[1].offset);
        let vectors = matrix(before.get(HEADER..written).unwrap_or_default(), shape)?;
        self.fill(&header, plan, vectors, rest, interrupt)?;
        for entry in &mut header.sections {
            let bytes = map.get(entry.offset..entry.offset + entry.length);
            entry.checksum = checksum_of(bytes.unwrap_or_default(), interrupt)?;
        }
        map[..HEADER].copy_from_slice(&header.bytes());
        for start in (0..map.len()).step_by(BYTES_AT_A_TIME) {
            interrupt.check()?;
            let some = BYTES_AT_A_TIME.min(map.len() - start);
            map.flush_range(start, some).map_err(io)?;
        }
        file.sync_all().map_err(io)
    }

    /// Completes a segment in memory, the vectors of which are there.
    pub(super) fn complete_memory(self, map: MmapMut, interrupt: &Interrupt) -> Result<Segment> {
        let size = self.shape.vectors_size();
        let vectors = matrix(map.get(..size).unwrap_or_default(), self.shape)?;
        let plan = FilterPlan::learn(vectors, interrupt)?;
        let header = Header::new(self.shape, self.sizes(plan.as_ref()));
        let base = header.sections[1].offset;
        let mut rest = map_memory(header.length() - base)?;
        self.fill(&header, plan, vectors, &mut rest, interrupt)?;
        let (vectors, rest) = (Arc::new(read_only(map)?), Arc::new(read_only(rest)?));
        let mut sections = Vec::with_capacity(SECTIONS);
        sections.push(Section::new(&vectors, 0, size));
        let others = header.sections[1..].iter();
        sections.extend(others.map(|entry| Section::new(&rest, entry.offset - base, entry.length)));
        let sections: Option<Vec<Section>> = sections.into_iter().collect();
        let sections = sections.and_then(|sections| sections.try_into().ok());
        Segment::new(
            header,
            sections.ok_or_else(|| damaged("impossible sections"))?,
        )
    }

    /// The length of each section.
    fn sizes(&self, plan: Option<&FilterPlan>) -> [usize; SECTIONS] {
        let rows = self.shape.rows;
        let mut sizes = [0; SECTIONS];
        sizes[Kind::Vectors as usize] = self.shape.vectors_size();
        sizes[Kind::Filter as usize] = plan.map_or(0, |plan| plan.size(rows));
        sizes[Kind::IdEnds as usize] = self.id_ends.len();
        sizes[Kind::Ids as usize] = self.ids.len();
        sizes[Kind::IdTable as usize] = table_size(rows);
        sizes[Kind::Columns as usize] = self.columns.iter().map(ColumnWriter::size).sum();
        sizes
    }

    /// Fills all sections after the vectors; `out` starts with the first of them and is all zeros.
    fn fill(
        self,
        header: &Header,
        plan: Option<FilterPlan>,
        vectors: Matrix<'_>,
        out: &mut [u8],
        interrupt: &Interrupt,
    ) -> Result<()> {
        let [_, filter, id_ends, ids, id_table, _] = &header.sections;
        let base = filter.offset;
        let (filter_out, out) = out.split_at_mut(id_ends.offset - base);
        if let Some(plan) = plan {
            plan.write(vectors, &mut filter_out[..filter.length], interrupt)?;
        }
        let (ends_out, out) = out.split_at_mut(ids.offset - id_ends.offset);
        let ends_out = &mut ends_out[..id_ends.length];
        self.id_ends.read_into(ends_out)?;
        let (ids_out, out) = out.split_at_mut(id_table.offset - ids.offset);
        let ids_out = &mut ids_out[..ids.length];
        self.ids.read_into(ids_out)?;
        let columns_at = header.sections[Kind::Columns as usize].offset;
        let (table_out, mut out) = out.split_at_mut(columns_at - id_table.offset);
        fill_table(
            ends_out,
            ids_out,
            &mut table_out[..id_table.length],
            interrupt,
        )?;
        for column in self.columns {
            let (column_out, after) = out.split_at_mut(column.size());
            column.finish(column_out)?;
            out = after;
        }
        Ok(())
    }
}

fn append_zeros(file: &mut File, mut length: usize) -> std::io::Result<()> {
    while length > 0 {
        let some = length.min(ZEROS.len());
        file.write_all(&ZEROS[..some])?;
        length -= some;
    }
    Ok(())
}
