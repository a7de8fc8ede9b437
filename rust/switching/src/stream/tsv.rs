//! Records in columns: an id and texts, with tabs between.

use std::fmt::Write as _;

use super::plan::Plan;
use super::texts::{BlockTexts, StringRange, lines};
use super::{RecordIds, bad_line};
use crate::{Error, Result};

/// Finds the texts of a block's lines.
pub(super) fn find(
    plan: &Plan<'_>,
    block: &str,
    first_line: u64,
    texts: &mut BlockTexts,
) -> Result<()> {
    let numbered = plan.record_ids == RecordIds::LineNumbers;
    if !numbered && plan.columns.is_empty() && first_line == 1 {
        refuse_words_as_ids(block)?;
    }
    for (number, start, line) in lines(block, first_line) {
        if line.is_empty() {
            continue;
        }
        let tab = memchr::memchr(b'\t', line.as_bytes());
        let (record_id, first_text) = if numbered {
            (
                texts
                    .build(|built| write!(built, "{number}"))
                    .map_err(|_| no_tab(number))?,
                0,
            )
        } else {
            let tab = tab.ok_or_else(|| no_tab(number))?;
            if tab == 0 {
                return Err(bad_line(
                    number,
                    "the id is empty",
                    "the layout is id <tab> text",
                ));
            }
            (StringRange::of_block(start, start + tab), tab + 1)
        };
        let line_end = start + line.len();
        let mut column = if numbered { 1 } else { 2 };
        let mut from = start + first_text;
        let tabs =
            memchr::memchr_iter(b'\t', line.as_bytes().get(first_text..).unwrap_or_default());
        for to in tabs.map(|at| start + first_text + at).chain([line_end]) {
            if plan.columns.is_empty() || plan.columns.contains(&column) {
                texts.add_column(record_id, column, (from, to));
            }
            from = to + 1;
            column += 1;
        }
        if let Some(&missing) = plan.columns.iter().find(|&&wanted| wanted >= column) {
            return Err(bad_line(
                number,
                format!("no column {missing}"),
                "name the columns of the texts with --field",
            ));
        }
        texts.end_record(record_id);
    }
    Ok(())
}

/// Refuses records of texts alone, whose first text would be taken for the id and never be switched.
fn refuse_words_as_ids(block: &str) -> Result<()> {
    let (mut records, mut with_words, mut first) = (0_usize, 0_usize, None);
    for (number, _, line) in lines(block, 1) {
        let Some((id, _)) = line.split_once('\t') else {
            continue;
        };
        records += 1;
        if id.trim().contains(char::is_whitespace) {
            with_words += 1;
            first.get_or_insert(number);
        }
    }
    match first {
        Some(number) if with_words > records / 2 => Err(bad_line(
            number,
            "the first column, which is the id, holds words",
            "give --no-id where lines have no ids, as those of triples.train.small.tsv, or name the columns of the \
             texts with --field",
        )),
        _ => Ok(()),
    }
}

fn no_tab(line: u64) -> Error {
    bad_line(
        line,
        "no tab",
        "the layout is id <tab> text; texts without ids need --no-id",
    )
}
