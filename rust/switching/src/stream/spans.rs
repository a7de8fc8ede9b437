//! What was replaced by what, for whoever aligns the output with the input: a line of JSON for each record.

use std::io::Write as _;

use super::jsonl::push_string;
use super::plan::Plan;
use crate::switch::Span;

/// Appends the line of a record, whose texts come as their field's name and their spans.
pub(super) fn push_record<'s>(
    plan: &Plan<'_>,
    record_id: &str,
    texts: impl Iterator<Item = (&'s str, &'s [Span<'s>])>,
    output: &mut Vec<u8>,
) {
    output.extend_from_slice(b"{\"record_id\":");
    push_string(record_id, output);
    output.extend_from_slice(b",\"spans\":[");
    let spans = texts.flat_map(|(field, spans)| spans.iter().map(move |span| (field, span)));
    for (number, (field, span)) in spans.enumerate() {
        if number > 0 {
            output.push(b',');
        }
        push_span(plan, field, span, output);
    }
    output.extend_from_slice(b"]}\n");
}

fn push_span(plan: &Plan<'_>, field: &str, span: &Span<'_>, output: &mut Vec<u8>) {
    output.extend_from_slice(b"{\"field\":");
    push_string(field, output);
    let ((first, last), (start, end)) = (span.source, span.target);
    // Writing to memory can't fail.
    let _ = write!(
        output,
        ",\"source\":[{first},{last}],\"target\":[{start},{end}],\"language\":"
    );
    let lexicon = plan.switcher.lexicons().get(span.lexicon);
    let language = lexicon.map_or("", |lexicon| &lexicon.description().target_language);
    push_string(language, output);
    output.extend_from_slice(b",\"entry\":");
    push_string(span.entry, output);
    output.push(b'}');
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use serde_json::Value;

    use crate::Interrupt;
    use crate::stream::tests::{Folder, Watch, job, large, run, switcher};
    use crate::stream::{RecordIds, switch_file};
    use crate::{Error, Result};

    fn lines(path: &Path) -> Vec<Value> {
        let text = fs::read_to_string(path).unwrap();
        text.lines()
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The text after, made of the text before, the spans of a field and their pieces of the text after.
    fn rebuilt(before: &str, after: &str, told: &Value, field: &str) -> String {
        let (mut rebuilt, mut copied) = (String::new(), 0);
        let spans = told["spans"].as_array().unwrap();
        for span in spans.iter().filter(|span| span["field"] == field) {
            let place = |name: &str, at: usize| span[name][at].as_u64().unwrap() as usize;
            rebuilt.push_str(&before[copied..place("source", 0)]);
            assert_eq!(rebuilt.len(), place("target", 0));
            rebuilt.push_str(&after[place("target", 0)..place("target", 1)]);
            copied = place("source", 1);
        }
        rebuilt + &before[copied..]
    }

    #[test]
    fn each_record_has_a_line_whose_spans_rebuild_its_texts() {
        let folder = Folder::new();
        let records = [
            r#"{"_id": "a\"b", "text": "red é \"house\" x\n", "title": "Ice cream"}"#,
            "",
            r#"{"_id": 7, "title": "", "text": "nothing"}"#,
            r#"{"_id": "c", "title": "red", "text": "red red"}"#,
        ];
        let source = folder.file("in.jsonl", records.join("\n"));
        let (output, spans) = (folder.0.join("out.jsonl"), folder.0.join("spans.jsonl"));
        let switcher = switcher(1.0, 1);
        let mut job = job(&source, &output, &switcher);
        job.spans = Some(&spans);
        job.translation_probs = vec![("text".to_owned(), 0.5)];
        let summary = run(&job).unwrap();
        assert_eq!(folder.names(), ["in.jsonl", "out.jsonl", "spans.jsonl"]);
        let (before, after, told) = (lines(&source), lines(&output), lines(&spans));
        let ids: Vec<_> = told.iter().map(|told| &told["record_id"]).collect();
        assert_eq!(ids, ["a\"b", "7", "c"]);
        for ((before, after), told) in before.iter().zip(&after).zip(&told) {
            for field in ["title", "text"] {
                let (before, after) = (before[field].as_str(), after[field].as_str());
                assert_eq!(
                    rebuilt(before.unwrap(), after.unwrap(), told, field),
                    after.unwrap()
                );
            }
        }
        let all: Vec<&Value> = told
            .iter()
            .flat_map(|told| told["spans"].as_array().unwrap())
            .collect();
        assert_eq!(all.len() as u64, summary.counts.switched - 1);
        let phrase = all
            .iter()
            .find(|span| span["entry"] == "ice cream")
            .unwrap();
        assert_eq!(phrase["target"], serde_json::json!([0, 3]));
        assert!(
            all.iter()
                .all(|span| span["language"] == "de" || span["language"] == "nl")
        );
    }

    #[test]
    fn columns_are_told_by_their_number() {
        let folder = Folder::new();
        let source = folder.file("in.tsv", "red\tx house\n");
        let (output, spans) = (folder.0.join("out"), folder.0.join("spans"));
        let switcher = switcher(1.0, 1);
        let mut job = job(&source, &output, &switcher);
        job.spans = Some(&spans);
        job.record_ids = RecordIds::LineNumbers;
        run(&job).unwrap();
        let told = lines(&spans);
        assert_eq!(told[0]["record_id"], "1");
        let place = |span: &Value| (span["field"].clone(), span["source"].clone());
        let places: Vec<_> = told[0]["spans"]
            .as_array()
            .unwrap()
            .iter()
            .map(place)
            .collect();
        let expected = [("1", [0, 3]), ("2", [0, 1]), ("2", [2, 7])];
        assert_eq!(
            places,
            expected.map(|(field, place)| (field.into(), place.as_slice().into()))
        );
    }

    #[test]
    fn runs_broken_off_end_in_the_same_spans() {
        let folder = Folder::new();
        let source = folder.file("in.tsv", large());
        let switcher = switcher(0.5, 1);
        for suffix in ["jsonl", "jsonl.zst"] {
            let path = |name: &str| folder.0.join(format!("{name}.{suffix}"));
            let (whole, whole_spans) = (folder.0.join("whole.tsv"), path("whole-spans"));
            let mut first = job(&source, &whole, &switcher);
            first.threads = 1;
            first.spans = Some(&whole_spans);
            run(&first).unwrap();
            let (output, spans) = (folder.0.join("out.tsv"), path("spans"));
            let mut job = job(&source, &output, &switcher);
            job.spans = Some(&spans);
            let stop = || -> Result<_> {
                let watch = Watch {
                    stop_after: Some(2),
                    ..Watch::default()
                };
                switch_file(&job, &watch, &Interrupt::new())
            };
            assert!(matches!(stop(), Err(Error::Interrupted)));
            assert!(matches!(stop(), Err(Error::Interrupted)));
            let part = path("spans")
                .with_extension(format!("{}.part", suffix.rsplit('.').next().unwrap()));
            let written = fs::read(&part).unwrap();
            let watch = Watch::default();
            let summary = switch_file(&job, &watch, &Interrupt::new()).unwrap();
            assert!(summary.resumed_after_line > 0 && !written.is_empty());
            assert_eq!(fs::read(&whole).unwrap(), fs::read(&output).unwrap());
            assert_eq!(fs::read(&whole_spans).unwrap(), fs::read(&spans).unwrap());
            assert!(!folder.names().iter().any(|name| name.contains("part")));

            assert!(matches!(stop(), Err(Error::Interrupted)));
            fs::write(&part, "short").unwrap();
            let watch = Watch::default();
            switch_file(&job, &watch, &Interrupt::new()).unwrap();
            assert!(watch.notices.lock().unwrap()[0].contains("is shorter than"));
            assert_eq!(fs::read(&whole_spans).unwrap(), fs::read(&spans).unwrap());

            assert!(matches!(stop(), Err(Error::Interrupted)));
            job.spans = None;
            let watch = Watch::default();
            switch_file(&job, &watch, &Interrupt::new()).unwrap();
            assert!(watch.notices.lock().unwrap()[0].ends_with("differs in spans"));
            fs::remove_file(part).unwrap();
        }
    }

    #[test]
    fn spans_have_a_file_of_their_own() {
        let folder = Folder::new();
        let source = folder.file("in.tsv", "1\tred\n");
        let output = folder.0.join("out");
        let switcher = switcher(1.0, 1);
        for (name, problem) in [
            ("in.tsv", "input and output are the same file"),
            ("out", "is a file of the output, too"),
            ("out.part", "is a file of the output, too"),
            ("in.tsv/spans", "can't be written"),
            ("spans.bz2", "is not written; use"),
        ] {
            let spans = folder.0.join(name);
            let mut job = job(&source, &output, &switcher);
            job.spans = Some(&spans);
            let error = run(&job).unwrap_err().to_string();
            assert!(error.contains(problem), "{error}");
            assert_eq!(folder.names(), ["in.tsv"]);
        }
    }
}
