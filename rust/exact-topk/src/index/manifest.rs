//! What belongs to an index folder: a small file that is replaced as a whole.
//!
//! Two lines of JSON: what follows from the fields of [`Manifest`], and the checksum of the first line. A file
//! that the manifest does not name is no part of the index.

use std::path::Path;

use serde_json::{Value, json};

use crate::Element;
use crate::{Error, Result};
use foundation::files;
use foundation::hash::checksum;

use super::format::{FORMAT_VERSION, damaged, wrong_version};
use super::section::failed;

/// The manifest's file name.
pub(super) const MANIFEST: &str = "manifest.jsonl";

/// The name of the file that its only writer locks.
pub(super) const LOCK: &str = "lock";

const FORMAT: &str = "cslir vector index";

/// What an index folder holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Manifest {
    /// Higher in each manifest than in the one before.
    pub(super) generation: u64,
    pub(super) element: Element,
    pub(super) dimension: usize,
    pub(super) columns: Vec<String>,
    /// What the next row without an id is called: the number of rows that were ever added, and of the numbers
    /// that were passed over because rows were called so.
    pub(super) next_number: u64,
    /// A number that no segment had so far.
    pub(super) next_segment: u64,
    pub(super) segments: Vec<SegmentEntry>,
}

/// A segment of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SegmentEntry {
    pub(super) number: u64,
    pub(super) rows: usize,
    /// That of the file's header.
    pub(super) checksum: u64,
    pub(super) deleted: Option<DeletedEntry>,
}

/// Which rows of a segment are deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DeletedEntry {
    /// The generation in which the file was written.
    pub(super) generation: u64,
    /// That of the whole file.
    pub(super) checksum: u64,
}

impl SegmentEntry {
    pub(super) fn file_name(&self) -> String {
        segment_name(self.number)
    }

    pub(super) fn deleted_name(&self) -> Option<String> {
        let deleted = self.deleted.as_ref()?;
        Some(deleted_name(self.number, deleted.generation))
    }
}

/// The name of a segment's file.
pub(super) fn segment_name(number: u64) -> String {
    format!("{number:08}.segment")
}

/// The name of the file of a segment's deleted rows.
pub(super) fn deleted_name(segment: u64, generation: u64) -> String {
    format!("{segment:08}-{generation:08}.deleted")
}

/// Whether a file of that name belongs to the folder of an index, manifest and lock included.
pub fn is_index_file(name: &str) -> bool {
    name == MANIFEST || name == LOCK || is_ours(name)
}

/// Whether a file of that name belongs to an index, or was left by a writer that was killed. Nothing else is ever
/// removed from a folder.
pub(super) fn is_ours(name: &str) -> bool {
    if let Some(segment) = name.strip_suffix(".segment") {
        is_number(segment)
    } else if let Some(deleted) = name.strip_suffix(".deleted") {
        deleted
            .split_once('-')
            .is_some_and(|(segment, generation)| is_number(segment) && is_number(generation))
    } else if let Some(spool) = name.strip_suffix(".part") {
        name == partial_name()
            || spool.split_once('.').is_some_and(|(segment, spooled)| {
                let column = spooled.strip_prefix("column");
                let is_column = column.is_some_and(|number| number.parse::<usize>().is_ok());
                is_number(segment) && (is_column || ["ids", "ends"].contains(&spooled))
            })
    } else {
        false
    }
}

