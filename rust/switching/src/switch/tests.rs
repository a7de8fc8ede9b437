use crate::Interrupt;
use proptest::prelude::*;

use super::*;

fn lexicon(target_language: &str, entries: &[(&str, &str)]) -> Arc<Lexicon> {
    let entries = entries
        .iter()
        .map(|&(source, target)| (source, [(target, 1.0)]));
    Arc::new(compile(("en", target_language), "", "", entries, []).unwrap())
}

fn options(translation_prob: f64) -> Options {
    Options {
        translation_prob,
        seed: 1,
        language_choice: LanguageChoice::Token,
        miss_policy: MissPolicy::Keep,
        target_choice: TargetChoice::Weighted,
        language_weights: None,
        stop_words: Vec::new(),
        switch_stop_words: false,
        lemma_fallback: false,
        protect: true,
    }
}

fn german() -> Arc<Lexicon> {
    let words = [
        ("house", "haus"),
        ("the", "das"),
        ("new york", "Neu-York"),
        ("new", "neu"),
        ("2", "zwei"),
        ("catch 22", "Dilemma"),
        ("don't", "nicht"),
    ];
    lexicon("de", &words)
}

fn switch(switcher: &Switcher, text: &str) -> (String, Counts) {
    let id = TextId {
        record_id: "r",
        field: "text",
        epoch: 0,
    };
    switcher
        .switch(text, id, &mut Scratch::default(), None)
        .unwrap()
}

fn switched(options: Options, text: &str) -> String {
    switch(&Switcher::new(vec![german()], options).unwrap(), text).0
}

#[test]
fn everything_in_the_lexicon_is_switched_in_its_case() {
    assert_eq!(
        switched(
            options(1.0),
            "The HOUSE  in New-York; don’t house/new Newer."
        ),
        "Das HAUS  in Neu-York; nicht haus/neu Newer."
    );
}

#[test]
fn protected_tokens_and_numbers_stay_unless_asked_otherwise() {
    let text = "house.txt 2 new_house http://new/house Catch 22";
    assert_eq!(
        switched(options(1.0), text),
        "house.txt 2 new_house http://new/house Dilemma"
    );
    let bare = Options {
        protect: false,
        ..options(1.0)
    };
    assert_eq!(
        switched(bare, text),
        "haus.txt zwei neu_haus http://neu/haus Dilemma"
    );
}

#[test]
fn a_book_without_spaces_is_read_in_time() {
    // Anything that looks through the whole for each of its tokens would not come to an end.
    let text = "我在北京;house,".repeat(200_000);
    let expected = text.replace("house", "haus");
    assert!(switched(options(1.0), &text) == expected);
}

#[test]
fn stop_words_stay_alone_yet_join_phrases() {
    let stop_words = vec!["New".to_owned(), "the".to_owned()];
    let kept = Options {
        stop_words,
        ..options(1.0)
    };
    assert_eq!(
        switched(kept, "the new house of New York"),
        "the new haus of Neu-York"
    );
    for word in ["two words", ""] {
        let bad = Options {
            stop_words: vec![word.to_owned()],
            ..options(1.0)
        };
        assert!(Switcher::new(vec![german()], bad).is_err());
    }
}

#[test]
fn a_space_parts_words_that_switching_would_join() {
    let words = [
        ("北京", "Peking"),
        ("北", "Nord"),
        ("大", "大きい"),
        ("abc", "字"),
        ("学", "\"lernen\""),
    ];
    let switcher = Switcher::new(vec![lexicon("de", &words)], options(1.0)).unwrap();
    for (text, expected) in [
        ("我在北京北", "我在Peking Nord"),
        ("x北京北y 北", "x Peking Nord y Nord"),
        ("2008年北3", "2008年Nord 3"),
        ("大北大", "大きいNord大きい"),
        ("北abc北", "Nord字Nord"),
        ("北学北", "Nord\"lernen\"Nord"),
        ("北、北 ❤\u{FE0F}北", "Nord、Nord ❤\u{FE0F}Nord"),
    ] {
        let mut spans = Vec::new();
        let id = TextId {
            record_id: "r",
            field: "text",
            epoch: 0,
        };
        let mut scratch = Scratch::default();
        let (output, _) = switcher
            .switch(text, id, &mut scratch, Some(&mut spans))
            .unwrap();
        assert_eq!(output, expected);
        let (mut read, mut written) = (0, 0);
        for span in &spans {
            assert_eq!(text[read..span.source.0], output[written..span.target.0]);
            (read, written) = (span.source.1, span.target.1);
        }
        assert_eq!(text[read..], output[written..]);
    }
}

