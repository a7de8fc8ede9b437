//! The texts of a block of lines: where they are, and the record and the field that each belongs to.

use super::plan::{Layout, Plan};
use crate::switch::{NamedText, TextId};

/// A range of a block, or of the strings that were built because the block does not contain them.
#[derive(Clone, Copy, Debug)]
pub(super) struct StringRange {
    start: u32,
    end: u32,
    is_built: bool,
}

impl StringRange {
    /// Bytes `start..end` of the block.
    pub(super) fn of_block(start: usize, end: usize) -> Self {
        // A block is a little longer than the longest line at most, far below 4 GiB.
        StringRange {
            start: start as u32,
            end: end as u32,
            is_built: false,
        }
    }
}

/// A text to switch.
#[derive(Clone, Copy, Debug)]
pub(super) struct BlockText {
    pub(super) text: StringRange,
    record_id: StringRange,
    /// Number of its column, from 1, or of its name among the fields of the plan, from 0.
    field: usize,
    /// Bytes `start..end` of the block are replaced if the text is switched; JSON's quotes are among them.
    pub(super) start: usize,
    pub(super) end: usize,
}

/// A record, by its id and the number of texts up to its end.
#[derive(Clone, Copy, Debug)]
pub(super) struct BlockRecord {
    pub(super) id: StringRange,
    pub(super) texts_end: usize,
}

/// The texts and records that the parser of a layout finds in a block.
#[derive(Debug, Default)]
pub(super) struct BlockTexts {
    /// Strings that the block does not contain, such as a JSON string without its escapes.
    built: String,
    pub(super) texts: Vec<BlockText>,
    pub(super) records: Vec<BlockRecord>,
    column_names: ColumnNames,
}

impl BlockTexts {
    /// Builds a string that the block does not contain; `write` appends it.
    pub(super) fn build<E>(
        &mut self,
        write: impl FnOnce(&mut String) -> std::result::Result<(), E>,
    ) -> std::result::Result<StringRange, E> {
        let start = self.built.len() as u32;
        write(&mut self.built)?;
        Ok(StringRange {
            start,
            end: self.built.len() as u32,
            is_built: true,
        })
    }

    /// Adds a text of a field, which bytes `start..end` of the block contain. An empty one is left out.
    pub(super) fn add(
        &mut self,
        text: StringRange,
        record_id: StringRange,
        field: usize,
        (start, end): (usize, usize),
    ) {
        if text.start < text.end {
            self.texts.push(BlockText {
                text,
                record_id,
                field,
                start,
                end,
            });
        }
    }

    /// Adds a text of column number `column`, from 1, likewise.
    pub(super) fn add_column(
        &mut self,
        record_id: StringRange,
        column: usize,
        (start, end): (usize, usize),
    ) {
        self.column_names.extend_to(column);
        let text = StringRange::of_block(start, end);
        self.add(text, record_id, column, (start, end));
    }

    /// Ends a record, whose texts were added.
    pub(super) fn end_record(&mut self, id: StringRange) {
        self.records.push(BlockRecord {
            id,
            texts_end: self.texts.len(),
        });
    }

    pub(super) fn get<'t>(&'t self, range: StringRange, block: &'t str) -> &'t str {
        let whole = if range.is_built { &self.built } else { block };
        whole
            .get(range.start as usize..range.end as usize)
            .unwrap_or_default()
    }

    /// The texts that switcher number `number` of the plan switches.
    pub(super) fn texts_of<'t>(
        &'t self,
        plan: &'t Plan<'_>,
        number: usize,
        block: &'t str,
    ) -> impl Iterator<Item = NamedText<'t>> {
        let own = move |text: &&BlockText| self.switcher_of(plan, text) == number;
        self.texts.iter().filter(own).map(move |text| NamedText {
            text: self.get(text.text, block),
            id: TextId {
                record_id: self.get(text.record_id, block),
                field: self.field_name(plan, text),
                epoch: plan.epoch,
            },
        })
    }

    pub(super) fn field_name<'n>(&'n self, plan: &'n Plan<'_>, text: &BlockText) -> &'n str {
        match plan.layout {
            Layout::Tsv => self.column_names.get(text.field),
            Layout::Jsonl => plan.fields.get(text.field).map_or("", String::as_str),
        }
    }

    /// The number of the switcher of a text.
    pub(super) fn switcher_of(&self, plan: &Plan<'_>, text: &BlockText) -> usize {
        if plan.switchers.is_empty() {
            return 0;
        }
        plan.number_of_switcher(self.field_name(plan, text))
    }

    /// Removes all texts; the memory is kept for the next block.
    pub(super) fn clear(&mut self) {
        self.built.clear();
        self.texts.clear();
        self.records.clear();
    }
}

/// The names of columns, `1`, `2` and so on, made once for a run.
#[derive(Debug, Default)]
struct ColumnNames(Vec<String>);

impl ColumnNames {
    /// The name of column number `column`, from 1.
    fn get(&self, column: usize) -> &str {
        let index = column.checked_sub(1);
        index
            .and_then(|index| self.0.get(index))
            .map_or("", String::as_str)
    }

    fn extend_to(&mut self, column: usize) {
        while self.0.len() < column {
            self.0.push((self.0.len() + 1).to_string());
        }
    }
}

/// The lines of a block with their numbers and first bytes, without line ends and byte-order mark.
pub(super) fn lines(block: &str, first_line: u64) -> impl Iterator<Item = (u64, usize, &str)> {
    let mut start = 0;
    let ends = memchr::memchr_iter(b'\n', block.as_bytes()).chain([block.len()]);
    ends.enumerate().filter_map(move |(index, end)| {
        let number = first_line + index as u64;
        let line = block.get(start..end)?;
        let line = line.strip_suffix('\r').unwrap_or(line);
        let unmarked = line.strip_prefix('\u{feff}').filter(|_| number == 1);
        let line_start = start + unmarked.map_or(0, |unmarked| line.len() - unmarked.len());
        start = end + 1;
        Some((number, line_start, unmarked.unwrap_or(line)))
    })
}
