use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::*;
use crate::topk::Matrix;

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
            .sum::<f32>()
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
    let hits = index.search(Matrix::new(&query, 1, DIMENSION)?, k, which, &GO_ON)?;
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

#[derive(Clone, Debug)]
enum Operation {
    Append(Vec<[i8; DIMENSION]>),
    Delete(Vec<prop::sample::Index>),
    /// Deletes a row and adds another with its id.
    Replace(prop::sample::Index, [i8; DIMENSION]),
    Compact,
    Reopen,
}

fn operation() -> impl Strategy<Value = Operation> {
    let vector = || prop::array::uniform3(-9i8..10);
    prop_oneof![
        3 => prop::collection::vec(vector(), 0..80).prop_map(Operation::Append),
        3 => prop::collection::vec(any::<prop::sample::Index>(), 0..20).prop_map(Operation::Delete),
        1 => (any::<prop::sample::Index>(), vector()).prop_map(|(at, vector)| Operation::Replace(at, vector)),
        1 => Just(Operation::Compact),
        1 => Just(Operation::Reopen),
    ]
}

fn append(index: &Index, model: &mut Vec<Row>, added: Vec<Row>) {
    index.append(&Rows::of(&added).batch(), &GO_ON).unwrap();
    model.extend(added);
}

fn delete(index: &Index, model: &mut [Row], chosen: &[prop::sample::Index]) {
    let live: Vec<usize> = (0..model.len()).filter(|row| model[*row].is_live).collect();
    if live.is_empty() {
        return;
    }
    let mut chosen: Vec<usize> = chosen.iter().map(|at| live[at.index(live.len())]).collect();
    chosen.sort_unstable();
    chosen.dedup();
    let ids = chosen.iter().map(|row| &model[*row].id).collect();
    assert_eq!(index.delete(&ids, &GO_ON).unwrap(), chosen.len());
    for row in chosen {
        model[row].is_live = false;
    }
}

