use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::destination::Compression;
use super::*;
use crate::lexicon::compile;
use crate::switch::{LanguageChoice, MissPolicy, Options, Scratch, TargetChoice, TextId};

/// A folder that is removed with its files.
pub(super) struct Folder(pub(super) PathBuf);

impl Folder {
    pub(super) fn new() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("cslir-stream-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        Folder(folder)
    }

    pub(super) fn file(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, contents).unwrap();
        path
    }

    pub(super) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name();
        let mut names: Vec<String> = entries
            .map(|entry| name(entry).to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Stops a run after some blocks, and keeps what it is told.
#[derive(Default)]
pub(super) struct Watch {
    pub(super) stop_after: Option<u64>,
    pub(super) blocks: AtomicU64,
    pub(super) notices: Mutex<Vec<String>>,
}

impl Observer for Watch {
    fn progress(&self, _: u64, _: Option<u64>, _: u64) -> Result<()> {
        let blocks = self.blocks.fetch_add(1, Ordering::Relaxed) + 1;
        match self.stop_after {
            Some(most) if blocks >= most => Err(Error::Interrupted),
            _ => Ok(()),
        }
    }

    fn notice(&self, message: &str) {
        self.notices.lock().unwrap().push(message.to_owned());
    }
}

pub(super) fn switcher(translation_prob: f64, seed: u64) -> Switcher {
    let words = [
        ("house", "Haus"),
        ("red", "rot"),
        ("ice cream", "Eis"),
        ("x", "\"ß\\"),
    ];
    let lexicon = |language| {
        let entries = words.map(|(source, target)| (source, [(target, 1.0)]));
        Arc::new(compile(("en", language), "", "", entries, []).unwrap())
    };
    let options = Options {
        translation_prob,
        seed,
        language_choice: LanguageChoice::Token,
        miss_policy: MissPolicy::Keep,
        target_choice: TargetChoice::Weighted,
        language_weights: None,
        stop_words: Vec::new(),
        switch_stop_words: false,
        lemma_fallback: false,
        protect: true,
    };
    Switcher::new(vec![lexicon("de"), lexicon("nl")], options).unwrap()
}

pub(super) fn job<'j>(source: &'j Path, destination: &'j Path, switcher: &'j Switcher) -> Job<'j> {
    Job {
        source,
        destination,
        switcher,
        fields: Vec::new(),
        translation_probs: Vec::new(),
        record_ids: RecordIds::Named,
        epoch: 0,
        threads: 2,
        spans: None,
        restart: false,
        checkpoint_bytes: 1,
    }
}

pub(super) fn run(job: &Job<'_>) -> Result<Summary> {
    switch_file(job, &Watch::default(), &Interrupt::new())
}

