//! An index as it is at one time. What others write later does not change it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::Interrupt;
use crate::bitmap::Bitmap;
use crate::{Element, Matrix, Part, Workers};
use crate::{Error, Result};

use super::batch::listed;
use super::manifest::Manifest;
use super::segment::Segment;
use super::strings::Strings;

/// Which rows a search looks at; never deleted ones.
#[derive(Clone, Copy, Debug)]
pub enum Where<'a> {
    /// All.
    All,
    /// Those with `true`, of one flag per row.
    Flags(&'a [bool]),
    /// Those that have, in each of these columns, one of its values.
    Metadata(&'a [(String, Vec<String>)]),
}

/// The best rows of every query.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hits {
    /// Rows per query: what was asked for, or all that take part.
    pub k: usize,
    /// Inner products, descending for each query.
    pub scores: Vec<f32>,
    /// The rows that they belong to.
    pub rows: Vec<u32>,
    /// See [`crate::Found`].
    pub rescored: u64,
}

/// An index at one time.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub(super) generation: u64,
    pub(super) element: Element,
    pub(super) dimension: usize,
    pub(super) columns: Vec<String>,
    pub(super) next_number: u64,
    pub(super) next_segment: u64,
    members: Vec<Member>,
}

/// A segment of an index.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) segment: Arc<Segment>,
    pub(super) number: u64,
    pub(super) deleted: Option<Deleted>,
    first_row: usize,
}

/// The deleted rows of a segment, and the generation that deleted the last of them.
#[derive(Clone, Debug)]
pub(super) struct Deleted {
    pub(super) rows: Arc<Bitmap>,
    pub(super) generation: u64,
}

impl Member {
    pub(super) fn new(segment: Arc<Segment>, number: u64, deleted: Option<Deleted>) -> Self {
        Member {
            segment,
            number,
            deleted,
            first_row: 0,
        }
    }

    pub(super) fn is_deleted(&self, row: usize) -> bool {
        self.deleted
            .as_ref()
            .is_some_and(|deleted| deleted.rows.contains(row))
    }

    fn live_rows(&self) -> usize {
        self.segment.rows()
            - self
                .deleted
                .as_ref()
                .map_or(0, |deleted| deleted.rows.count())
    }

    /// The rows that take part in a search; `None`: all.
    fn allowed(&self, which: Where<'_>) -> Result<Option<Arc<Bitmap>>> {
        let rows = self.segment.rows();
        let chosen = match which {
            Where::All => None,
            Where::Flags(flags) => {
                let flags = flags
                    .get(self.first_row..self.first_row + rows)
                    .unwrap_or_default();
                Some(Arc::new(Bitmap::of(flags, |flag| *flag)))
            }
            Where::Metadata(columns) => self.with_metadata(columns)?,
        };
        let Some(deleted) = &self.deleted else {
            return Ok(chosen);
        };
        let mut live = chosen.unwrap_or_else(|| Arc::new(Bitmap::full(rows)));
        Arc::make_mut(&mut live).and_not(&deleted.rows);
        Ok(Some(live))
    }

    fn with_metadata(&self, columns: &[(String, Vec<String>)]) -> Result<Option<Arc<Bitmap>>> {
        let mut chosen: Option<Arc<Bitmap>> = None;
        for (column, values) in columns {
            let mut any: Option<Arc<Bitmap>> = None;
            for value in values {
                let Some(rows) = self.segment.rows_with(column, value)? else {
                    continue;
                };
                match &mut any {
                    None => any = Some(rows),
                    Some(any) => Arc::make_mut(any).or(&rows),
                }
            }
            let any = any.unwrap_or_else(|| Arc::new(Bitmap::new(self.segment.rows())));
            match &mut chosen {
                None => chosen = Some(any),
                Some(chosen) => Arc::make_mut(chosen).and(&any),
            }
        }
        Ok(chosen)
    }
}

impl Snapshot {
    /// Opened segments, and what their manifest says of all.
    pub(super) fn new(manifest: &Manifest, members: Vec<Member>) -> Snapshot {
        Snapshot {
            generation: manifest.generation,
            element: manifest.element,
            dimension: manifest.dimension,
            columns: manifest.columns.clone(),
            next_number: manifest.next_number,
            next_segment: manifest.next_segment,
            members: Vec::new(),
        }
        .with_members(members)
    }