/// Whether it is a number as names of files have it.
fn is_number(text: &str) -> bool {
    text.len() >= 8 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The name of a manifest that is being written.
pub(super) fn partial_name() -> String {
    format!("{MANIFEST}.part")
}

impl Manifest {
    /// Reads the manifest of a folder.
    ///
    /// # Errors
    ///
    /// There is none, it is damaged, or of another version.
    pub(super) fn read(folder: &Path) -> Result<Manifest> {
        let path = folder.join(MANIFEST);
        let text = files::read(&path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => {
                no_index(folder).in_file(folder)
            }
            _ => failed(&path, source),
        })?;
        Self::parse(&text).map_err(|error| error.in_file(&path))
    }

    pub(super) fn parse(text: &[u8]) -> Result<Manifest> {
        let end = text
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(text.len(), |at| at + 1);
        let (line, sum) = text.split_at(end);
        let foreign = || Error::input("not the manifest of an index", "build the index again");
        let value: Value = serde_json::from_slice(line).map_err(|_| foreign())?;
        if value.get("format").and_then(Value::as_str) != Some(FORMAT) {
            return Err(foreign());
        }
        if sum != checksum_line(line) {
            return Err(damaged("wrong checksum of the manifest"));
        }
        match value.get("format_version").and_then(Value::as_u64) {
            Some(version) if version != u64::from(FORMAT_VERSION) => Err(wrong_version(version)),
            _ => Self::of_value(&value).ok_or_else(|| damaged("impossible manifest")),
        }
    }

    fn of_value(value: &Value) -> Option<Manifest> {
        let name = value.get("element")?.as_str()?;
        let columns = value.get("columns")?.as_array()?.iter();
        let segments = value.get("segments")?.as_array()?.iter();
        Some(Manifest {
            generation: number(value, "generation")?,
            element: Element::ALL
                .into_iter()
                .find(|element| element.name() == name)?,
            dimension: usize::try_from(number(value, "dimension")?).ok()?,
            columns: columns
                .map(|name| name.as_str().map(str::to_owned))
                .collect::<Option<_>>()?,
            // The name that the field had before numbers were passed over.
            next_number: number(value, "rows_added")?,
            next_segment: number(value, "next_segment")?,
            segments: segments.map(segment_of_value).collect::<Option<_>>()?,
        })
    }

    /// The file's contents.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let segments: Vec<Value> = self.segments.iter().map(segment_value).collect();
        let value = json!({
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "generation": self.generation,
            "element": self.element.name(),
            "dimension": self.dimension,
            "columns": self.columns,
            "rows_added": self.next_number,
            "next_segment": self.next_segment,
            "segments": segments,
        });
        let mut text = format!("{value}\n").into_bytes();
        let sum = checksum_line(&text);
        text.extend(sum);
        text
    }
}

/// There is none; perhaps an index of texts, which has its vectors in a folder of its own.
fn no_index(folder: &Path) -> Error {
    let inner = folder.join("vectors");
    if inner.join(MANIFEST).is_file() {
        return Error::input(
            "is an index of texts, not of vectors",
            format!(
                "open it with cslir.Index; its vectors are in {}",
                inner.display()
            ),
        );
    }
    Error::input("no index here", "check the path, or build one")
}

fn checksum_line(line: &[u8]) -> Vec<u8> {
    format!("{}\n", json!(in_hex(checksum(line)))).into_bytes()
}

/// A number; larger ones than any index can count to are refused, so that counting on can't overflow.
fn number(value: &Value, name: &str) -> Option<u64> {
    const MOST: u64 = 1 << 62;
    value.get(name)?.as_u64().filter(|number| *number <= MOST)
}

fn segment_value(segment: &SegmentEntry) -> Value {
    let deleted = segment.deleted.as_ref().map(
        |deleted| json!({"generation": deleted.generation, "checksum": in_hex(deleted.checksum)}),
    );
    json!({
        "number": segment.number,
        "rows": segment.rows,
        "checksum": in_hex(segment.checksum),
        "deleted": deleted,
    })
}

fn segment_of_value(value: &Value) -> Option<SegmentEntry> {
    let deleted = match value.get("deleted")? {
        Value::Null => None,
        deleted => Some(DeletedEntry {
            generation: number(deleted, "generation")?,
            checksum: of_hex(deleted)?,
        }),
    };
    Some(SegmentEntry {
        number: number(value, "number")?,
        rows: usize::try_from(number(value, "rows")?).ok()?,
        checksum: of_hex(value)?,
        deleted,
    })
}

// As text: 64-bit numbers don't survive all JSON readers.
fn in_hex(checksum: u64) -> String {
    format!("{checksum:016x}")
}

fn of_hex(value: &Value) -> Option<u64> {
    u64::from_str_radix(value.get("checksum")?.as_str()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_an_index_are_its_own() {
        for name in [
            "00000001.segment",
            "00000001-00000003.deleted",
            "00000001.ids.part",
            "00000012.ends.part",
            "00000001.column3.part",
            "manifest.jsonl.part",
        ] {
            assert!(is_ours(name) && is_index_file(name), "{name}");
        }
        for name in [
            "20240101 film.part",
            "20240101.film.part",
            "00000001.segment.part",
            "20240101.deleted",
            "notes.segment",
            "manifest.jsonl",
            "lock",
        ] {
            assert!(!is_ours(name), "{name}");
        }
        assert!(is_index_file("manifest.jsonl") && is_index_file("lock"));
        assert!(!is_index_file("20240101 film.part"));
    }
}