/// What comes out of a small file.
fn switched(
    name: &str,
    contents: impl AsRef<[u8]>,
    change: impl Fn(&mut Job<'_>),
) -> Result<Vec<u8>> {
    let folder = Folder::new();
    let source = folder.file(name, contents);
    let destination = folder.0.join("out");
    let switcher = switcher(1.0, 1);
    let mut job = job(&source, &destination, &switcher);
    change(&mut job);
    let outcome = run(&job);
    let left = if outcome.is_ok() {
        vec![name, "out"]
    } else {
        vec![name]
    };
    assert_eq!(folder.names(), left);
    outcome.map(|_| fs::read(&destination).unwrap())
}

fn message(name: &str, contents: impl AsRef<[u8]>, change: impl Fn(&mut Job<'_>)) -> String {
    let message = switched(name, contents, change).unwrap_err().to_string();
    message.rsplit('/').next().unwrap().to_owned()
}

/// A tsv of some blocks.
pub(super) fn large() -> String {
    let row = |row| format!("d{row}\tthe red house {row}\tan ice-cream, Red; HOUSE\n");
    (0..70_000).map(row).collect()
}

#[test]
fn only_the_switched_words_of_a_tsv_change() {
    let source = "\u{feff}1\tA  RED house;\tred\r\n\n2\t\t\r\n\r\n3\tпривет\t  \n4\tHouse";
    let expected = "\u{feff}1\tA  ROT Haus;\trot\r\n\n2\t\t\r\n\r\n3\tпривет\t  \n4\tHaus";
    let output = switched("a.tsv", source, |_| {}).unwrap();
    assert_eq!(String::from_utf8(output).unwrap(), expected);
    let one_column = |job: &mut Job<'_>| job.fields = vec!["3".to_owned()];
    let output = switched("a.tsv", "1\tred\tred\tred\n", one_column).unwrap();
    assert_eq!(output, b"1\tred\trot\tred\n");
}

#[test]
fn only_the_switched_strings_of_a_jsonl_change() {
    let source = concat!(
        "{ \"text\":\"red\\u0020\\/ \\\"x\\\"\" ,\"n\": 1.50e+3, \"_id\":7,\"title\" : \"caf\\u00e9\"}\r\n \n",
        "{\"_id\":\"b\\u0031\",\"title\":null,\"text\":\"\",\"deep\":{\"text\":\"red\"},\"language\":\"en\"}",
    );
    let expected = concat!(
        "{ \"text\":\"rot / \\\"\\\"ß\\\\\\\"\" ,\"n\": 1.50e+3, \"_id\":7,\"title\" : \"caf\\u00e9\"}\r\n \n",
        "{\"_id\":\"b\\u0031\",\"title\":null,\"text\":\"\",\"deep\":{\"text\":\"red\"},\"language\":\"en\"}",
    );
    let output = switched("a.jsonl", source, |_| {}).unwrap();
    assert_eq!(String::from_utf8(output).unwrap(), expected);
}

#[test]
fn draws_depend_on_record_and_field() {
    let folder = Folder::new();
    let text = "red house ".repeat(20);
    let tsv = folder.file("a.tsv", format!("k\t{text}\t{text}\n"));
    let jsonl = format!(
        "{{\"query_id\": \"k\", \"id\": \"q\", \"2\": \"{text}\", \"text\": \"{text}\"}}\n"
    );
    let jsonl = folder.file("a.jsonl", jsonl);
    let destination = folder.0.join("out");
    let switcher = switcher(0.5, 3);
    let expected = |record_id: &str, field: &str| {
        let id = TextId {
            record_id,
            field,
            epoch: 2,
        };
        switcher
            .switch(&text, id, &mut Scratch::default(), None)
            .unwrap()
            .0
    };
    let output = |source: &Path, change: &dyn Fn(&mut Job<'_>)| {
        let mut job = job(source, &destination, &switcher);
        job.epoch = 2;
        change(&mut job);
        run(&job).unwrap();
        fs::read_to_string(&destination).unwrap()
    };
    let (two, three) = (expected("k", "2"), expected("k", "3"));
    assert_eq!(output(&tsv, &|_| {}), format!("k\t{two}\t{three}\n"));
    let numbered = output(&tsv, &|job| job.record_ids = RecordIds::LineNumbers);
    assert_eq!(
        numbered,
        format!("k\t{}\t{}\n", expected("1", "2"), expected("1", "3"))
    );
    let named = output(&jsonl, &|job| {
        job.fields = vec!["text".to_owned(), "2".to_owned()]
    });
    assert!(named.contains(&expected("q", "2")) && named.contains(&expected("q", "text")));
    let own = output(&tsv, &|job| {
        job.translation_probs = vec![("3".to_owned(), 0.0)]
    });
    assert_eq!(own, format!("k\t{two}\t{text}\n"));
}

#[test]
fn threads_do_not_matter_and_a_broken_off_run_goes_on_to_the_same_bytes() {
    let folder = Folder::new();
    let source = folder.file("in.tsv", large());
    let switcher = switcher(0.5, 1);
    for suffix in ["tsv", "gz", "zst"] {
        let whole = folder.0.join(format!("whole.{suffix}"));
        let mut first = job(&source, &whole, &switcher);
        first.threads = 1;
        let expected = run(&first).unwrap();
        assert!(expected.input_bytes > 3 << 20 && expected.resumed_after_line == 0);
        let output = folder.0.join(format!("out.{suffix}"));
        let part = folder.0.join(format!("out.{suffix}.part"));
        let mut job = job(&source, &output, &switcher);
        job.threads = 5;
        for stop_after in [2, 1] {
            let watch = Watch {
                stop_after: Some(stop_after),
                ..Watch::default()
            };
            let stopped = switch_file(&job, &watch, &Interrupt::new());
            assert!(matches!(stopped, Err(Error::Interrupted)));
            // What a kill leaves behind the last journal.
            let mut half = fs::OpenOptions::new().append(true).open(&part).unwrap();
            half.write_all(b"half a member").unwrap();
        }
        let watch = Watch::default();
        let summary = switch_file(&job, &watch, &Interrupt::new()).unwrap();
        assert!(watch.notices.lock().unwrap()[0].starts_with("going on after line"));
        assert_eq!(fs::read(&whole).unwrap(), fs::read(&output).unwrap());
        assert_eq!(
            (summary.records, &summary.counts),
            (expected.records, &expected.counts)
        );
        assert!(summary.resumed_after_line > 0 && summary.own_bytes < expected.own_bytes);
    }
    assert!(!folder.names().iter().any(|name| name.contains("part")));
}

#[test]
fn a_run_starts_afresh_when_anything_changed() {
    let folder = Folder::new();
    let source = folder.file("in.tsv", large());
    let output = folder.0.join("out.tsv");
    let stop = |switcher: &Switcher| {
        let watch = Watch {
            stop_after: Some(2),
            ..Watch::default()
        };
        let stopped = switch_file(&job(&source, &output, switcher), &watch, &Interrupt::new());
        assert!(matches!(stopped, Err(Error::Interrupted)));
    };
    let one = switcher(0.5, 1);
    let notices = |job: &Job<'_>| {
        let watch = Watch::default();
        assert_eq!(
            switch_file(job, &watch, &Interrupt::new())
                .unwrap()
                .resumed_after_line,
            0
        );
        watch.notices.into_inner().unwrap()
    };
    stop(&switcher(0.5, 2));
    let other = notices(&job(&source, &output, &one));
    assert_eq!(
        other,
        ["starting afresh: an unfinished run differs in options"]
    );
    let expected = fs::read(&output).unwrap();
    stop(&one);
    let mut again = job(&source, &output, &one);
    again.restart = true;
    assert!(notices(&again).is_empty());
    assert_eq!(fs::read(&output).unwrap(), expected);
    stop(&one);
    fs::write(&source, large() + "x\tred\n").unwrap();
    assert_eq!(
        notices(&job(&source, &output, &one)),
        ["starting afresh: an unfinished run differs in input"]
    );
    stop(&one);
    let journal = folder.0.join("out.tsv.part.json");
    let mut older: Value = serde_json::from_slice(&fs::read(&journal).unwrap()).unwrap();
    older["settings"]["engine version"] = json!(0);
    fs::write(&journal, older.to_string()).unwrap();
    assert_eq!(
        notices(&job(&source, &output, &one)),
        ["starting afresh: an unfinished run differs in engine version"]
    );
    stop(&one);
    fs::write(folder.0.join("out.tsv.part"), "short").unwrap();
    assert_eq!(
        notices(&job(&source, &output, &one)),
        ["starting afresh: the unfinished output is shorter than its journal says"]
    );
    stop(&one);
    fs::write(folder.0.join("out.tsv.part.json"), "{").unwrap();
    assert!(notices(&job(&source, &output, &one)).is_empty());
}

#[test]
fn all_compressions_are_read_and_concatenated_ones_whole() {
    let rows = ["1\tred\n", "2\thouse\n"];
    let gz = |text: &str| {
        let mut member = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        member.write_all(text.as_bytes()).unwrap();
        member.finish().unwrap()
    };
    let bz2 = |text: &str| {
        let mut stream = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        stream.write_all(text.as_bytes()).unwrap();
        stream.finish().unwrap()
    };
    let xz = |text: &str| Compression::Xz.compress(text.as_bytes().to_vec()).unwrap();
    let zst = |text: &str| {
        Compression::Zstandard
            .compress(text.as_bytes().to_vec())
            .unwrap()
    };
    type Compress<'c> = &'c dyn Fn(&str) -> Vec<u8>;
    for compress in [&gz as Compress<'_>, &bz2, &xz, &zst] {
        let file: Vec<u8> = rows.iter().flat_map(|row| compress(row)).collect();
        assert_eq!(
            switched("a.tsv", &file, |_| {}).unwrap(),
            b"1\trot\n2\tHaus\n"
        );
        let first = compress(rows[0]).len();
        let cut = message("a.tsv", &file[..file.len() - 3], |_| {});
        assert!(
            cut.starts_with("a.tsv: truncated or corrupt after line "),
            "{cut}"
        );
        let mut altered = file.clone();
        altered[first - 6] ^= 0xff;
        assert!(message("a.tsv", &altered, |_| {}).contains("truncated or corrupt"));
    }
    assert!(
        message("a.tsv", b"\x04\x22\x4d\x18", |_| {}).contains("lz4 is not read here; decompress")
    );
}

#[test]
fn the_output_is_compressed_by_its_suffix() {
    let text = "1\trot\n";
    for (name, compression) in [("o.gz", "gz"), ("o.zst", "zst"), ("o.xz", "xz")] {
        let folder = Folder::new();
        let (source, destination) = (folder.file("a.tsv", "1\tred\n"), folder.0.join(name));
        run(&job(&source, &destination, &switcher(1.0, 1))).unwrap();
        let bytes = fs::read(&destination).unwrap();
        let mut found = String::new();
        match compression {
            "gz" => flate2::read::GzDecoder::new(&*bytes)
                .read_to_string(&mut found)
                .unwrap(),
            "zst" => zstd::Decoder::new(&*bytes)
                .unwrap()
                .read_to_string(&mut found)
                .unwrap(),
            _ => lzma_rust2::XzReader::new(&*bytes, false)
                .read_to_string(&mut found)
                .unwrap(),
        };
        assert_eq!(found, text);
    }
    let folder = Folder::new();
    let (source, destination) = (folder.file("a.tsv", "1\tred\n"), folder.0.join("o.bz2"));
    let refused = run(&job(&source, &destination, &switcher(1.0, 1)))
        .unwrap_err()
        .to_string();
    assert!(refused.contains("o.bz2: .bz2 is not written; use .gz"));
}

#[test]
fn bad_lines_are_named_and_nothing_is_left() {
    let jsonl = |line: &str| {
        message(
            "a.jsonl",
            format!("{{\"_id\":1,\"text\":\"a\"}}\n\n{line}\n"),
            |_| {},
        )
    };
    let cases = [
        (
            "{\"_id\":1,\"text\":\"a\"",
            "a.jsonl:3: not JSON: EOF while parsing an object (column 19)",
        ),
        (
            "[1]",
            "a.jsonl:3: not a JSON object; one JSON object per line",
        ),
        (
            "{\"text\":\"a\"}",
            "a.jsonl:3: no \"_id\", \"id\", \"doc_id\", \"query_id\"; give",
        ),
        (
            "{\"_id\":1.5,\"text\":\"a\"}",
            "a.jsonl:3: \"_id\" is 1.5; an id is",
        ),
        (
            "{\"_id\":\"\",\"text\":\"a\"}",
            "a.jsonl:3: \"_id\" is \"\"; an id is",
        ),
        (
            "{\"_id\":1,\"text\":[\"a\"]}",
            "a.jsonl:3: \"text\" is not a string; name",
        ),
        (
            "{\"_id\":1,\"body\":\"a\"}",
            "a.jsonl:3: none of the fields title, text; name",
        ),
        (
            "{\"_id\":1,\"text\":\"a\",\"text\":\"b\"}",
            "a.jsonl:3: the key \"text\" comes twice",
        ),
        (
            "{\"_id\":1,\"text\":\"\\ud800\"}",
            "a.jsonl:3: an escape stands for half",
        ),
        (
            "{\"_id\":1,\"text\":\"a\",\"language\":\"de\"}",
            "a.jsonl:3: is in \"de\", the lexicons start from \"en\"",
        ),
    ];
    for (line, expected) in cases {
        let found = jsonl(line);
        assert!(found.starts_with(expected), "{found}");
    }
    let tsv = |line: &[u8]| message("a.tsv", [b"1\ta\n\n", line].concat(), |_| {});
    assert!(tsv(b"2 x").starts_with("a.tsv:3: no tab; the layout is id <tab> text"));
    assert!(tsv(b"\tx").starts_with("a.tsv:3: the id is empty"));
    assert!(tsv(b"2\tx\xff\n").starts_with("a.tsv:3: not UTF-8 (byte 0xff at column 4); convert"));
    assert!(tsv(b"2 x\n\xff\n").starts_with("a.tsv:3: no tab"));
    let triples = "free software\ta free library\ta game\nmail\tread mail\tplay\nred car\ta\tb\n";
    let found = message("a.tsv", triples, |_| {});
    assert!(
        found.starts_with("a.tsv:1: the first column, which is the id, holds words; give --no-id"),
        "{found}"
    );
    assert!(message("a.tsv", "", |_| {}).starts_with("a.tsv: holds no record"));
    assert!(message("a.txt", "1\ta\n", |_| {}).starts_with("a.txt: neither .tsv nor .jsonl"));
    let field = |name: &'static str| move |job: &mut Job<'_>| job.fields = vec![name.to_owned()];
    assert!(
        message("a.tsv", "1\ta\n", field("text")).contains("give the number of a column, from 2")
    );
    assert!(message("a.tsv", "1\ta\n", field("1")).contains("give the number of a column, from 2"));
    assert!(message("a.tsv", "1\ta\n", field("4")).starts_with("a.tsv:1: no column 4; name"));
    let prob = |job: &mut Job<'_>| job.translation_probs = vec![("body".to_owned(), 0.1)];
    assert!(message("a.jsonl", "{\"_id\":1}", prob).contains("\"body\", which is not switched"));
}

#[test]
fn line_numbers_count_over_blocks() {
    let rows = large() + "no tab here\n";
    let found = message("a.tsv", rows, |_| {});
    assert!(found.starts_with("a.tsv:70001: no tab"), "{found}");
    let long = ["1\ta\n".as_bytes(), &vec![b'a'; LONGEST_LINE + 1]].concat();
    let found = message("a.tsv", &long, |_| {});
    assert!(
        found.starts_with("a.tsv:2: a line of more than 64 MiB; one record a line"),
        "{found}"
    );
}

#[test]
fn an_interrupt_is_heard() {
    let folder = Folder::new();
    let source = folder.file("in.tsv", large());
    let output = folder.0.join("out.tsv");
    let interrupt = Interrupt::new();
    interrupt.request();
    let switcher = switcher(0.5, 1);
    let outcome = switch_file(
        &job(&source, &output, &switcher),
        &Watch::default(),
        &interrupt,
    );
    assert!(matches!(outcome, Err(Error::Interrupted)));
    assert_eq!(folder.names(), ["in.tsv"]);
}

#[test]
fn the_pipeline_keeps_order_and_gives_the_first_error() {
    let limits = Limits {
        threads: 4,
        in_flight: 50,
    };
    let go = |bad: u64| {
        let mut next = 0;
        let mut written = Vec::new();
        let outcome = pipeline::run(
            limits,
            || {
                next += 1;
                // Every tenth is heavier than all that may be in flight.
                Ok((next <= 100).then_some((if next % 10 == 0 { 80 } else { 7 }, next)))
            },
            || 0,
            |_, number: u64| match number {
                number if number >= bad => Err(bad_line(number, "bad", "")),
                number => Ok(number),
            },
            |number| {
                written.push(number);
                Ok(())
            },
            &Interrupt::new(),
        );
        (written, outcome.map_err(|error| error.to_string()))
    };
    assert_eq!(go(u64::MAX), ((1..=100).collect(), Ok(())));
    let (written, outcome) = go(37);
    assert_eq!(written, (1..37).collect::<Vec<u64>>());
    assert_eq!(outcome, Err(bad_line(37, "bad", "").to_string()));
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(|number| json!(number)),
        any::<String>().prop_map(Value::String),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::hash_map(any::<String>(), inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn strings_are_escaped_as_by_the_json_library(text in any::<String>(), tail in "[\\x00-\\x7f]{0,80}") {
        let text = text + &tail;
        let mut output = Vec::new();
        jsonl::push_string(&text, &mut output);
        prop_assert_eq!(String::from_utf8(output).unwrap(), serde_json::to_string(&text).unwrap());
    }

    #[test]
    fn any_json_around_the_texts_stays(extra in json(), text in "(red|house|\\PC|\"|\\\\|\n| ){0,20}") {
        let record = json!({"_id": "1", "extra": extra, "text": text});
        for source in [record.to_string(), format!("{record:#}").replace('\n', " ")] {
            let output = switched("a.jsonl", &source, |_| {}).unwrap();
            let found: Value = serde_json::from_slice(&output).unwrap();
            prop_assert_eq!(&found["extra"], &record["extra"]);
            let id = TextId { record_id: "1", field: "text", epoch: 0 };
            let expected = switcher(1.0, 1).switch(&text, id, &mut Scratch::default(), None).unwrap().0;
            prop_assert_eq!(found["text"].as_str(), Some(&*expected));
            if expected == text {
                prop_assert_eq!(String::from_utf8(output).unwrap(), source);
            }
        }
    }
}
