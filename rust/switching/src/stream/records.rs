//! Blocks of lines to switched blocks: where the texts are, their switching, and putting them back.

use super::source::Block;
use super::{Plan, jsonl, spans, tsv};
use crate::switch::{Counts, NamedText, Scratch, SwitchedTexts, TextId, TextSpans};
use crate::{Error, Result};

/// How records are laid out in lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Columns between tabs.
    Tsv,
    /// A JSON object a line.
    Jsonl,
}

/// A piece of a block, or of the text that was made of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    start: u32,
    end: u32,
    made: bool,
}

impl Piece {
    /// Bytes `start..end` of the block.
    pub(super) fn of_block(start: usize, end: usize) -> Self {
        // A block is a little longer than the longest line at most, far below 4 GiB.
        Piece {
            start: start as u32,
            end: end as u32,
            made: false,
        }
    }
}

/// A text to switch.
#[derive(Clone, Copy, Debug)]
struct Place {
    text: Piece,
    record_id: Piece,
    /// Number of its field.
    field: usize,
    /// Bytes of the block that it stands in, JSON's quotes included.
    start: usize,
    end: usize,
}

/// What a layout's parser finds in a block.
#[derive(Debug, Default)]
pub(super) struct Found {
    made: String,
    places: Vec<Place>,
    /// The names of a tsv's fields.
    pub(super) columns: tsv::Columns,
    records: Vec<Record>,
}

/// A record and the number of places up to its end.
#[derive(Clone, Copy, Debug)]
struct Record {
    id: Piece,
    places: usize,
}

impl Found {
    /// Makes a text that the block does not hold as it is, such as a JSON string with escapes.
    pub(super) fn make<E>(
        &mut self,
        write: impl FnOnce(&mut String) -> std::result::Result<(), E>,
    ) -> std::result::Result<Piece, E> {
        let start = self.made.len() as u32;
        write(&mut self.made)?;
        Ok(Piece {
            start,
            end: self.made.len() as u32,
            made: true,
        })
    }

    /// Adds a text of field number `field` that stands in bytes `start..end` of the block.
    pub(super) fn add(
        &mut self,
        text: Piece,
        record_id: Piece,
        field: usize,
        (start, end): (usize, usize),
    ) {
        if text.start < text.end {
            self.places.push(Place {
                text,
                record_id,
                field,
                start,
                end,
            });
        }
    }

    /// Ends a record, whose texts were added.
    pub(super) fn end_record(&mut self, id: Piece) {
        self.records.push(Record {
            id,
            places: self.places.len(),
        });
    }

    fn get<'t>(&'t self, piece: Piece, block: &'t str) -> &'t str {
        let whole = if piece.made { &self.made } else { block };
        whole
            .get(piece.start as usize..piece.end as usize)
            .unwrap_or_default()
    }

    /// The texts of switcher number `number`.
    fn texts<'t>(
        &'t self,
        plan: &'t Plan<'_>,
        number: usize,
        block: &'t str,
    ) -> impl Iterator<Item = NamedText<'t>> {
        let own = move |place: &&Place| self.number_of_switcher(plan, place) == number;
        self.places.iter().filter(own).map(move |place| NamedText {
            text: self.get(place.text, block),
            id: TextId {
                record_id: self.get(place.record_id, block),
                field: self.name_of_field(plan, place),
                epoch: plan.epoch,
            },
        })
    }

    fn name_of_field<'n>(&'n self, plan: &'n Plan<'_>, place: &Place) -> &'n str {
        match plan.layout {
            Layout::Tsv => self.columns.name(place.field),
            Layout::Jsonl => plan.fields.get(place.field).map_or("", String::as_str),
        }
    }

    fn number_of_switcher(&self, plan: &Plan<'_>, place: &Place) -> usize {
        if plan.switchers.is_empty() {
            return 0;
        }
        plan.number_of_switcher(self.name_of_field(plan, place))
    }

    fn clear(&mut self) {
        self.made.clear();
        self.places.clear();
        self.records.clear();
    }
}

/// A switched block.
#[derive(Debug, Default)]
pub(super) struct Switched {
    pub(super) bytes: Vec<u8>,
    /// What was replaced, a line of JSON for each record, where it is wanted.
    pub(super) spans: Vec<u8>,
    pub(super) records: u64,
    pub(super) counts: Counts,
}

/// Memory of one worker, reused from block to block.
#[derive(Default)]
pub(super) struct Worker {
    found: Found,
    scratch: Scratch,
    /// What each switcher made of its texts.
    switched: Vec<SwitchedTexts>,
}

impl Worker {
    /// Switches a block.
    ///
    /// # Errors
    /// `Error::Input` with the number of the first bad line.
    pub(super) fn switch(&mut self, plan: &Plan<'_>, block: &Block) -> Result<Switched> {
        let (text, invalid) = valid_lines(block);
        let mut switched = Switched {
            bytes: Vec::with_capacity(text.len() + text.len() / 4),
            spans: Vec::new(),
            records: 0,
            counts: Counts::new(plan.switcher.lexicons().len()),
        };
        let mut line = block.first_line;
        let mut rest = text;
        while !rest.is_empty() {
            let (stretch, after) = rest.split_at(stretch_length(rest));
            self.switch_stretch(plan, stretch, line, &mut switched)?;
            line += memchr::memchr_iter(b'\n', stretch.as_bytes()).count() as u64;
            rest = after;
        }
        invalid.map_or(Ok(switched), Err)
    }

