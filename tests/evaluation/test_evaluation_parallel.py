"""Evaluation over parallel collections, with an encoder that counts letters."""

import numpy as np
import pytest

from cslir.datasets import load_parallel
from cslir.errors import InputError
from cslir.evaluation.evaluate import evaluate
from cslir.formats import write_beir_corpus, write_beir_queries, write_qrels_tsv
from cslir.records import Passage, Qrel, Query
from cslir.retrieval import Retriever

TEXTS = {"a": "aaab", "b": "bbbc", "c": "cccd", "d": "ddde"}


class LetterEncoder:
    """Counts the letters a to e of a text."""

    dimension = 5

    def encode_queries(self, texts):
        counts = np.array([[text.count(letter) for letter in "abcde"] for text in texts], dtype=np.float32)
        return counts / np.linalg.norm(counts, axis=1, keepdims=True)

    encode_passages = encode_queries


@pytest.fixture
def dataset(tmp_path):
    """English and German have four ids, Japanese three."""
    for language, ids in (("en", "abcd"), ("de", "abcd"), ("ja", "abc")):
        folder = tmp_path / "mine" / language
        write_beir_corpus(folder / "corpus.jsonl", [Passage(one, TEXTS[one]) for one in ids])
        write_beir_queries(folder / "queries.jsonl", [Query(one, one) for one in ids])
        write_qrels_tsv(folder / "qrels" / "test.tsv", [Qrel(one, one, 1) for one in ids])
    return load_parallel(tmp_path / "mine")


def outcome(dataset, **options):
    """Return the scores of every setting, by name."""
    return evaluate(LetterEncoder(), dataset, **options).systems[0].settings


def test_every_setting_over_the_ids_that_its_languages_share(dataset):
    results = outcome(dataset)
    assert {name: len(one.judged.query_ids) for name, one in results.items()} == {
        "en-en": 4, "en-de": 4, "de-en": 4, "de-de": 4, "X-en": 4, "en-X": 4, "X-X": 4,
        "en-ja": 3, "ja-en": 3, "ja-ja": 3,
    }  # fmt: skip
    assert all(one.judged.means["RR@10"] == 1 for one in results.values())


def test_without_english_there_is_no_pivot_and_no_mixture_with_it(dataset):
    assert set(outcome(dataset, languages=["de", "ja"])) == {"de-de", "de-ja", "ja-de", "ja-ja", "X-X"}


def test_each_text_is_encoded_once(dataset):
    class Counting(LetterEncoder):
        asked: list[str] = []  # noqa: RUF012

        def encode_passages(self, texts):
            self.asked += texts
            return self.encode_queries(texts)

    evaluate(Counting(), dataset)
    assert sorted(Counting.asked) == sorted(TEXTS.values())


def test_candidates_and_reranking_hold_in_every_setting(dataset):
    class Letters:
        """Prefers the passage with most of a query's letter."""

        def score(self, pairs, progress=None):
            return np.array([passage.count(query) for query, passage in pairs], dtype=np.float32)

    candidates = {one: list("abcd") for one in "abcd"}
    results = evaluate(Retriever(candidates=candidates, reranker=Letters()), dataset)
    settings = results.systems[0].settings
    assert len(settings) == 10
    assert all(one.judged.means["RR@10"] == 1 for one in settings.values())
    with pytest.raises(InputError, match="passage 'x' is not in"):
        evaluate(Retriever(LetterEncoder(), candidates={"a": ["x"]}), dataset)


def test_an_unknown_split_and_languages_without_english(dataset):
    with pytest.raises(InputError, match="no split 'dev'"):
        evaluate(LetterEncoder(), dataset, split="dev")
    table = repr(evaluate(LetterEncoder(), dataset, languages=["de", "ja"]))
    assert " ja " in table
    assert "en" not in table.split("RR@10 by")[1].split()


def test_mixtures_have_language_shares_and_every_setting_its_first_passages(dataset):
    results = outcome(dataset)
    assert results["X-X"].language_bias is not None
    for name, one in results.items():
        assert all(len(top) == 3 and top[0] == query_id for query_id, top in one.top.items())
        mixed = name in ("en-X", "X-X")
        assert sum(one.language_shares.values()) == pytest.approx(1 if mixed else 0)


def test_passages_that_no_language_has_count_as_never_found(dataset):
    for language, ids in (("en", "abcd"), ("de", "abcd"), ("ja", "abc")):
        judged = [Qrel(one, one, 1) for one in ids if one != "b"] + [Qrel("b", "x", 1), Qrel("a", "y", 1)]
        write_qrels_tsv(dataset.folder / language / "qrels" / "test.tsv", judged)
    results = outcome(load_parallel(dataset.folder))
    # The passages of b and d: no judgement names the first, and Japanese lacks the second.
    assert results["en-de"].judged.means == {"RR@10": 0.75, "R@100": (0.5 + 0 + 1 + 1) / 4}
    assert results["ja-ja"].judged.means == {"RR@10": pytest.approx(2 / 3), "R@100": (0.5 + 0 + 1) / 3}


def test_a_setting_is_evaluated_as_the_pair_of_its_dataset(dataset):
    for name in ("en-de", "X-X", "ja-ja"):
        by_pair = evaluate(LetterEncoder(), dataset, pair=name, seed=3)
        by_setting = evaluate(LetterEncoder(), dataset.setting(name, seed=3))
        for one in (by_pair, by_setting):
            assert (one.dataset, one.title) == (str(dataset.folder), "mine test")
            assert one.systems[0].seed == 3
        assert (by_pair.seen, by_pair.unseen) == (by_setting.seen, by_setting.unseen)
        assert by_pair.runs == by_setting.runs
        assert by_pair.systems[0].settings[name].checksums == by_setting.systems[0].settings[name].checksums


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": 5}, "`name` is 5, a text is needed"),
        ({"seed": "a"}, "`seed` is 'a', a whole number"),
        ({"depth": 0}, "`depth` is 0, at least 1"),
        ({"measures": "RR@10"}, "`measures` is a text"),
        ({"languages": "en"}, "`languages` is a text"),
        ({"pair": "en-fr"}, "no language fr"),
        ({"languages": ["en", "fr"]}, "no language fr"),
    ],
)
def test_options_of_the_wrong_kind(dataset, options, message):
    with pytest.raises(InputError, match=message):
        evaluate(LetterEncoder(), dataset, **options)


def test_what_is_no_system_and_options_that_a_retriever_has_itself(dataset):
    with pytest.raises(InputError, match="object is no system"):
        evaluate(object(), dataset)
    with pytest.raises(InputError, match="`depth` and a retriever exclude each other"):
        evaluate(Retriever(LetterEncoder()), dataset, depth=5)
    with pytest.raises(TypeError, match="no option 'measure', did you mean 'measures'; it has"):
        evaluate(LetterEncoder(), dataset, measure="AP")
    one = evaluate(LetterEncoder(), dataset, candidates={"a": ["a"]}, pair="en-de")
    assert one.systems[0].settings["en-de"].judged.means["RR@10"] == 0.25
