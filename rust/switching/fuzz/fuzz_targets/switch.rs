//! Any text, entries and options: the spans make the output out of the text, with p = 0 the text stays, and
//! switching twice gives the same.

#![no_main]

use std::sync::Arc;

use arbitrary::Arbitrary;
use switching::lexicon::compile;
use switching::switch::{
    Counts, LanguageChoice, MissPolicy, NamedText, Options, Scratch, SwitchedTexts, Switcher,
    TargetChoice, TextId, TextSpans,
};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Case<'a> {
    text: &'a str,
    lexicons: Vec<Vec<(Piece<'a>, Vec<(&'a str, u8)>)>>,
    /// Pieces of the text, each a form of the next.
    forms: Vec<Piece<'a>>,
    language_weights: Option<[u8; 4]>,
    record_id: &'a str,
    field: &'a str,
    epoch: u64,
    seed: u64,
    probability: u8,
    flags: u8,
    stop_word: &'a str,
}

/// A source: of its own, or cut out of the text, so that lexicon and text meet.
#[derive(Arbitrary, Debug)]
enum Piece<'a> {
    Own(&'a str),
    Cut(u16, u8),
}

impl<'a> Piece<'a> {
    fn of(&self, text: &'a str) -> &'a str {
        match *self {
            Piece::Own(own) => own,
            Piece::Cut(start, length) => {
                let start = text.floor_char_boundary(usize::from(start) % (text.len() + 1));
                let end = text.floor_char_boundary((start + usize::from(length)).min(text.len()));
                &text[start..end]
            }
        }
    }
}

fn options(case: &Case<'_>, lexicons: usize, translation_prob: f64) -> Options {
    let flag = |bit: u8| case.flags & (1 << bit) != 0;
    Options {
        translation_prob,
        seed: case.seed,
        language_choice: if flag(0) {
            LanguageChoice::Token
        } else {
            LanguageChoice::Text
        },
        miss_policy: if flag(1) {
            MissPolicy::Keep
        } else {
            MissPolicy::Redraw
        },
        target_choice: if flag(2) {
            TargetChoice::Best
        } else {
            TargetChoice::Weighted
        },
        language_weights: case.language_weights.map(|weights| {
            let given = weights.iter().take(lexicons);
            given.map(|&weight| f64::from(weight)).collect()
        }),
        stop_words: if flag(3) {
            vec![case.stop_word.to_owned()]
        } else {
            Vec::new()
        },
        switch_stop_words: flag(4),
        lemma_fallback: flag(5),
        protect: flag(6),
    }
}

fuzz_target!(|case: Case<'_>| {
    let languages = ["de", "tr", "fi", "ja"];
    let mut lexicons = Vec::new();
    for (entries, language) in case.lexicons.iter().zip(languages) {
        let entries = entries.iter().map(|(source, targets)| {
            let weighted = targets
                .iter()
                .map(|(target, weight)| (*target, f64::from(*weight) + 0.5));
            (source.of(case.text), weighted)
        });
        let forms = case.forms.windows(2).filter_map(|pair| match pair {
            [form, base] => Some((form.of(case.text), base.of(case.text))),
            _ => None,
        });
        let Ok(lexicon) = compile(("en", language), "", "", entries, forms) else {
            return;
        };
        lexicons.push(Arc::new(lexicon));
    }
    let id = TextId {
        record_id: case.record_id,
        field: case.field,
        epoch: case.epoch,
    };
    let probability = f64::from(case.probability) / 255.0;
    let Ok(switcher) = Switcher::new(lexicons.clone(), options(&case, lexicons.len(), probability)) else {
        return;
    };
    let mut scratch = Scratch::default();
    let mut spans = Vec::new();
    let Ok((output, counts)) = switcher.switch(case.text, id, &mut scratch, Some(&mut spans))
    else {
        return;
    };
    assert!(std::str::from_utf8(output.as_bytes()).is_ok());

    let (mut rebuilt, mut copied) = (String::new(), 0);
    for span in &spans {
        assert!(span.source.0 >= copied && span.source.1 > span.source.0);
        rebuilt.push_str(&case.text[copied..span.source.0]);
        assert_eq!(rebuilt.len(), span.target.0);
        rebuilt.push_str(&output[span.target.0..span.target.1]);
        copied = span.source.1;
        let lexicon = &lexicons[span.lexicon];
        let entry = lexicon.lookup(span.entry, false).ok().flatten();
        assert!(entry.is_some_and(|entry| entry.source() == span.entry));
    }
    rebuilt.push_str(&case.text[copied..]);
    assert_eq!(rebuilt, output, "the spans don't make the output");
    assert!(counts.switched + counts.missed <= counts.tokens);
    assert!(counts.content <= counts.tokens && counts.lemmas <= counts.switched);
    assert_eq!(
        counts.switched_by_lexicon.iter().sum::<u64>(),
        counts.switched
    );
    assert_eq!(counts.missed_by_lexicon.iter().sum::<u64>(), counts.missed);

    let mut texts = SwitchedTexts::default();
    let mut total = Counts::new(lexicons.len());
    let named = [NamedText {
        text: case.text,
        id,
    }; 2];
    let mut of_texts = TextSpans::default();
    let batch = switcher.switch_texts(
        &named,
        &mut scratch,
        &mut texts,
        &mut total,
        Some(&mut of_texts),
    );
    assert!(of_texts.iter().eq([&spans[..], &spans[..]]));
    assert!(batch.is_ok() && texts.iter().eq([&output, &output]));
    let mut twice = counts.clone();
    twice.add(&counts);
    assert_eq!(total, twice);

    let Ok(none) = Switcher::new(lexicons.clone(), options(&case, lexicons.len(), 0.0)) else {
        return;
    };
    let unchanged = none.switch(case.text, id, &mut scratch, None);
    assert!(unchanged.is_ok_and(|(unchanged, _)| unchanged == case.text));
});