    fn switch_stretch(
        &mut self,
        plan: &Plan<'_>,
        text: &str,
        first_line: u64,
        switched: &mut Switched,
    ) -> Result<()> {
        self.found.clear();
        match plan.layout {
            Layout::Tsv => tsv::find(plan, text, first_line, &mut self.found)?,
            Layout::Jsonl => jsonl::find(plan, text, first_line, &mut self.found)?,
        }
        switched.records += self.found.records.len() as u64;
        let switchers = plan.switchers.len() + 1;
        self.switched.resize_with(switchers, SwitchedTexts::default);
        let mut spans: Vec<TextSpans<'_>> = Vec::new();
        if plan.spans.is_some() {
            spans.resize_with(switchers, TextSpans::default);
        }
        let mut texts: Vec<NamedText<'_>> = Vec::with_capacity(self.found.places.len());
        for (number, output) in self.switched.iter_mut().enumerate() {
            texts.clear();
            texts.extend(self.found.texts(plan, number, text));
            output.clear();
            let switcher = plan.switcher_of_number(number);
            switcher.switch_texts(
                &texts,
                &mut self.scratch,
                output,
                &mut switched.counts,
                spans.get_mut(number),
            )?;
        }
        self.render(plan, text, &mut switched.bytes);
        if plan.spans.is_some() {
            self.tell_spans(plan, text, &spans, &mut switched.spans);
        }
        Ok(())
    }

    /// Puts the texts that were changed in the place of the old ones.
    fn render(&self, plan: &Plan<'_>, block: &str, output: &mut Vec<u8>) {
        let mut switched: Vec<_> = self.switched.iter().map(SwitchedTexts::iter).collect();
        let mut copied = 0;
        for place in &self.found.places {
            let number = self.found.number_of_switcher(plan, place);
            let new = switched.get_mut(number).and_then(Iterator::next);
            let new = new.unwrap_or_default();
            if new == self.found.get(place.text, block) {
                continue;
            }
            let kept = block.as_bytes().get(copied..place.start);
            output.extend_from_slice(kept.unwrap_or_default());
            match plan.layout {
                Layout::Tsv => output.extend_from_slice(new.as_bytes()),
                Layout::Jsonl => jsonl::push_string(new, output),
            }
            copied = place.end;
        }
        output.extend_from_slice(block.as_bytes().get(copied..).unwrap_or_default());
    }

    /// Appends a line for each record, with what was replaced in its texts.
    fn tell_spans(
        &self,
        plan: &Plan<'_>,
        block: &str,
        spans: &[TextSpans<'_>],
        output: &mut Vec<u8>,
    ) {
        let mut spans: Vec<_> = spans.iter().map(TextSpans::iter).collect();
        let mut rest = self.found.places.as_slice();
        let mut told = 0;
        for record in &self.found.records {
            let (own, after) = rest.split_at((record.places - told).min(rest.len()));
            let texts = own.iter().map(|place| {
                let number = self.found.number_of_switcher(plan, place);
                let of_text = spans.get_mut(number).and_then(Iterator::next);
                let field = self.found.name_of_field(plan, place);
                (field, of_text.unwrap_or_default())
            });
            spans::push_record(plan, self.found.get(record.id, block), texts, output);
            (rest, told) = (after, record.places);
        }
    }
}

/// How much of a block is read, switched and put back before the next: little enough to stay in a core's cache.
const STRETCH_BYTES: usize = 256 << 10;

/// Length of the whole lines at the beginning of a text that are about as long.
fn stretch_length(text: &str) -> usize {
    let line_end = text
        .as_bytes()
        .get(STRETCH_BYTES..)
        .and_then(|after| memchr::memchr(b'\n', after));
    line_end.map_or(text.len(), |at| STRETCH_BYTES + at + 1)
}

/// The block's text; where a line is not UTF-8, only the lines before it, and the error.
fn valid_lines(block: &Block) -> (&str, Option<Error>) {
    let invalid = match simdutf8::compat::from_utf8(&block.bytes) {
        Ok(text) => return (text, None),
        Err(invalid) => invalid.valid_up_to(),
    };
    let before = block.bytes.get(..invalid).unwrap_or_default();
    let line_start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
    let lines = memchr::memchr_iter(b'\n', before).count() as u64;
    let byte = block.bytes.get(invalid).copied().unwrap_or_default();
    let error = Error::Input {
        path: None,
        line: Some(block.first_line + lines),
        message: format!(
            "not UTF-8 (byte {byte:#04x} at column {})",
            invalid - line_start + 1
        ),
        remedy: "convert the file to UTF-8, with iconv for example".to_owned(),
    };
    let valid = block.bytes.get(..line_start).unwrap_or_default();
    (std::str::from_utf8(valid).unwrap_or_default(), Some(error))
}

/// The lines of a block with their numbers and where they start, without line ends and byte-order mark.
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
