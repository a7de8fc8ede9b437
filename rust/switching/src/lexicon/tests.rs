use proptest::prelude::*;

use super::*;
use crate::weighted::{RANGE, pick, uniform_of};

fn lexicon(entries: &[(&str, &[(&str, f64)])]) -> Lexicon {
    let entries = entries
        .iter()
        .map(|&(source, targets)| (source, targets.iter().copied()));
    compile(("en", "de"), "CC0", "made up", entries, [("ices", "ice")]).unwrap()
}

fn lexicon_of_one(source: &str, target: &str) -> Lexicon {
    compile(("en", "de"), "", "", [(source, [(target, 1.0)])], []).unwrap()
}

fn small() -> Lexicon {
    lexicon(&[
        ("ice", &[("Eis", 1.0)]),
        ("Ice-Cream", &[("Eis", 0.25), ("Eiscreme", 0.75)]),
        ("ice cream van", &[("Eiswagen", 1.0)]),
        ("U.S.", &[("USA", 1.0)]),
        ("Straße", &[("street", 1.0)]),
        ("北京", &[("Peking", 1.0)]),
        ("ICE", &[("ICE", 2.0), ("Eis", 0.5)]),
    ])
}

fn text((bytes, length): (&[u8], usize)) -> &str {
    std::str::from_utf8(&bytes[..length]).unwrap()
}

fn longest<'l>(lexicon: &'l Lexicon, text: &str) -> Option<(usize, &'l str)> {
    let mut tokens = KeyedTokens::default();
    tokens.read(text).unwrap();
    let found = lexicon.view().longest_match(&tokens, 0, false, |_| true)?;
    Some((found.length, self::text(found.best())))
}

#[test]
fn longest_match_wins_and_backs_off() {
    let lexicon = small();
    assert_eq!(longest(&lexicon, "ice\ncream VAN!"), Some((3, "Eiswagen")));
    assert_eq!(longest(&lexicon, "Ice-cream vans"), Some((2, "Eiscreme")));
    assert_eq!(longest(&lexicon, "ice, cream"), Some((1, "Eis")));
    assert_eq!(longest(&lexicon, "ICE, cream"), Some((1, "ICE")));
    assert_eq!(longest(&lexicon, "iced"), None);
    assert_eq!(longest(&lexicon, "u.s. x"), Some((2, "USA")));
    assert_eq!(longest(&lexicon, "u s"), None);
    assert_eq!(longest(&lexicon, "STRASSE"), Some((1, "street")));
    assert_eq!(longest(&lexicon, "北京大学"), Some((2, "Peking")));
}

#[test]
fn same_sources_are_merged_and_targets_sorted() {
    let lexicon = small();
    assert_eq!(lexicon.len(), 7);
    // Spelled as none of the two: the accent is no part of it.
    let ice = lexicon.lookup("i\u{307}ce", false).unwrap().unwrap();
    assert_eq!(
        ice.targets().collect::<Vec<_>>(),
        [("ICE", 2.0), ("Eis", 1.0)]
    );
    let drawn = |uniform: f64| text(ice.draw(|| (uniform * RANGE as f64) as u64));
    assert_eq!(drawn(0.0), "ICE");
    assert_eq!(drawn(0.6666), "ICE");
    assert_eq!(drawn(0.6667), "Eis");
    let one = lexicon_of_one("a", "b");
    assert_eq!(one.entries().collect::<Vec<_>>(), [("a", vec![("b", 1.0)])]);
    assert!(lexicon.lookup("ice ice", false).unwrap().is_none());
    assert!(lexicon.lookup("", false).unwrap().is_none());
}

#[test]
fn the_entry_spelled_as_the_text_comes_first() {
    let lexicon = lexicon(&[
        ("c", &[("see", 1.0)]),
        ("C++", &[("plus", 1.0)]),
        (".c", &[("file", 0.5), ("see", 2.0)]),
        ("maße", &[("sizes", 1.0)]),
        ("masse", &[("mass", 1.0)]),
    ]);
    let found = |text: &str| {
        let mut tokens = KeyedTokens::default();
        tokens.read(text).unwrap();
        let found = lexicon.view().longest_match(&tokens, 0, false, |_| true);
        let found = found.unwrap();
        (self::text(found.best()).to_owned(), found.around)
    };
    for (text, target, around) in [
        ("c", "see", (0, 0)),
        ("c+", "see", (0, 0)),
        ("c++", "plus", (0, 2)),
        (" .c++", "plus", (0, 2)),
        (" .C+", "see", (1, 0)),
        ("Maße", "sizes", (0, 0)),
        ("MASSE", "mass", (0, 0)),
        ("maſse", "sizes", (0, 0)),
    ] {
        assert_eq!(found(text), (target.to_owned(), around), "{text}");
    }
    let all = lexicon.lookup("maſse", false).unwrap().unwrap();
    assert_eq!(all.targets().count(), 2);
}

#[test]
fn sources_that_match_nothing_are_counted() {
    let long = "a ".repeat(MAX_SOURCE_TOKENS + 1);
    let lexicon = lexicon(&[
        ("...", &[("x", 1.0)]),
        (&long, &[("x", 1.0)]),
        ("a", &[("x", 1.0)]),
    ]);
    assert_eq!((lexicon.len(), lexicon.description().left_out), (1, 2));
}

