//! Blocks of lines to switched blocks: find the texts, switch them, put them back.

use super::plan::{Layout, Plan};
use super::source::Block;
use super::texts::BlockTexts;
use super::{jsonl, spans, tsv};
use crate::switch::{Counts, NamedText, Scratch, SwitchedTexts, TextSpans};
use crate::{Error, Result};

/// A switched block.
#[derive(Debug, Default)]
pub(super) struct SwitchedBlock {
    pub(super) bytes: Vec<u8>,
    /// A line of JSON for each record with its spans; empty if the job has no file for them.
    pub(super) spans: Vec<u8>,
    pub(super) records: u64,
    pub(super) counts: Counts,
}

/// Memory of one thread, reused from block to block.
#[derive(Default)]
pub(super) struct Worker {
    texts: BlockTexts,
    scratch: Scratch,
    /// The output of each switcher.
    switched: Vec<SwitchedTexts>,
}

impl Worker {
    /// Switches a block.
    ///
    /// # Errors
    /// `Error::Input` with the number of the first bad line.
    pub(super) fn switch(&mut self, plan: &Plan<'_>, block: &Block) -> Result<SwitchedBlock> {
        let (text, invalid) = valid_lines(block);
        let mut switched = SwitchedBlock {
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
        switched: &mut SwitchedBlock,
    ) -> Result<()> {
        self.texts.clear();
        match plan.layout {
            Layout::Tsv => tsv::find(plan, text, first_line, &mut self.texts)?,
            Layout::Jsonl => jsonl::find(plan, text, first_line, &mut self.texts)?,
        }
        switched.records += self.texts.records.len() as u64;
        let switchers = plan.switchers.len() + 1;
        self.switched.resize_with(switchers, SwitchedTexts::default);
        let mut spans: Vec<TextSpans<'_>> = Vec::new();
        if plan.spans.is_some() {
            spans.resize_with(switchers, TextSpans::default);
        }
        let mut texts: Vec<NamedText<'_>> = Vec::with_capacity(self.texts.texts.len());
        for (number, output) in self.switched.iter_mut().enumerate() {
            texts.clear();
            texts.extend(self.texts.texts_of(plan, number, text));
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
        self.put_back(plan, text, &mut switched.bytes);
        if plan.spans.is_some() {
            self.push_spans(plan, text, &spans, &mut switched.spans);
        }
        Ok(())
    }

    /// Appends the block to `output` with the switched texts in the place of the original ones.
    fn put_back(&self, plan: &Plan<'_>, block: &str, output: &mut Vec<u8>) {
        let mut switched: Vec<_> = self.switched.iter().map(SwitchedTexts::iter).collect();
        let mut copied = 0;
        for text in &self.texts.texts {
            let number = self.texts.switcher_of(plan, text);
            let new = switched.get_mut(number).and_then(Iterator::next);
            let new = new.unwrap_or_default();
            if new == self.texts.get(text.text, block) {
                continue;
            }
            let kept = block.as_bytes().get(copied..text.start);
            output.extend_from_slice(kept.unwrap_or_default());
            match plan.layout {
                Layout::Tsv => output.extend_from_slice(new.as_bytes()),
                Layout::Jsonl => jsonl::push_string(new, output),
            }
            copied = text.end;
        }
        output.extend_from_slice(block.as_bytes().get(copied..).unwrap_or_default());
    }

    /// Appends a line of JSON for each record with the spans of its texts.
    fn push_spans(
        &self,
        plan: &Plan<'_>,
        block: &str,
        spans: &[TextSpans<'_>],
        output: &mut Vec<u8>,
    ) {
        let mut spans: Vec<_> = spans.iter().map(TextSpans::iter).collect();
        let mut start = 0;
        for record in &self.texts.records {
            let own = self.texts.texts.get(start..record.texts_end);
            let texts = own.unwrap_or_default().iter().map(|text| {
                let number = self.texts.switcher_of(plan, text);
                let of_text = spans.get_mut(number).and_then(Iterator::next);
                let field = self.texts.field_name(plan, text);
                (field, of_text.unwrap_or_default())
            });
            spans::push_record(plan, self.texts.get(record.id, block), texts, output);
            start = record.texts_end;
        }
    }
}

/// Bytes of a block that are parsed, switched and put back before the next: they stay in the cache of a core.
const STRETCH_BYTES: usize = 256 << 10;

/// Length of the whole lines at the beginning of a text that together reach [`STRETCH_BYTES`], or of the text.
fn stretch_length(text: &str) -> usize {
    let line_end = text
        .as_bytes()
        .get(STRETCH_BYTES..)
        .and_then(|after| memchr::memchr(b'\n', after));
    line_end.map_or(text.len(), |at| STRETCH_BYTES + at + 1)
}

/// The block's text; if a line is not UTF-8, only the lines before it, and the error.
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
