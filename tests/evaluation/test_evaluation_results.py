"""Result files: what is written is read again, and nothing malformed is."""

import gzip
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cslir.errors import InputError
from cslir.evaluation.checksums import Checksums, checksum
from cslir.evaluation.metrics import Judged
from cslir.evaluation.results import (
    Result,
    SettingScores,
    SystemResult,
    group_values,
    read_results,
    top_passages,
    write_results,
)

QUERIES = ("q1", "q2", "запрос")


def scores(group="", values=(0.0, 0.5, 1.0), queries=QUERIES, **options):
    judged = Judged(queries, {"RR@10": np.array(values, dtype=np.float64)}, queries[:1])
    return SettingScores(group, judged, **options)


def results():
    mixed = scores(
        "MLIR X-X",
        language_bias=0.25,
        language_shares={"en": 0.75, "de": 0.25},
        top={"q2": ("d1", "d2")},
        checksums=Checksums("1f", "2e"),
        identical_ids=2,
    )
    systems = [
        SystemResult("zero-shot", "", 1, {"en-de": scores("CLIR en-x"), "X-X": mixed}, {"dev_mrr": 0.5}),
        SystemResult("ML-CS", "zero-shot", 1, {"en-de": scores("CLIR en-x", (1.0, 1.0, 1.0)), "X-X": mixed}),
        SystemResult("run", "", None, {"en-de": scores("CLIR en-x")}),
    ]
    return Result(
        "mine",
        "test",
        systems,
        ("en", "de"),
        ("ja",),
        {"seed": 1},
        {"cores": 2},
        {"numpy": "2"},
        {"extra": [1]},
    )


def as_values(file):
    """A result file as values that compare."""
    return [
        file.dataset, file.split, file.seen, file.unseen, file.configuration, file.machine, file.versions,
        file.details,
        [
            (
                system.name, system.baseline, system.seed, system.details,
                {
                    name: (
                        one.group, one.judged.query_ids, one.judged.missing, one.language_bias,
                        one.language_shares, one.top, one.checksums, one.identical_ids,
                        {measure: values.tolist() for measure, values in one.judged.values.items()},
                    )
                    for name, one in system.settings.items()
                },
            )
            for system in file.systems
        ],
    ]  # fmt: skip


def test_what_is_written_is_read_again(tmp_path):
    path = tmp_path / "results.json"
    write_results(path, results())
    assert as_values(read_results(path)) == as_values(results())
    first = path.read_bytes()
    write_results(path, read_results(path))
    assert path.read_bytes() == first
    packed = tmp_path / "results.json.gz"
    packed.write_bytes(gzip.compress(first))
    assert as_values(read_results(packed)) == as_values(results())


def test_only_values_per_query_share_a_line(tmp_path):
    write_results(tmp_path / "results.json", results())
    lines = (tmp_path / "results.json").read_text(encoding="utf-8").splitlines()
    assert ' "dataset": "mine",' in lines
    assert any('"per_query": {"RR@10": {"q1": 0.0, "q2": 0.5, "запрос": 1.0}}' in line for line in lines)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_values_are_kept_to_the_last_bit(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("values") / "results.json"
    queries = tuple(f"q{place}" for place in range(len(values)))
    system = SystemResult("one", "", None, {"all": scores("", values, queries)})
    write_results(path, Result("mine", "test", [system]))
    assert read_results(path).systems[0].settings["all"].judged.values["RR@10"].tolist() == values


def change(path, *keys, value=None, remove=False):
    """Write a valid result file in which one value is replaced or removed."""
    write_results(path, results())
    content = json.loads(path.read_text(encoding="utf-8"))
    place = content
    for key in keys[:-1]:
        place = place[key]
    if remove:
        del place[keys[-1]]
    else:
        place[keys[-1]] = value
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


SETTING = ("systems", 0, "settings", "en-de")


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (("format",), "other", "not a result file"),
        (("format_version",), 2, "of format version 2, 1 is read here"),
        (("systems",), [], "no system in it"),
        (("systems",), [1], r"systems\[0\]: is not an object"),
        (("systems",), {}, "systems: is of the wrong type"),
        (("systems", 0, "name"), 3, r"systems\[0\].name: is of the wrong type"),
        (("systems", 0, "seed"), "1", "seed: is of the wrong type"),
        (("systems", 0, "seed"), True, "seed: is of the wrong type"),
        (("systems", 0, "settings"), {}, "settings: is empty"),
        (("systems", 1, "name"), "zero-shot", "two systems are named 'zero-shot'"),
        ((*SETTING, "per_query"), {}, "holds no query"),
        ((*SETTING, "per_query", "RR@10"), [1], "per_query.RR@10: is of the wrong type"),
        ((*SETTING, "per_query", "RR@10", "q1"), "1", "the value of 'q1' is no finite number"),
        ((*SETTING, "per_query", "RR@10", "q1"), False, "the value of 'q1' is no finite number"),
        ((*SETTING, "per_query", "RR@10", "q1"), None, "the value of 'q1' is no finite number"),
        ((*SETTING, "per_query", "RR@10", "q1"), float("nan"), "NaN is no value of JSON"),
        ((*SETTING, "per_query", "RR@10", "q1"), float("inf"), "Infinity is no value of JSON"),
        ((*SETTING, "per_query", "RR@10", "q1"), 0.9, "the mean of RR@10 is not that of its queries"),
        ((*SETTING, "per_query", "AP"), {"other": 1}, "AP has other queries than RR@10"),
        ((*SETTING, "top"), {"q1": "d1"}, "top.q1: is of the wrong type"),
        ((*SETTING, "top"), {"q1": [1]}, "top.q1: is not a list of strings"),
        ((*SETTING, "missing"), [1], "missing: is not a list of strings"),
        ((*SETTING, "checksums"), [1], "checksums: is of the wrong type"),
        ((*SETTING, "checksums", "qrels"), 1, "checksums.qrels: is of the wrong type"),
        ((*SETTING, "identical_ids"), "1", "identical_ids: is of the wrong type"),
    ],
)
def test_malformed_files_are_refused_with_the_place(tmp_path, keys, value, message):
    path = change(tmp_path / "results.json", *keys, value=value)
    with pytest.raises(InputError, match=message) as error:
        read_results(path)
    assert error.value.path == str(path)
    assert error.value.remedy