#[test]
fn bad_targets_are_refused() {
    for bad in [
        ("", 1.0),
        (" ", 1.0),
        ("a\tb", 1.0),
        ("x", 0.0),
        ("x", f64::NAN),
        ("x", f64::INFINITY),
    ] {
        let error = compile(("en", "de"), "", "", [("source", [bad])], []).unwrap_err();
        assert!(error.to_string().contains("source"), "{error}");
    }
    assert!(compile(("en", "de"), "", "", [("source", [])], []).is_err());
}

#[test]
fn a_file_is_what_was_saved() {
    let folder = std::env::temp_dir().join(format!("cslir-lexicon-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("a.cslex");
    let lexicon = small();
    lexicon.save(&path).unwrap();
    let opened = Lexicon::open(&path).unwrap();
    assert_eq!(opened.bytes(), lexicon.bytes());
    assert_eq!(opened.description(), lexicon.description());
    assert!(opened.entries().eq(lexicon.entries()));
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
    std::fs::write(&path, b"").unwrap();
    assert!(
        Lexicon::open(&path)
            .unwrap_err()
            .to_string()
            .contains("a.cslex")
    );
    assert!(Lexicon::open(&folder.join("none")).is_err());
    assert!(lexicon.save(&path.join("below-a-file")).is_err());
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn every_truncation_and_every_changed_byte_is_refused() {
    let whole = small().bytes().to_vec();
    for length in 0..whole.len() {
        assert!(
            Lexicon::from_bytes(&whole[..length]).is_err(),
            "{length} bytes"
        );
    }
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 0x10;
        assert!(Lexicon::from_bytes(&changed).is_err(), "byte {at}");
    }
}

/// Uses everything a lexicon offers.
fn exercise(lexicon: &Lexicon, text: &str) {
    let mut tokens = KeyedTokens::default();
    tokens.read(text).unwrap();
    for at in 0..tokens.len() {
        if let Some(found) = lexicon.view().longest_match(&tokens, at, true, |_| true) {
            let _ = (
                found.source(),
                found.best(),
                found.draw(|| 0),
                found.draw(|| RANGE / 3),
                found.draw(|| RANGE - 1),
                found.targets().count(),
            );
        }
    }
    let _ = (lexicon.entries().count(), lexicon.forms().count());
}

proptest! {
    #[test]
    fn what_is_compiled_is_found(sources in prop::collection::btree_map(
        "[a-cé語]{1,3}( [a-c]{1,2}){0,3}", prop::collection::vec(("[a-zäß]{1,6}", 0.01..9.0), 1..4), 0..40
    )) {
        let entries = sources.iter().map(|(source, targets)| {
            (source.as_str(), targets.iter().map(|(target, weight)| (target.as_str(), *weight)))
        });
        let lexicon = compile(("en", "de"), "", "", entries, []).unwrap();
        for (source, targets) in &sources {
            let found = lexicon.lookup(&source.to_uppercase(), false).unwrap().unwrap();
            for (target, weight) in targets {
                prop_assert!(found.targets().any(|(known, heavy)| known == target && heavy >= *weight));
            }
        }
        let again = lexicon.entries().collect::<Vec<_>>();
        let again = compile(("en", "de"), "", "", again.iter().map(|(source, targets)| {
            (*source, targets.iter().copied())
        }), []).unwrap();
        prop_assert_eq!(again.bytes(), lexicon.bytes());
    }

    /// Many draw near a border between two targets, where the thresholds leave it to the weights.
    #[test]
    fn a_draw_follows_the_weights(
        weights in prop::collection::vec(prop_oneof![Just(1.0), 0.001..9.0, 1e-12..1e12], 1..30),
        numbers in prop::collection::vec((0..RANGE, any::<prop::sample::Index>(), -3..4i64), 20)
    ) {
        let names: Vec<String> = (0..weights.len()).map(|number| "x".repeat(number * number % 37) + &number.to_string()).collect();
        let targets = names.iter().map(String::as_str).zip(weights);
        let lexicon = compile(("en", "de"), "", "", [("a", targets)], []).unwrap();
        let found = lexicon.lookup("a", false).unwrap().unwrap();
        let (names, weights): (Vec<_>, Vec<_>) = found.targets().unzip();
        let total: f64 = weights.iter().sum();
        for (number, border, step) in numbers {
            let sum: f64 = weights[..border.index(weights.len())].iter().sum();
            let near = ((sum / total * RANGE as f64) as u64).saturating_add_signed(step).min(RANGE - 1);
            for number in [number, near, number >> 38 << 38, near >> 38 << 38, near | ((1 << 38) - 1)] {
                let index = pick(weights.len(), |index| weights[index], uniform_of(number));
                prop_assert_eq!(text(found.draw(|| number)), names[index]);
            }
        }
    }

    /// A file made to deceive, its checksum right: nothing is promised but no panic and no bad read.
    #[test]
    fn a_forged_file_is_read_within_its_bounds(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12)
    ) {
        let mut bytes = small().bytes().to_vec();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let sum = format::checksum_of(&bytes).to_le_bytes();
        bytes[format::CHECKSUM].copy_from_slice(&sum);
        if let Ok(lexicon) = Lexicon::from_bytes(&bytes) {
            exercise(&lexicon, "ice cream van 北京 Straße u.s. ice");
        }
    }

    #[test]
    fn foreign_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(Lexicon::from_bytes(&bytes).is_err());
    }
}
