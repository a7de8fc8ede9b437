//! Any bytes as a compiled lexicon. Most files are made by damaging a whole one and mending its checksum, so
//! that the reader of the header, the table and the records is reached: it must refuse or answer, and never
//! panic or read out of bounds.

#![no_main]

use std::sync::Arc;

use arbitrary::Arbitrary;
use switching::lexicon::{KeyedTokens, Lexicon, compile, mend};
use switching::switch::{LanguageChoice, MissPolicy, Options, Scratch, Switcher, TargetChoice, TextId};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
enum File<'a> {
    Bytes(&'a [u8]),
    Damaged {
        entries: Vec<(&'a str, Vec<(&'a str, u8)>)>,
        damages: Vec<Damage>,
        whole: bool,
    },
}

#[derive(Arbitrary, Debug)]
enum Damage {
    Set(u16, u8),
    Flip(u16, u8),
    Word(u16, u32),
    Cut(u16),
    Append(u8),
    Swap(u16, u16),
}

impl Damage {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let length = bytes.len().max(1);
        let place = |at: u16| usize::from(at) % length;
        match *self {
            Damage::Set(at, value) => {
                if let Some(byte) = bytes.get_mut(place(at)) {
                    *byte = value;
                }
            }
            Damage::Flip(at, bit) => {
                if let Some(byte) = bytes.get_mut(place(at)) {
                    *byte ^= 1 << (bit % 8);
                }
            }
            Damage::Word(at, value) => {
                let at = place(at) & !3;
                if let Some(word) = bytes.get_mut(at..at + 4) {
                    word.copy_from_slice(&value.to_le_bytes());
                }
            }
            Damage::Cut(at) => bytes.truncate(place(at)),
            Damage::Append(value) => bytes.push(value),
            Damage::Swap(left, right) => {
                let (left, right) = (place(left), place(right));
                if left < bytes.len() && right < bytes.len() {
                    bytes.swap(left, right);
                }
            }
        }
    }
}

const KNOWN: [(&str, &[(&str, f64)]); 5] = [
    ("ice", &[("eis", 1.0)]),
    ("ice cream", &[("speiseeis", 2.0), ("eis", 1.0)]),
    ("ice cream van", &[("eiswagen", 0.5)]),
    ("straße", &[("улица", 1.0), ("street", 1.0)]),
    ("北京", &[("peking", 1.0)]),
];
const FORMS: [(&str, &str); 2] = [("iced", "ice"), ("straßen", "straße")];
const TEXT: &str = "Iced cream, ice cream, ICE-CREAM van; an ice in 北京大学 on the Straße, soft\u{AD}ly don't e.g. me@ice.example";

fn bytes_of(file: File<'_>) -> Vec<u8> {
    match file {
        File::Bytes(bytes) => bytes.to_vec(),
        File::Damaged {
            entries,
            damages,
            whole,
        } => {
            let known = KNOWN.map(|(source, targets)| (source, targets.to_vec()));
            let more = entries.into_iter().map(|(source, targets)| {
                let weighted = |(target, weight)| (target, f64::from(weight) + 1.0);
                (source, targets.into_iter().map(weighted).collect())
            });
            let all: Vec<(&str, Vec<(&str, f64)>)> = known.into_iter().chain(more).collect();
            let known = || KNOWN.map(|(source, targets)| (source, targets.to_vec()));
            let compiled = compile(("en", "de"), "licence", "provenance", all, FORMS)
                .or_else(|_| compile(("en", "de"), "", "", known(), FORMS));
            let mut bytes =
                compiled.map_or_else(|_| Vec::new(), |lexicon| lexicon.bytes().to_vec());
            for damage in &damages {
                damage.apply(&mut bytes);
            }
            if whole {
                mend(&mut bytes);
            }
            bytes
        }
    }
}

fn switch(lexicon: Lexicon, target_choice: TargetChoice) {
    let options = Options {
        translation_prob: 1.0,
        seed: 1,
        language_choice: LanguageChoice::Token,
        miss_policy: MissPolicy::Redraw,
        target_choice,
        language_weights: None,
        stop_words: Vec::new(),
        switch_stop_words: false,
        lemma_fallback: true,
        protect: true,
    };
    let lexicons = vec![Arc::new(lexicon)];
    let Ok(switcher) = Switcher::new(lexicons, options) else {
        return;
    };
    let id = TextId {
        record_id: "r",
        field: "text",
        epoch: 0,
    };
    let mut spans = Vec::new();
    if let Ok((output, _)) = switcher.switch(TEXT, id, &mut Scratch::default(), Some(&mut spans)) {
        assert!(std::str::from_utf8(output.as_bytes()).is_ok());
        for span in spans {
            assert!(TEXT.get(span.source.0..span.source.1).is_some());
            assert!(output.get(span.target.0..span.target.1).is_some());
        }
    }
}

fuzz_target!(|file: File<'_>| {
    let bytes = bytes_of(file);
    let Ok(lexicon) = Lexicon::from_bytes(&bytes) else {
        return;
    };
    let mut tokens = KeyedTokens::default();
    if tokens.read(TEXT).is_err() {
        return;
    }
    for at in 0..tokens.len() + 1 {
        let view = lexicon.view();
        if let Some(found) = view.longest_match(&tokens, at, true, |_| true) {
            assert!(found.length >= 1 && at + found.length <= tokens.len());
            let _ = (found.source(), found.targets().count());
        }
    }
    for (source, targets) in lexicon.entries().take(1 << 16) {
        let _ = (lexicon.lookup(source, true), targets);
    }
    let _ = (lexicon.forms().take(1 << 16).count(), lexicon.form_count());
    let _ = (lexicon.len(), lexicon.description().clone());
    switch(lexicon, TargetChoice::Weighted);
    if let Ok(lexicon) = Lexicon::from_bytes(&bytes) {
        switch(lexicon, TargetChoice::Best);
    }
});