    /// No rows yet.
    pub(super) fn empty(element: Element, dimension: usize) -> Snapshot {
        Snapshot {
            generation: 0,
            element,
            dimension,
            columns: Vec::new(),
            next_number: 0,
            next_segment: 1,
            members: Vec::new(),
        }
    }

    /// The same with these segments, rows being numbered through them.
    pub(super) fn with_members(mut self, mut members: Vec<Member>) -> Snapshot {
        let mut first_row = 0;
        for member in &mut members {
            member.first_row = first_row;
            first_row += member.segment.rows();
        }
        self.members = members;
        self
    }

    pub(super) fn members(&self) -> &[Member] {
        &self.members
    }

    /// A segment that is open.
    pub(super) fn segment(&self, number: u64, checksum: u64) -> Option<Arc<Segment>> {
        let member = self.members.iter().find(|member| member.number == number)?;
        (member.segment.checksum() == checksum).then(|| Arc::clone(&member.segment))
    }

    /// Whether this is the state of another snapshot, opened with it at hand. In a folder that was removed and
    /// made anew generations start again, so that they alone don't tell.
    pub(super) fn is_state_of(&self, other: &Snapshot) -> bool {
        let mut segments = self.members.iter().zip(&other.members);
        self.generation == other.generation
            && self.members.len() == other.members.len()
            && segments.all(|(ours, theirs)| Arc::ptr_eq(&ours.segment, &theirs.segment))
    }

    /// Counts up whenever the index is changed.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// What values are stored as.
    pub fn element(&self) -> Element {
        self.element
    }

    /// Values per vector.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// The names of the metadata columns.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The number of segments, between which a search divides its time.
    pub fn segments(&self) -> usize {
        self.members.len()
    }

    /// Rows that have a filter.
    pub fn filtered_rows(&self) -> usize {
        let filtered = self
            .members
            .iter()
            .filter(|member| member.segment.has_filter());
        filtered.map(|member| member.segment.rows()).sum()
    }

    /// Who should search for so many queries.
    pub fn workers(&self, queries: usize) -> Workers {
        let bytes = self.members.iter().map(|member| {
            let size = if member.segment.has_filter() {
                1
            } else {
                self.element.size()
            };
            member.segment.rows() * self.dimension * size
        });
        Workers::for_bytes(bytes.sum::<usize>().saturating_mul(queries))
    }

    /// Bytes of all segments.
    pub fn size(&self) -> usize {
        self.members
            .iter()
            .map(|member| member.segment.size())
            .sum()
    }

    /// The number of rows, deleted ones included: rows are numbered from 0 to this.
    pub fn rows(&self) -> usize {
        self.members
            .last()
            .map_or(0, |last| last.first_row + last.segment.rows())
    }

    /// The number of rows that are not deleted.
    pub fn len(&self) -> usize {
        self.members.iter().map(Member::live_rows).sum()
    }

    /// Whether all rows are deleted, or none was added.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Finds, for each query, the `k` rows of highest inner product among those that take part, or all of them
    /// if they are fewer.
    ///
    /// # Errors
    ///
    /// `k` is 0; the queries are of another dimension or not finite; flags that are not one per row; there is
    /// no such column; a score overflows; an interrupt.
    pub fn search(
        &self,
        queries: Matrix<'_>,
        k: usize,
        which: Where<'_>,
        workers: Workers,
        interrupt: &Interrupt,
    ) -> Result<Hits> {
        self.check(queries, k, which)?;
        let mut allowed = Vec::with_capacity(self.members.len());
        for member in &self.members {
            allowed.push(member.allowed(which)?);
        }
        let mut parts = Vec::with_capacity(self.members.len());
        for (member, allowed) in self.members.iter().zip(&allowed) {
            parts.push(Part {
                vectors: member.segment.vectors()?,
                filter: member.segment.filter(),
                allowed: allowed.as_deref(),
            });
        }
        let counts = self.members.iter().zip(&allowed);
        let taking_part: usize = counts
            .map(|(member, allowed)| {
                allowed
                    .as_ref()
                    .map_or(member.segment.rows(), |allowed| allowed.count())
            })
            .sum();
        let k = k.min(taking_part);
        if k == 0 || queries.rows() == 0 {
            return Ok(Hits {
                k,
                ..Hits::default()
            });
        }
        let found = crate::search(&parts, queries, k, workers, interrupt)?;
        Ok(Hits {
            k,
            scores: found.scores,
            rows: found.rows,
            rescored: found.rescored,
        })
    }

