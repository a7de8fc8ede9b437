//! Damaged, forged and foreign files.

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

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

    #[test]
    fn a_forged_segment_is_an_error_or_an_index(
        forgeries in prop::collection::vec((any::<prop::sample::Index>(), forged_number()), 1..4),
    ) {
        let folder = Folder::new();
        build(&folder, &rows(0, 20), Element::BFloat16);
        let mut bytes = fs::read(folder.0.join("00000001.segment")).unwrap();
        for (at, number) in forgeries {
            let (numbers, _) = bytes.as_chunks_mut();
            *at.get_mut(numbers) = number.to_le_bytes();
        }
        mend(&mut bytes);
        if let Ok(index) = Index::of_segment(&bytes) {
            ask_all(&index.snapshot());
            let _ = index.delete(&strings(&["d1"]), &GO_ON);
            let _ = index.compact(&GO_ON);
            ask_all(&index.snapshot());
        }
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
    ask_all(&snapshot);
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

/// Nothing may panic, whatever is answered.
fn ask_all(snapshot: &Snapshot) {
    let all: Vec<i64> = (0..snapshot.rows() as i64).collect();
    let wanted = [("language".to_owned(), vec!["fr".to_owned()])];
    let query = vec![1.0; snapshot.dimension()];
    let query = Matrix::new(&query, 1, snapshot.dimension()).unwrap();
    for which in [Where::All, Where::Metadata(&wanted)] {
        let _ = snapshot.search(query, 5, which, Workers::Caller, &GO_ON);
    }
    let _ = (
        snapshot.ids(&all),
        snapshot.metadata("language", &all),
        snapshot.counts("language"),
        snapshot.vectors(&all),
    );
    let _ = rows(0, 30)
        .iter()
        .filter_map(|row| snapshot.find(&row.id))
        .count();
}

fn forged_number() -> impl Strategy<Value = u64> {
    prop_oneof![
        0u64..100,
        any::<u64>(),
        (0u32..64).prop_map(|bit| u64::MAX >> bit)
    ]
}
