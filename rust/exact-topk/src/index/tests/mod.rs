//! What the tests of indexes share: a plain list of rows that does what an index does.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::prop_assert_eq;
use proptest::test_runner::TestCaseError;

use super::*;
use crate::{Matrix, Workers};

mod changes;
mod damage;
mod model;

static GO_ON: Interrupt = Interrupt::new();
const DIMENSION: usize = 3;

/// A folder of its own, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("cslir-index-{}-{number}", std::process::id());
        Folder(std::env::temp_dir().join(name))
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).into_iter().flatten();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A row as a person would keep it. Small whole numbers: scores are exact, and ties abound.
#[derive(Clone, Debug)]
struct Row {
    id: String,
    language: String,
    vector: [i8; DIMENSION],
    is_live: bool,
}

/// Owns what a batch borrows.
struct Rows {
    values: Vec<f32>,
    ids: Strings,
    metadata: Vec<(String, Strings)>,
}

impl Rows {
    fn of(rows: &[Row]) -> Self {
        let languages = rows.iter().map(|row| &row.language).collect();
        Rows {
            values: rows
                .iter()
                .flat_map(|row| row.vector.map(f32::from))
                .collect(),
            ids: rows.iter().map(|row| &row.id).collect(),
            metadata: vec![("language".to_owned(), languages)],
        }
    }

    fn batch(&self) -> Batch<'_> {
        Batch {
            vectors: Matrix::new(&self.values, self.values.len() / DIMENSION, DIMENSION).unwrap(),
            ids: Some(&self.ids),
            metadata: &self.metadata,
        }
    }
}

fn rows(from: usize, count: usize) -> Vec<Row> {
    let row = |number: usize| Row {
        id: format!("d{number}"),
        language: ["de", "fr", "vi"][number % 3].to_owned(),
        vector: [number as i8 % 5, 1, -(number as i8 % 3)],
        is_live: true,
    };
    (from..from + count).map(row).collect()
}

fn build(folder: &Folder, rows: &[Row], element: Element) -> Index {
    Index::build(&Rows::of(rows).batch(), element, Some(&folder.0), &GO_ON).unwrap()
}

fn append(index: &Index, model: &mut Vec<Row>, added: Vec<Row>) {
    index.append(&Rows::of(&added).batch(), &GO_ON).unwrap();
    model.extend(added);
}

fn error<T: std::fmt::Debug>(result: Result<T>) -> String {
    result.unwrap_err().to_string()
}

fn strings(strings: &[&str]) -> Strings {
    strings.iter().collect()
}
/// What a search must find.
fn expected(
    model: &[Row],
    query: [f32; DIMENSION],
    k: usize,
    takes_part: impl Fn(usize, &Row) -> bool,
) -> Vec<(f32, u32)> {
    let rows = model
        .iter()
        .enumerate()
        .filter(|(number, row)| row.is_live && takes_part(*number, row));
    let score = |row: &Row| {
        row.vector
            .iter()
            .zip(query)
            .map(|(x, y)| f32::from(*x) * y)
            // From 0.0, as the index does: `sum` starts from -0.0, which zeros of both signs come behind.
            .fold(0.0, |sum, product| sum + product)
    };
    let mut all: Vec<(f32, u32)> = rows
        .map(|(number, row)| (score(row), number as u32))
        .collect();
    all.sort_by(|x, y| y.0.total_cmp(&x.0).then(x.1.cmp(&y.1)));
    all.truncate(k);
    all
}

fn found(
    index: &Snapshot,
    query: [f32; DIMENSION],
    k: usize,
    which: Where<'_>,
) -> Result<Vec<(f32, u32)>> {
    let hits = index.search(
        Matrix::new(&query, 1, DIMENSION)?,
        k,
        which,
        Workers::Caller,
        &GO_ON,
    )?;
    assert_eq!(hits.k, hits.rows.len());
    Ok(hits.scores.into_iter().zip(hits.rows).collect())
}

/// Compares everything that can be asked.
fn compare(
    index: &Snapshot,
    model: &[Row],
    query: [f32; DIMENSION],
    k: usize,
) -> std::result::Result<(), TestCaseError> {
    prop_assert_eq!(index.rows(), model.len());
    prop_assert_eq!(index.len(), model.iter().filter(|row| row.is_live).count());
    prop_assert_eq!(
        found(index, query, k, Where::All).unwrap(),
        expected(model, query, k, |_, _| true)
    );
    let flags: Vec<bool> = (0..model.len()).map(|row| row % 3 != 1).collect();
    prop_assert_eq!(
        found(index, query, k, Where::Flags(&flags)).unwrap(),
        expected(model, query, k, |row, _| flags[row])
    );
    if !index.columns().is_empty() {
        for languages in [&["de"][..], &["fr", "xx", "vi"], &[]] {
            let values = languages.iter().map(|value| (*value).to_owned()).collect();
            let wanted = [("language".to_owned(), values)];
            prop_assert_eq!(
                found(index, query, k, Where::Metadata(&wanted)).unwrap(),
                expected(model, query, k, |_, row| languages
                    .contains(&row.language.as_str()))
            );
        }
        let all: Vec<i64> = (0..model.len() as i64).collect();
        let languages: Vec<&str> = model.iter().map(|row| row.language.as_str()).collect();
        prop_assert_eq!(
            index.metadata("language", &all).unwrap(),
            strings(&languages)
        );
        let mut counts = BTreeMap::new();
        for row in model.iter().filter(|row| row.is_live) {
            *counts.entry(row.language.clone()).or_insert(0) += 1;
        }
        prop_assert_eq!(index.counts("language").unwrap(), counts);
        let ids: Vec<&str> = model.iter().map(|row| row.id.as_str()).collect();
        prop_assert_eq!(index.ids(&all).unwrap(), strings(&ids));
        let vectors: Vec<f32> = model
            .iter()
            .flat_map(|row| row.vector.map(f32::from))
            .collect();
        prop_assert_eq!(index.vectors(&all).unwrap(), vectors);
        let live: Vec<i64> = all
            .into_iter()
            .filter(|row| model[*row as usize].is_live)
            .collect();
        prop_assert_eq!(index.live_rows(), live);
    }
    Ok(())
}