#[test]
fn a_miss_is_kept_or_redrawn() {
    let lexicons = || {
        vec![
            lexicon("de", &[("a", "A-de")]),
            lexicon("fr", &[("b", "B-fr")]),
        ]
    };
    let text = "a b c ".repeat(200);
    let keep = Switcher::new(lexicons(), options(1.0)).unwrap();
    let (_, counts) = switch(&keep, &text);
    assert_eq!(counts.switched + counts.missed, 600);
    assert!((150..250).contains(&counts.switched), "{counts:?}");
    let redraw = Options {
        miss_policy: MissPolicy::Redraw,
        ..options(1.0)
    };
    let (_, counts) = switch(&Switcher::new(lexicons(), redraw.clone()).unwrap(), &text);
    assert_eq!(
        (counts.switched, counts.missed, counts.switched_by_lexicon),
        (400, 200, vec![200, 200])
    );
    let only_german = Options {
        language_weights: Some(vec![1.0, 0.0]),
        ..redraw
    };
    let (_, counts) = switch(&Switcher::new(lexicons(), only_german).unwrap(), &text);
    assert_eq!((counts.switched, counts.missed), (200, 400));
}

#[test]
fn one_language_for_a_text_where_asked() {
    let lexicons = vec![lexicon("de", &[("a", "x")]), lexicon("fr", &[("a", "y")])];
    let options = Options {
        language_choice: LanguageChoice::Text,
        ..options(1.0)
    };
    let switcher = Switcher::new(lexicons, options).unwrap();
    let ids: Vec<String> = (0..64).map(|id| id.to_string()).collect();
    let batch = switcher.switch_batch(&vec!["a a a a"; 64], &ids, "text", 0, &Interrupt::new());
    let (parts, counts) = batch.unwrap();
    let mut texts = parts.iter().flat_map(SwitchedTexts::iter);
    assert!(texts.all(|text| text == "x x x x" || text == "y y y y"));
    assert!(counts.switched_by_lexicon.iter().all(|&count| count > 40));
}

#[test]
fn texts_read_together_are_texts_apart() {
    let switcher = Switcher::new(vec![german()], options(1.0)).unwrap();
    let texts = [
        "new",
        "york",
        "",
        "http://a.example/new",
        "house new york",
        "…",
        "new",
    ];
    let id = TextId {
        record_id: "r",
        field: "text",
        epoch: 0,
    };
    let named = texts.map(|text| NamedText { text, id });
    let mut switched = SwitchedTexts::default();
    let mut counts = Counts::new(1);
    let mut scratch = Scratch::default();
    switcher
        .switch_texts(&named, &mut scratch, &mut switched, &mut counts, None)
        .unwrap();
    let expected = [
        "neu",
        "york",
        "",
        "http://a.example/new",
        "haus Neu-York",
        "…",
        "neu",
    ];
    assert_eq!(switched.iter().collect::<Vec<_>>(), expected);
    assert_eq!(
        (
            counts.tokens,
            counts.content,
            counts.switched,
            counts.missed
        ),
        (10, 6, 5, 1)
    );
}

#[test]
fn word_forms_are_taken_only_with_the_fallback() {
    let entries = [("house", [("haus", 1.0)]), ("mice", [("Mäuse", 1.0)])];
    let forms = [
        ("houses", "house"),
        ("mice", "house"),
        ("two words", "house"),
        ("cats", "cat"),
    ];
    let lexicon = compile(("en", "de"), "", "", entries, forms).unwrap();
    assert_eq!(lexicon.forms().collect::<Vec<_>>(), [("houses", "house")]);
    assert_eq!(
        (
            lexicon.len(),
            lexicon.form_count(),
            lexicon.entries().count()
        ),
        (2, 1, 2)
    );
    let lexicon = Arc::new(lexicon);
    for (lemma_fallback, expected, lemmas) in
        [(false, "Houses of Mäuse", 0), (true, "Haus of Mäuse", 1)]
    {
        let options = Options {
            lemma_fallback,
            ..options(1.0)
        };
        let switcher = Switcher::new(vec![Arc::clone(&lexicon)], options).unwrap();
        let (text, counts) = switch(&switcher, "Houses of mice");
        assert_eq!((text.as_str(), counts.lemmas), (expected, lemmas));
        assert_eq!(counts.switched + counts.missed, 3);
    }
}

