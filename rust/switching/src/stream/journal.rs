//! What a run has done so far, beside its unfinished output, so that the next run can go on.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::source::Position;
use crate::switch::Counts;
use crate::{Error, Result};

/// The version that is written and read.
const FORMAT: u64 = 2;

/// How far a run is, and what it depends on.
#[derive(Clone, Debug)]
pub(super) struct Journal {
    /// Everything that the output depends on, by name.
    pub(super) settings: Map<String, Value>,
    pub(super) progress: Progress,
}

/// How far a run is.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Progress {
    pub(super) position: Position,
    /// Bytes of output, as they are in the file.
    pub(super) written: u64,
    /// Bytes of spans, likewise.
    pub(super) spans_written: u64,
    pub(super) records: u64,
    pub(super) counts: Counts,
}

impl Journal {
    /// The journal's file, beside the unfinished output.
    pub(super) fn path_beside(part: &Path) -> PathBuf {
        let mut name = part.file_name().unwrap_or_default().to_owned();
        name.push(".json");
        part.with_file_name(name)
    }

    /// Reads a journal; `None` where there is none of this format.
    pub(super) fn read(path: &Path) -> Option<Journal> {
        let text = foundation::files::read(path).ok()?;
        let value: Value = serde_json::from_slice(&text).ok()?;
        if value.get("format")?.as_u64()? != FORMAT {
            return None;
        }
        let number = |name: &str| value.get(name)?.as_u64();
        let count = |name: &str| value.get("counts")?.get(name)?.as_u64();
        let count_each = |name: &str| -> Option<Vec<u64>> {
            let counts = value.get("counts")?.get(name)?.as_array()?;
            counts.iter().map(Value::as_u64).collect()
        };
        Some(Journal {
            settings: value.get("settings")?.as_object()?.clone(),
            progress: Progress {
                position: Position {
                    offset: number("input_bytes")?,
                    lines: number("input_lines")?,
                },
                written: number("output_bytes")?,
                spans_written: number("spans_bytes")?,
                records: number("records")?,
                counts: Counts {
                    tokens: count("tokens")?,
                    content: count("content")?,
                    switched: count("switched")?,
                    content_switched: count("content_switched")?,
                    lemmas: count("lemmas")?,
                    missed: count("missed")?,
                    switched_by_lexicon: count_each("switched_by_lexicon")?,
                    missed_by_lexicon: count_each("missed_by_lexicon")?,
                },
            },
        })
    }

    /// Writes the journal in place of an older one.
    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let Progress {
            position,
            written,
            spans_written,
            records,
            counts,
        } = &self.progress;
        let value = json!({
            "format": FORMAT,
            "settings": self.settings,
            "input_bytes": position.offset,
            "input_lines": position.lines,
            "output_bytes": written,
            "spans_bytes": spans_written,
            "records": records,
            "counts": {
                "tokens": counts.tokens,
                "content": counts.content,
                "switched": counts.switched,
                "content_switched": counts.content_switched,
                "lemmas": counts.lemmas,
                "missed": counts.missed,
                "switched_by_lexicon": counts.switched_by_lexicon,
                "missed_by_lexicon": counts.missed_by_lexicon,
            },
        });
        let fresh = path.with_extension("json.new");
        let write = || -> std::io::Result<()> {
            let mut file = File::create(&fresh)?;
            writeln!(file, "{value:#}")?;
            file.sync_data()?;
            std::fs::rename(&fresh, path)
        };
        write().map_err(|source| {
            let _ = std::fs::remove_file(&fresh);
            Error::Io {
                path: path.to_owned(),
                source,
            }
        })
    }

    /// The names of the settings that are others in `now`.
    pub(super) fn differences(&self, now: &Map<String, Value>) -> Vec<String> {
        let names = self.settings.keys().chain(now.keys());
        let mut names: Vec<String> = names
            .filter(|name| self.settings.get(*name) != now.get(*name))
            .cloned()
            .collect();
        names.sort();
        names.dedup();
        names
    }
}
