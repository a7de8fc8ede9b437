//! Any entries: what compiles finds each of its entries again, and reads back as the same file.

#![no_main]

use switching::lexicon::{Lexicon, MAX_SOURCE_TOKENS, compile};
use switching::tokenize::tokens;
use libfuzzer_sys::fuzz_target;

type Entry<'a> = (&'a str, Vec<(&'a str, u16)>);

/// Whether a source is one that no lexicon may leave out: tokens with single spaces between.
fn is_plain(source: &str) -> bool {
    let mut end = 0;
    let mut count = 0;
    for token in tokens(source) {
        let gap = &source[end..token.start];
        if gap != if count == 0 { "" } else { " " } {
            return false;
        }
        end = token.end;
        count += 1;
    }
    end == source.len() && (1..=MAX_SOURCE_TOKENS).contains(&count) && source.len() < 4096
}

fuzz_target!(|given: (Vec<Entry<'_>>, Vec<(&str, &str)>)| {
    let (given, forms) = given;
    let entries: Vec<(&str, Vec<(&str, f64)>)> = given
        .into_iter()
        .map(|(source, targets)| {
            let weighted = |(target, weight)| (target, f64::from(weight) / 8.0 + 1e-9);
            (source, targets.into_iter().map(weighted).collect())
        })
        .collect();
    let Ok(lexicon) = compile(("en", "de"), "", "", entries.clone(), forms.clone()) else {
        return;
    };
    let mut left_out = 0;
    for (source, targets) in &entries {
        let count = tokens(source).count();
        let Ok(Some(found)) = lexicon.lookup(source, false) else {
            assert!(!is_plain(source), "{source:?} is lost");
            left_out += 1;
            continue;
        };
        assert_eq!(found.length, count);
        let weights: Vec<(&str, f64)> = found.targets().collect();
        assert!(weights.is_sorted_by(|left, right| left.1 >= right.1));
        for (target, weight) in targets {
            let known = weights.iter().find(|(known, _)| known == target);
            assert!(
                known.is_some_and(|(_, known)| known >= weight),
                "{target:?} of {source:?} is lost"
            );
        }
        let again = lexicon.lookup(found.source(), false).ok().flatten();
        assert_eq!(
            again.map(|again| again.source()),
            Some(found.source()),
            "the normal form of {source:?}"
        );
    }
    for (form, base) in lexicon.forms() {
        let found = lexicon.lookup(form, true).ok().flatten();
        assert!(found.is_some_and(|found| found.is_form && found.source() == base));
        assert!(lexicon.lookup(form, false).is_ok_and(|found| found.is_none()));
    }
    assert_eq!(lexicon.forms().count(), lexicon.form_count());
    assert_eq!(lexicon.description().left_out, left_out);
    assert_eq!(lexicon.entries().count(), lexicon.len());
    let again = Lexicon::from_bytes(lexicon.bytes());
    assert!(again.is_ok_and(|again| again.entries().eq(lexicon.entries())));
    let compiled = compile(("en", "de"), "", "", entries, forms);
    assert!(compiled.is_ok_and(|compiled| compiled.bytes() == lexicon.bytes()));
});