#[test]
fn bad_options_are_refused() {
    let refused = |lexicons, options| Switcher::new(lexicons, options).is_err();
    assert!(refused(vec![], options(0.5)));
    for probability in [-0.1, 1.1, f64::NAN] {
        assert!(refused(vec![german()], options(probability)));
    }
    for weights in [
        vec![],
        vec![0.0],
        vec![-1.0],
        vec![f64::NAN],
        vec![1.0, 1.0],
    ] {
        assert!(refused(
            vec![german()],
            Options {
                language_weights: Some(weights),
                ..options(0.5)
            }
        ));
    }
    assert!(refused(
        vec![german(), german()],
        Options {
            language_weights: Some(vec![f64::MAX, f64::MAX]),
            ..options(0.5)
        }
    ));
    let french = Arc::new(compile(("fr", "de"), "", "", [("a", [("b", 1.0)])], []).unwrap());
    assert!(refused(vec![german(), french], options(0.5)));
    let switcher = Switcher::new(vec![german()], options(0.5)).unwrap();
    assert!(
        switcher
            .switch_batch(&["a"], &["1", "2"], "text", 0, &Interrupt::new())
            .is_err()
    );
    let stopped = Interrupt::new();
    stopped.request();
    let outcome = switcher.switch_batch(&["a"], &["1"], "text", 0, &stopped);
    assert!(matches!(outcome, Err(crate::Error::Interrupted)));
}

/// Switches a batch in a pool of so many threads.
fn with_threads(
    switcher: &Switcher,
    threads: usize,
    texts: &[String],
    ids: &[String],
) -> (Vec<String>, Counts) {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap();
    pool.install(|| {
        let batch = switcher.switch_batch(texts, ids, "text", 0, &Interrupt::new());
        let (parts, counts) = batch.unwrap();
        let switched = parts
            .iter()
            .flat_map(SwitchedTexts::iter)
            .map(str::to_owned);
        (switched.collect(), counts)
    })
}

proptest! {
    #[test]
    fn spans_rebuild_the_output(
        text in "(house|New York|NEW|the|2|[a-zé語'. \n-]{0,3}| ){0,40}", probability in 0.0..=1.0, seed: u64
    ) {
        let switcher = Switcher::new(vec![german()], Options { seed, ..options(probability) }).unwrap();
        let mut spans = Vec::new();
        let id = TextId { record_id: "r", field: "text", epoch: 3 };
        let (output, counts) = switcher.switch(&text, id, &mut Scratch::default(), Some(&mut spans)).unwrap();
        let (mut read, mut written) = (0, 0);
        for span in &spans {
            prop_assert_eq!(&text[read..span.source.0], &output[written..span.target.0]);
            prop_assert!(span.source.1 > span.source.0 && span.target.1 > span.target.0);
            (read, written) = (span.source.1, span.target.1);
        }
        prop_assert_eq!(&text[read..], &output[written..]);
        prop_assert!(counts.switched + counts.missed <= counts.tokens);
    }

    #[test]
    fn threads_and_order_do_not_matter(texts in prop::collection::vec("(house|new york|the| ){0,9}", 0..80)) {
        let switcher = Switcher::new(vec![german()], options(0.5)).unwrap();
        let ids: Vec<String> = (0..texts.len()).map(|id| format!("id{id}")).collect();
        let one = with_threads(&switcher, 1, &texts, &ids);
        prop_assert_eq!(&with_threads(&switcher, 3, &texts, &ids), &one);
        let backwards: Vec<_> = texts.into_iter().rev().collect();
        let ids: Vec<_> = ids.into_iter().rev().collect();
        let (mut reversed, _) = with_threads(&switcher, 1, &backwards, &ids);
        reversed.reverse();
        prop_assert_eq!(reversed, one.0);
    }
}
