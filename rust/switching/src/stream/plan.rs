//! A job checked, in the form in which workers need it.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::destination::Compression;
use super::{Job, RecordIds, source};
use crate::switch::{ENGINE_VERSION, Options, Switcher};
use crate::{Error, Result};

/// Where a record's id stands in a JSON object, the first of them that it has.
const ID_NAMES: [&str; 4] = ["_id", "id", "doc_id", "query_id"];

/// The texts of a JSON object, where the caller names none.
const TEXT_NAMES: [&str; 2] = ["title", "text"];

/// How records are laid out in lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Columns between tabs.
    Tsv,
    /// A JSON object a line.
    Jsonl,
}

/// A job in the form in which workers need it.
pub(super) struct Plan<'j> {
    pub(super) layout: Layout,
    pub(super) fields: Vec<String>,
    /// The fields of a tsv; all if empty.
    pub(super) columns: Vec<usize>,
    pub(super) record_ids: RecordIds,
    pub(super) id_names: Vec<&'static str>,
    pub(super) source_language: String,
    pub(super) switcher: &'j Switcher,
    /// The switchers of fields with a `translation_prob` of their own.
    pub(super) switchers: Vec<(String, Switcher)>,
    pub(super) epoch: u64,
    pub(super) compression: Compression,
    /// How the spans are compressed, where they are wanted.
    pub(super) spans: Option<Compression>,
}

impl<'j> Plan<'j> {
    pub(super) fn new(job: &Job<'j>) -> Result<Self> {
        let layout = layout_of(job.source)?;
        if layout_of(job.destination).is_ok_and(|other| other != layout) {
            return Err(Error::in_file(
                Error::input(
                    "the output's name says another layout than the input's",
                    "give both the same suffix, .tsv or .jsonl",
                ),
                job.destination,
            ));
        }
        let mut fields = job.fields.clone();
        if fields.is_empty() && layout == Layout::Jsonl {
            fields = TEXT_NAMES.map(str::to_owned).to_vec();
        }
        let columns = match layout {
            Layout::Tsv => columns_of(&job.fields, job.record_ids)?,
            Layout::Jsonl => Vec::new(),
        };
        refuse_other_fields(job, layout, &fields, &columns)?;
        let switchers = job
            .translation_probs
            .iter()
            .map(|(name, translation_prob)| {
                let options = Options {
                    translation_prob: *translation_prob,
                    ..job.switcher.options().clone()
                };
                Ok((
                    name.clone(),
                    Switcher::new(job.switcher.lexicons().to_vec(), options)?,
                ))
            });
        let first = job.switcher.lexicons().first();
        Ok(Plan {
            layout,
            columns,
            record_ids: job.record_ids,
            id_names: ID_NAMES
                .into_iter()
                .filter(|name| fields.iter().all(|field| field != name))
                .collect(),
            fields,
            source_language: first.map_or_else(String::new, |first| {
                first.description().source_language.clone()
            }),
            switcher: job.switcher,
            switchers: switchers.collect::<Result<_>>()?,
            epoch: job.epoch,
            compression: Compression::of_path(job.destination)?,
            spans: job.spans.map(Compression::of_path).transpose()?,
        })
    }

    /// 0 for the job's switcher, else one more than the place among `switchers`.
    pub(super) fn number_of_switcher(&self, field: &str) -> usize {
        let own = self.switchers.iter().position(|(name, _)| name == field);
        own.map_or(0, |at| at + 1)
    }

    pub(super) fn switcher_of_number(&self, number: usize) -> &Switcher {
        let own = number.checked_sub(1).and_then(|at| self.switchers.get(at));
        own.map_or(self.switcher, |(_, switcher)| switcher)
    }

    /// Everything that the output depends on, by a name that the user knows.
    pub(super) fn settings(&self, input: Value, spans: Option<&Path>) -> Map<String, Value> {
        let lexicons = self.switcher.lexicons().iter().map(|lexicon| {
            let description = lexicon.description();
            let bytes = lexicon.bytes();
            // The head holds a checksum of the whole.
            let head = bytes.get(..bytes.len().min(4096)).unwrap_or_default();
            json!([
                description.source_language,
                description.target_language,
                bytes.len(),
                source::crc(head)
            ])
        });
        let probs = self
            .switchers
            .iter()
            .map(|(name, switcher)| json!([name, switcher.options().translation_prob]));
        let settings = [
            ("engine version", json!(ENGINE_VERSION)),
            ("input", input),
            ("lexicons", lexicons.collect()),
            ("options", json!(format!("{:?}", self.switcher.options()))),
            ("translation_probs", probs.collect()),
            ("fields", json!(self.fields)),
            ("columns", json!(self.columns)),
            ("record_ids", json!(format!("{:?}", self.record_ids))),
            ("epoch", json!(self.epoch)),
            ("compression", json!(format!("{:?}", self.compression))),
            ("spans", json!(spans.map(Path::to_string_lossy))),
        ];
        settings
            .map(|(name, value)| (name.to_owned(), value))
            .into_iter()
            .collect()
    }
}

/// Refuses a `translation_prob` of a field that is not switched.
fn refuse_other_fields(
    job: &Job<'_>,
    layout: Layout,
    fields: &[String],
    columns: &[usize],
) -> Result<()> {
    for (name, _) in &job.translation_probs {
        let known = match layout {
            Layout::Tsv => {
                let named = columns_of(std::slice::from_ref(name), job.record_ids)?;
                columns.is_empty() || named.iter().all(|column| columns.contains(column))
            }
            Layout::Jsonl => fields.contains(name),
        };
        if !known {
            return Err(Error::input(
                format!("translation_prob for {name:?}, which is not switched"),
                "name it as a field, too",
            ));
        }
    }
    Ok(())
}

/// What a name's suffixes say.
fn layout_of(path: &Path) -> Result<Layout> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let has = |layout: &str| name.split('.').skip(1).any(|suffix| suffix == layout);
    match (has("tsv"), has("jsonl")) {
        (_, true) => Ok(Layout::Jsonl),
        (true, false) => Ok(Layout::Tsv),
        (false, false) => Err(Error::in_file(
            Error::input("neither .tsv nor .jsonl", "rename it by its layout"),
            path,
        )),
    }
}

/// The columns that fields name.
fn columns_of(fields: &[String], record_ids: RecordIds) -> Result<Vec<usize>> {
    let first = match record_ids {
        RecordIds::Named => 2,
        RecordIds::LineNumbers => 1,
    };
    let columns = fields.iter().map(|field| {
        // The name is part of the draws: 02 would be another field than 2.
        let column = field
            .parse()
            .ok()
            .filter(|column: &usize| column.to_string() == *field);
        column.filter(|column| *column >= first).ok_or_else(|| {
            Error::input(
                format!("the field {field:?} of a tsv file"),
                format!("give the number of a column, from {first}"),
            )
        })
    });
    columns.collect()
}
