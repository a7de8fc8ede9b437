//! Any bytes as a segment file of an index. Most files are made by damaging a whole one and mending its header,
//! so that the readers of vectors, filter, ids and columns are reached: they must refuse or answer, and never
//! panic or read out of bounds.

#![no_main]

use std::sync::LazyLock;

use arbitrary::Arbitrary;
use exact_topk::index::{Batch, Index, Snapshot, Strings, Where, mend};
use foundation::Interrupt;
use exact_topk::{Element, Matrix, Workers};
use libfuzzer_sys::fuzz_target;

const DIMENSION: usize = 4;

#[derive(Arbitrary, Debug)]
enum File<'a> {
    Bytes(&'a [u8]),
    Damaged {
        /// A file of many rows, with a filter.
        large: bool,
        damages: Vec<Damage>,
        mended: bool,
    },
}

#[derive(Arbitrary, Debug)]
enum Damage {
    Set(u32, u8),
    /// In the header, or at the start of a section.
    Number(u8, u64),
    Add(u8, i8),
    Word(u32, u32),
    Cut(u32),
    Append(u8),
}

impl Damage {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let length = bytes.len().max(1);
        match *self {
            Damage::Set(at, value) => {
                if let Some(byte) = bytes.get_mut(at as usize % length) {
                    *byte = value;
                }
            }
            Damage::Number(at, value) => {
                let at = usize::from(at) * 8 % length;
                if let Some(number) = bytes.get_mut(at..at + 8) {
                    number.copy_from_slice(&value.to_le_bytes());
                }
            }
            Damage::Add(at, value) => {
                let at = usize::from(at) * 8 % length;
                if let Some(number) = bytes.get_mut(at..at + 8) {
                    let old = number.first_chunk().map_or(0, |old| u64::from_le_bytes(*old));
                    let new = old.wrapping_add_signed(i64::from(value));
                    number.copy_from_slice(&new.to_le_bytes());
                }
            }
            Damage::Word(at, value) => {
                let at = at as usize % length & !3;
                if let Some(word) = bytes.get_mut(at..at + 4) {
                    word.copy_from_slice(&value.to_le_bytes());
                }
            }
            Damage::Cut(at) => bytes.truncate(at as usize % length),
            Damage::Append(value) => bytes.push(value),
        }
    }
}

/// The bytes of a segment of so many rows.
fn segment(rows: usize) -> Vec<u8> {
    let folder = std::env::temp_dir().join(format!("cslir-fuzz-{}-{rows}", std::process::id()));
    let values: Vec<f32> = (0..rows * DIMENSION).map(|at| (at * 7 % 23) as f32 - 11.0).collect();
    let languages: Strings = (0..rows).map(|row| ["de", "fr", "vi"][row % 3]).collect();
    let metadata = [("language".to_owned(), languages)];
    let vectors = Matrix::new(&values, rows, DIMENSION).unwrap();
    let batch = Batch {
        vectors,
        ids: None,
        metadata: &metadata,
    };
    Index::build(&batch, Element::Float32, Some(&folder), &Interrupt::new()).unwrap();
    let bytes = std::fs::read(folder.join("00000001.segment")).unwrap();
    std::fs::remove_dir_all(folder).unwrap();
    bytes
}

static SMALL: LazyLock<Vec<u8>> = LazyLock::new(|| segment(20));
static LARGE: LazyLock<Vec<u8>> = LazyLock::new(|| segment(2100));

fn bytes_of(file: File<'_>) -> Vec<u8> {
    match file {
        File::Bytes(bytes) => bytes.to_vec(),
        File::Damaged {
            large,
            damages,
            mended,
        } => {
            let mut bytes = if large { LARGE.clone() } else { SMALL.clone() };
            for damage in &damages {
                damage.apply(&mut bytes);
            }
            if mended {
                mend(&mut bytes);
            }
            bytes
        }
    }
}

fn ask(index: &Snapshot) {
    let interrupt = Interrupt::new();
    let query = vec![1.0; index.dimension().min(1 << 16)];
    let Ok(query) = Matrix::new(&query, 1, index.dimension()) else {
        return;
    };
    let wanted = index.columns().iter().map(|name| (name.clone(), vec!["fr".to_owned()]));
    let wanted: Vec<(String, Vec<String>)> = wanted.collect();
    for which in [Where::All, Where::Metadata(&wanted)] {
        if let Ok(hits) = index.search(query, 3, which, Workers::Caller, &interrupt) {
            assert!(hits.rows.iter().all(|row| (*row as usize) < index.rows()));
        }
    }
    for column in index.columns() {
        let _ = index.counts(column);
    }
    for row in (0..index.rows() as i64).take(50) {
        let _ = (index.ids(&[row]), index.vectors(&[row]));
        for column in index.columns() {
            let _ = index.metadata(column, &[row]);
        }
    }
}

fuzz_target!(|file: File<'_>| {
    let Ok(index) = Index::of_segment(&bytes_of(file)) else {
        return;
    };
    ask(&index.snapshot());
    let _ = index.delete(&["3", "absent"].iter().collect(), &Interrupt::new());
    let _ = index.delete(&["3"].iter().collect(), &Interrupt::new());
    ask(&index.snapshot());
    let _ = index.compact(&Interrupt::new());
    ask(&index.snapshot());
});