def test_files_of_earlier_versions_have_no_checksums_and_may_name_mrr(tmp_path):
    path = change(tmp_path / "results.json", *SETTING, "checksums", remove=True)
    content = json.loads(path.read_text(encoding="utf-8"))
    setting = content["systems"][0]["settings"]["en-de"]
    del setting["identical_ids"]
    for part in ("measures", "per_query"):
        setting[part] = {"MRR@10": setting[part]["RR@10"]}
    path.write_text(json.dumps(content), encoding="utf-8")
    found = read_results(path).systems[0].settings["en-de"]
    assert (found.checksums, found.identical_ids) == (Checksums(), 0)
    assert found.judged.means == {"RR@10": 0.5}


@pytest.mark.parametrize(
    "keys", [("dataset",), ("split",), ("systems",), ("systems", 0, "name"), (*SETTING, "per_query")]
)
def test_missing_keys_are_named(tmp_path, keys):
    with pytest.raises(InputError, match=f"{keys[-1]}: is missing"):
        read_results(change(tmp_path / "results.json", *keys, remove=True))


def test_files_that_are_no_json(tmp_path):
    path = tmp_path / "results.json"
    write_results(path, results())
    whole = path.read_bytes()
    for content in (
        b"",
        whole[: len(whole) // 2],
        gzip.compress(whole)[:-20],
        b"\xff\xfe",
        b"[1",
        b"3",
        b"[]",
    ):
        path.write_bytes(content)
        with pytest.raises(
            InputError, match=r"not JSON|truncated or corrupt|is empty|not UTF-8|not a result file"
        ):
            read_results(path)
    path.write_bytes(b"[" * 100_000)
    with pytest.raises(InputError, match="more than 128 lists"):
        read_results(path)
    with pytest.raises(InputError, match="no such file"):
        read_results(tmp_path / "nowhere.json")
    with pytest.raises(InputError, match="is a folder"):
        read_results(tmp_path)


def test_a_checksum_is_of_the_records_in_any_order():
    records = [("q1", "one"), ("q2", "two"), ("q3", "\ud800")]
    assert checksum(records) == checksum(reversed(records))
    assert len({checksum(records), checksum(records[:2]), checksum([("q1", "two"), ("q2", "one")])}) == 3
    assert checksum([("ab", "c")]) != checksum([("a", "bc")])
    assert (len(checksum(records)), checksum([])) == (64, "")


def test_group_values_are_means_over_the_settings_of_the_languages():
    settings = {
        "en-de": scores("CLIR en-x", (0, 0, 1)),
        "en-it": scores("CLIR en-x", (1, 1, 0), QUERIES[::-1]),
        "en-ja": scores("CLIR en-x", (1, 1), QUERIES[:2]),
        "de-en": scores("CLIR x-en", (1, 1, 1)),
    }
    assert group_values(settings, "CLIR en-x", "RR@10", ("en", "de")).values.tolist() == [0, 0, 1]
    both = group_values(settings, "CLIR en-x", "RR@10", ("en", "de", "it"))
    assert both.query_ids == QUERIES
    assert both.values.tolist() == [0, 0.5, 1]
    # Without languages, a setting with fewer queries is left out.
    assert group_values(settings, "CLIR en-x", "RR@10").values.tolist() == [0, 0.5, 1]
    with pytest.raises(InputError, match="judges other queries"):
        group_values(settings, "CLIR en-x", "RR@10", ("en", "de", "ja"))
    with pytest.raises(InputError, match="no setting of MoIR among en"):
        group_values(settings, "MoIR", "RR@10", ("en",))
    with pytest.raises(InputError, match="en-de has no AP"):
        group_values(settings, "CLIR en-x", "AP")


def test_top_passages_break_ties_as_trec_eval_does():
    run = {"q1": {"a": 1.0, "c": 1.0, "b": 2.0, "d": 0.5}, "q2": {}, "unjudged": {"a": 1.0}}
    assert top_passages(run, ["q1", "q2", "q3"]) == {"q1": ("b", "c", "a")}