fn apply(index: &mut Index, model: &mut Vec<Row>, added: &mut usize, operation: Operation) {
    match operation {
        Operation::Append(vectors) => {
            let rows = vectors.into_iter().map(|vector| {
                *added += 1;
                Row {
                    id: format!("d{added}"),
                    language: ["de", "fr", "vi"][*added % 3].to_owned(),
                    vector,
                    is_live: true,
                }
            });
            append(index, model, rows.collect());
        }
        Operation::Delete(chosen) => delete(index, model, &chosen),
        Operation::Replace(at, vector) => {
            if model.is_empty() || !model[at.index(model.len())].is_live {
                return;
            }
            let row = at.index(model.len());
            let new = Row {
                vector,
                ..model[row].clone()
            };
            index.delete(&strings(&[&new.id]), &GO_ON).unwrap();
            model[row].is_live = false;
            append(index, model, vec![new]);
        }
        Operation::Compact => {
            index.compact(&GO_ON).unwrap();
            model.retain(|row| row.is_live);
        }
        Operation::Reopen => {
            if let Some(path) = index.path() {
                *index = Index::open(path).unwrap();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn answers_as_a_plain_list_of_rows_does(
        operations in prop::collection::vec(operation(), 1..12),
        element in prop::sample::select(&Element::ALL[..]),
        is_in_memory in any::<bool>(),
        query in prop::array::uniform3(-9i8..10),
        k in 1usize..40,
    ) {
        let folder = Folder::new();
        let path = (!is_in_memory).then_some(folder.0.as_path());
        let mut index = Index::build(&Rows::of(&[]).batch(), element, path, &GO_ON).unwrap();
        let (mut model, mut added) = (Vec::new(), 0);
        for operation in operations {
            apply(&mut index, &mut model, &mut added, operation);
            compare(&index.snapshot(), &model, query.map(f32::from), k)?;
        }
        index.verify(&GO_ON).unwrap();
        let copy = Folder::new();
        index.save(&copy.0, &GO_ON).unwrap();
        model.retain(|row| row.is_live);
        let saved = Index::open(&copy.0).unwrap();
        saved.verify(&GO_ON).unwrap();
        compare(&saved.snapshot(), &model, query.map(f32::from), k)?;
    }

    #[test]
    fn a_flipped_byte_is_an_error_or_changes_nothing(
        file in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), flip in 1u8..=255,
    ) {
        let folder = Folder::new();
        let model = damageable(&folder);
        let names: Vec<String> = folder.names().into_iter().filter(|name| name != "lock").collect();
        let path = folder.0.join(&names[file.index(names.len())]);
        let mut bytes = fs::read(&path).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        fs::write(&path, &bytes).unwrap();
        look_at_damaged(&folder, &model)?;
    }
}

/// Two segments, one with a deleted row.
fn damageable(folder: &Folder) -> Vec<Row> {
    let mut model = rows(0, 20);
    let index = build(folder, &model, Element::Float16);
    append(&index, &mut model, rows(20, 7));
    index.delete(&strings(&["d3", "d21"]), &GO_ON).unwrap();
    model[3].is_live = false;
    model[21].is_live = false;
    model
}

/// Asks everything: nothing may panic, and where nothing is found wrong the answers must be right.
fn look_at_damaged(folder: &Folder, model: &[Row]) -> std::result::Result<(), TestCaseError> {
    let Ok(index) = Index::open(&folder.0) else {
        return Ok(());
    };
    let snapshot = index.snapshot();
    let all: Vec<i64> = (0..snapshot.rows() as i64).collect();
    let wanted = [("language".to_owned(), vec!["fr".to_owned()])];
    let _ = found(&snapshot, [1.0; DIMENSION], 5, Where::All);
    let _ = found(&snapshot, [1.0; DIMENSION], 5, Where::Metadata(&wanted));
    let _ = (
        snapshot.ids(&all),
        snapshot.metadata("language", &all),
        snapshot.vectors(&all),
    );
    let _ = model
        .iter()
        .filter_map(|row| snapshot.find(&row.id))
        .count();
    match index.verify(&GO_ON) {
        Ok(()) => compare(&snapshot, model, [1.0, 2.0, 3.0], 9),
        Err(_) => Ok(()),
    }
}

#[test]
fn every_truncation_is_an_error() {
    let folder = Folder::new();
    damageable(&folder);
    for name in folder.names().into_iter().filter(|name| name != "lock") {
        let path = folder.0.join(&name);
        let whole = fs::read(&path).unwrap();
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            let message = error(Index::open(&folder.0));
            assert!(
                message.contains(folder.0.to_str().unwrap()),
                "{name}, {length}: {message}"
            );
        }
        fs::write(&path, [&whole[..], b"\n"].concat()).unwrap();
        assert!(Index::open(&folder.0).is_err(), "{name} with a byte more");
        fs::write(&path, &whole).unwrap();
    }
    assert!(Index::open(&folder.0).is_ok());
}

#[test]
fn a_missing_file_a_foreign_one_and_another_version_are_named() {
    let folder = Folder::new();
    assert!(error(Index::open(&folder.0)).contains("no index here"));
    damageable(&folder);
    let (manifest, segment) = (
        folder.0.join("manifest.jsonl"),
        folder.0.join("00000001.segment"),
    );
    let text = fs::read_to_string(&manifest).unwrap();
    let bytes = fs::read(&segment).unwrap();
    fs::write(&segment, "some text that is no segment").unwrap();
    assert!(error(Index::open(&folder.0)).contains("00000001.segment: not a segment"));
    let mut newer = bytes.clone();
    newer[8] = 9;
    fs::write(&segment, newer).unwrap();
    assert!(error(Index::open(&folder.0)).contains("format version 9"));
    fs::copy(folder.0.join("00000002.segment"), &segment).unwrap();
    assert!(error(Index::open(&folder.0)).contains("not the segment that the manifest names"));
    fs::remove_file(&segment).unwrap();
    assert!(
        error(Index::open(&folder.0))
            .contains("00000001.segment: the index is damaged (a file is missing)")
    );
    fs::write(&segment, bytes).unwrap();
    fs::write(&manifest, text.replace("\"rows\":7", "\"rows\":8")).unwrap();
    assert!(error(Index::open(&folder.0)).contains("wrong checksum of the manifest"));
    fs::write(&manifest, "{}\n").unwrap();
    assert!(error(Index::open(&folder.0)).contains("not the manifest of an index"));
}

#[test]
fn a_reader_keeps_its_snapshot_until_it_refreshes() {
    let folder = Folder::new();
    let mut model = rows(0, 30);
    let writer = build(&folder, &model, Element::Float32);
    let reader = Index::open(&folder.0).unwrap();
    let before = model.clone();
    writer.delete(&strings(&["d1", "d4"]), &GO_ON).unwrap();
    writer
        .append(&Rows::of(&rows(30, 5)).batch(), &GO_ON)
        .unwrap();
    writer.compact(&GO_ON).unwrap();
    compare(&reader.snapshot(), &before, [1.0, 2.0, 3.0], 9).unwrap();
    assert_eq!(reader.snapshot().rows(), 30);
    assert!(reader.refresh().unwrap());
    assert!(!reader.refresh().unwrap());
    model.extend(rows(30, 5));
    model.retain(|row| row.id != "d1" && row.id != "d4");
    compare(&reader.snapshot(), &model, [1.0, 2.0, 3.0], 9).unwrap();
    // A writer works on what is newest, not on what it has open.
    reader.delete(&strings(&["d2"]), &GO_ON).unwrap();
    assert_eq!(writer.snapshot().len(), 33);
    writer
        .append(&Rows::of(&rows(35, 1)).batch(), &GO_ON)
        .unwrap();
    assert_eq!(writer.snapshot().len(), 33);
    assert!(error(writer.delete(&strings(&["d2"]), &GO_ON)).contains("no row has the id \"d2\""));
}

#[test]
fn what_a_killed_writer_left_goes_with_the_next_change() {
    let folder = Folder::new();
    let index = build(&folder, &rows(0, 9), Element::Float32);
    let names = folder.names();
    for left in [
        "00000002.segment",
        "00000002.ids.part",
        "00000001-00000002.deleted",
        "manifest.jsonl.part",
    ] {
        fs::write(folder.0.join(left), "half of a").unwrap();
    }
    fs::write(folder.0.join("notes.txt"), "mine").unwrap();
    assert_eq!(Index::open(&folder.0).unwrap().snapshot().len(), 9);
    index
        .append(&Rows::of(&rows(9, 1)).batch(), &GO_ON)
        .unwrap();
    let mut expected = [
        &names[..],
        &["00000002.segment".to_owned(), "notes.txt".to_owned()],
    ]
    .concat();
    expected.sort();
    assert_eq!(folder.names(), expected);
}

#[test]
fn one_writer_at_a_time() {
    let folder = Folder::new();
    let index = build(&folder, &rows(0, 9), Element::Float32);
    let writer = IndexWriter::create(&folder.0, DIMENSION, Element::Float32).unwrap();
    for refused in [
        error(index.delete(&strings(&["d1"]), &GO_ON)),
        error(index.compact(&GO_ON)),
        error(IndexWriter::create(&folder.0, 2, Element::Float32)),
    ] {
        assert!(
            refused.contains("another writer is changing this index"),
            "{refused}"
        );
    }
    assert_eq!(
        found(&index.snapshot(), [1.0; 3], 2, Where::All)
            .unwrap()
            .len(),
        2
    );
    drop(writer);
    index.delete(&strings(&["d1"]), &GO_ON).unwrap();
}

#[test]
fn a_writer_that_is_dropped_leaves_the_folder_as_it_was() {
    let folder = Folder::new();
    let added = Rows::of(&rows(0, 9));
    let mut writer = IndexWriter::create(&folder.0, DIMENSION, Element::Float32).unwrap();
    writer.add(&added.batch(), &GO_ON).unwrap();
    drop(writer);
    assert!(!folder.0.exists());
    build(&folder, &rows(0, 5), Element::Float32);
    let names = folder.names();
    let mut writer = IndexWriter::create(&folder.0, DIMENSION, Element::Float32).unwrap();
    writer.add(&added.batch(), &GO_ON).unwrap();
    writer.add(&added.batch(), &GO_ON).unwrap();
    assert!(error(writer.finish(&GO_ON)).contains("rows 0 and 9 have the same id \"d0\""));
    assert_eq!(folder.names(), names);
    assert_eq!(Index::open(&folder.0).unwrap().snapshot().len(), 5);
    let foreign = Folder::new();
    fs::create_dir_all(&foreign.0).unwrap();
    fs::write(foreign.0.join("notes.txt"), "mine").unwrap();
    let refused = error(IndexWriter::create(&foreign.0, DIMENSION, Element::Float32));
    assert!(refused.contains("holds no index of ours"), "{refused}");
    assert_eq!(foreign.names(), ["notes.txt"]);
}

#[test]
fn batches_that_do_not_fit_are_refused_and_change_nothing() {
    let folder = Folder::new();
    let index = build(&folder, &rows(0, 9), Element::Float16);
    let names = folder.names();
    let mut twice = rows(9, 2);
    twice[1].id = "d9".to_owned();
    let mut large = Rows::of(&rows(9, 2));
    large.values[4] = 65_520.0;
    let mut infinite = Rows::of(&rows(9, 2));
    infinite.values[4] = f32::INFINITY;
    let mut fewer_ids = Rows::of(&rows(9, 2));
    fewer_ids.ids = strings(&["d9"]);
    let mut other_columns = Rows::of(&rows(9, 2));
    other_columns.metadata[0].0 = "tongue".to_owned();
    for (rows, message) in [
        (Rows::of(&twice), "rows 0 and 1 have the same id \"d9\""),
        (Rows::of(&rows(8, 2)), "there is a row with the id \"d8\""),
        (large, "row 1 holds 65520 in column 1, which float16 can't"),
        (infinite, "row 1 holds inf in column 1"),
        (fewer_ids, "1 ids for 2 vectors"),
        (
            other_columns,
            "metadata columns tongue for an index with language",
        ),
    ] {
        let refused = error(index.append(&rows.batch(), &GO_ON));
        assert!(refused.contains(message), "{refused}");
        assert_eq!(folder.names(), names);
    }
    let wider = Matrix::new(&[1.0; 4], 1, 4).unwrap();
    let batch = Batch {
        vectors: wider,
        ids: None,
        metadata: &[],
    };
    assert!(
        error(index.append(&batch, &GO_ON))
            .contains("vectors of dimension 4 for an index of dimension 3")
    );
    let search = |which| error(found(&index.snapshot(), [1.0; 3], 1, which));
    assert!(search(Where::Flags(&[true])).contains("1 flags for 9 rows"));
    let unknown = [("tongue".to_owned(), Vec::new())];
    assert!(
        search(Where::Metadata(&unknown))
            .contains("no metadata column \"tongue\"; the index has: language")
    );
    assert!(error(found(&index.snapshot(), [1.0; 3], 0, Where::All)).contains("k is below 1"));
    assert!(
        error(index.snapshot().search(wider, 1, Where::All, &GO_ON))
            .contains("queries of dimension 4")
    );
    assert!(error(index.snapshot().ids(&[9])).contains("no row 9"));
    assert!(error(index.delete(&strings(&["d1", "d1"]), &GO_ON)).contains("given twice"));
    assert_eq!(index.snapshot().len(), 9);
}

#[test]
fn rows_without_ids_are_called_by_numbers_that_never_come_back() {
    let index = Index::build(
        &Batch {
            vectors: Matrix::new(&[1.0; 9], 3, 3).unwrap(),
            ids: None,
            metadata: &[],
        },
        Element::BFloat16,
        None,
        &GO_ON,
    )
    .unwrap();
    index.delete(&strings(&["1"]), &GO_ON).unwrap();
    index.compact(&GO_ON).unwrap();
    let more = Batch {
        vectors: Matrix::new(&[2.0; 6], 2, 3).unwrap(),
        ids: None,
        metadata: &[],
    };
    index.append(&more, &GO_ON).unwrap();
    let snapshot = index.snapshot();
    assert_eq!(
        snapshot.ids(&snapshot.live_rows()).unwrap(),
        strings(&["0", "2", "3", "4"])
    );
}

#[test]
fn the_same_rows_give_the_same_bytes_streamed_or_not_and_filters_change_nothing() {
    // Enough rows for a filter, of clustered vectors.
    let (count, dimension) = (6000, 64);
    let value = |row: usize, column: usize| {
        let (center, noise) = (row % 7 * 13 + column * 5, row * 31 + column * 17);
        (center % 19) as f32 - 9.0 + (noise % 101) as f32 / 200.0
    };
    let values: Vec<f32> = (0..count * dimension)
        .map(|at| value(at / dimension, at % dimension))
        .collect();
    let batch = |values| Batch {
        vectors: Matrix::new(values, values.len() / dimension, dimension).unwrap(),
        ids: None,
        metadata: &[],
    };
    let (whole, streamed) = (Folder::new(), Folder::new());
    let index = Index::build(
        &batch(&values[..]),
        Element::Float32,
        Some(&whole.0),
        &GO_ON,
    )
    .unwrap();
    let mut writer = IndexWriter::create(&streamed.0, dimension, Element::Float32).unwrap();
    for values in values.chunks(dimension * 1001) {
        writer.add(&batch(values), &GO_ON).unwrap();
    }
    writer.finish(&GO_ON).unwrap();
    for name in whole.names() {
        let [one, two] = [&whole, &streamed].map(|folder| fs::read(folder.0.join(&name)).unwrap());
        assert!(one == two, "{name} differs");
    }
    let memory = Index::build(&batch(&values[..]), Element::Float32, None, &GO_ON).unwrap();
    assert_eq!(index.snapshot().filtered_rows(), count);
    let queries = Matrix::new(&values[..5 * dimension], 5, dimension).unwrap();
    let plain = crate::topk::top_k(
        Matrix::new(&values, count, dimension).unwrap(),
        queries,
        10,
        &GO_ON,
    )
    .unwrap();
    for index in [index, memory] {
        let hits = index
            .snapshot()
            .search(queries, 10, Where::All, &GO_ON)
            .unwrap();
        assert_eq!((&hits.scores, &hits.rows), (&plain.scores, &plain.rows));
    }
}

#[test]
fn work_stops_on_request() {
    let folder = Folder::new();
    let index = build(&folder, &rows(0, 9), Element::Float32);
    index
        .append(&Rows::of(&rows(9, 1)).batch(), &GO_ON)
        .unwrap();
    let names = folder.names();
    let stopped = Interrupt::new();
    stopped.request();
    assert!(matches!(index.compact(&stopped), Err(Error::Interrupted)));
    assert!(matches!(
        index.append(&Rows::of(&rows(10, 1)).batch(), &stopped),
        Err(Error::Interrupted)
    ));
    assert!(matches!(index.verify(&stopped), Err(Error::Interrupted)));
    assert_eq!(folder.names(), names);
}