    fn check(&self, queries: Matrix<'_>, k: usize, which: Where<'_>) -> Result<()> {
        if k == 0 {
            return Err(Error::input("k is below 1", "give a k of at least 1"));
        }
        if queries.dimension() != self.dimension {
            return Err(Error::input(
                format!(
                    "queries of dimension {} for an index of dimension {}",
                    queries.dimension(),
                    self.dimension
                ),
                "encode both with the same model",
            ));
        }
        match which {
            Where::Flags(flags) if flags.len() != self.rows() => Err(Error::input(
                format!("{} flags for {} rows", flags.len(), self.rows()),
                "give one flag per row, deleted rows included",
            )),
            Where::Metadata(columns) => columns
                .iter()
                .try_for_each(|(name, _)| self.check_column(name)),
            Where::All | Where::Flags(_) => Ok(()),
        }
    }

    fn check_column(&self, name: &str) -> Result<()> {
        if self.columns.iter().any(|column| column == name) {
            return Ok(());
        }
        let columns: Vec<&str> = self.columns.iter().map(String::as_str).collect();
        Err(Error::input(
            format!("no metadata column {name:?}"),
            format!("the index has: {}", listed(&columns)),
        ))
    }

    /// The segment of a row, and its number there.
    fn place(&self, row: i64) -> Result<(&Member, usize)> {
        let found = usize::try_from(row)
            .ok()
            .filter(|row| *row < self.rows())
            .and_then(|row| {
                let after = self
                    .members
                    .partition_point(|member| member.first_row <= row);
                let member = self.members.get(after.checked_sub(1)?)?;
                Some((member, row - member.first_row))
            });
        found.ok_or_else(|| {
            Error::input(
                format!("no row {row}"),
                format!("the index has {} rows, numbered from 0", self.rows()),
            )
        })
    }

    /// The ids of rows.
    ///
    /// # Errors
    ///
    /// There is no such row, or its id is damaged.
    pub fn ids(&self, rows: &[i64]) -> Result<Strings> {
        let mut ids = Strings::new();
        for row in rows {
            let (member, row) = self.place(*row)?;
            ids.push(member.segment.id(row)?);
        }
        Ok(ids)
    }

    /// The rows' values in a metadata column.
    ///
    /// # Errors
    ///
    /// There is no such column or row, or its value is damaged.
    pub fn metadata(&self, column: &str, rows: &[i64]) -> Result<Strings> {
        self.check_column(column)?;
        let mut values = Strings::new();
        for row in rows {
            let (member, row) = self.place(*row)?;
            values.push(member.segment.metadata(column, row)?);
        }
        Ok(values)
    }

    /// How many rows that are not deleted have each value of a metadata column.
    ///
    /// # Errors
    ///
    /// There is no such column, or it is damaged.
    pub fn counts(&self, column: &str) -> Result<BTreeMap<String, usize>> {
        self.check_column(column)?;
        let mut counts = BTreeMap::new();
        for member in &self.members {
            let of_segment = member
                .segment
                .counts(column, |row| !member.is_deleted(row))?;
            for (value, count) in of_segment.into_iter().filter(|(_, count)| *count > 0) {
                *counts.entry(value.to_owned()).or_default() += count;
            }
        }
        Ok(counts)
    }

    /// The rows' vectors, one after the other.
    ///
    /// # Errors
    ///
    /// There is no such row.
    pub fn vectors(&self, rows: &[i64]) -> Result<Vec<f32>> {
        // Before there is room for them: of an index without rows the dimension is just a number.
        for row in rows {
            self.place(*row)?;
        }
        let mut values = vec![0.0; rows.len() * self.dimension];
        for (row, values) in rows.iter().zip(values.chunks_exact_mut(self.dimension)) {
            let (member, row) = self.place(*row)?;
            member.segment.vectors()?.decode_row(row, values);
        }
        Ok(values)
    }

    /// Where a row that is not deleted is: the number of its segment among the others, and its own there.
    pub(super) fn find(&self, id: &str) -> Option<(usize, usize)> {
        self.members.iter().enumerate().find_map(|(place, member)| {
            let row = member.segment.find(id)?;
            (!member.is_deleted(row)).then_some((place, row))
        })
    }

    /// The numbers of all rows that are not deleted, in order.
    pub fn live_rows(&self) -> Vec<i64> {
        let mut rows = Vec::with_capacity(self.len());
        for member in &self.members {
            let live = (0..member.segment.rows()).filter(|row| !member.is_deleted(*row));
            rows.extend(live.map(|row| (member.first_row + row) as i64));
        }
        rows
    }
}
