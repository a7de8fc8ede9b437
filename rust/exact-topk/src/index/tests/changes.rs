//! Readers, writers, and what is refused.

use super::*;

#[test]
fn a_folder_that_was_made_anew_is_taken_up() {
    let folder = Folder::new();
    let build = |rows: &[Row]| {
        let rows = Rows::of(rows);
        Index::build(&rows.batch(), Element::Float32, Some(&folder.0), &GO_ON).unwrap()
    };
    let reader = build(&rows(0, 30));
    fs::remove_dir_all(&folder.0).unwrap();
    let other = build(&rows(0, 5));
    assert_eq!(
        other.snapshot().generation(),
        reader.snapshot().generation()
    );
    assert!(reader.refresh().unwrap());
    assert!(!reader.refresh().unwrap());
    assert_eq!(reader.snapshot().rows(), 5);
}

#[test]
fn rows_that_are_not_there_take_no_room() {
    let folder = Folder::new();
    let writer = IndexWriter::create(&folder.0, usize::MAX / 2, Element::Float32).unwrap();
    let index = writer.finish(&GO_ON).unwrap();
    let error = index.snapshot().vectors(&[0]).unwrap_err().to_string();
    assert!(error.contains("no row 0"), "{error}");
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
        error(
            index
                .snapshot()
                .search(wider, 1, Where::All, Workers::Caller, &GO_ON)
        )
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
    let plain = crate::top_k(
        Matrix::new(&values, count, dimension).unwrap(),
        queries,
        10,
        Workers::Pool,
        &GO_ON,
    )
    .unwrap();
    for index in [index, memory] {
        let hits = index
            .snapshot()
            .search(queries, 10, Where::All, Workers::Pool, &GO_ON)
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
