"""Comparing results in memory, result files and runs."""

import json
from dataclasses import replace

import numpy as np
import pytest

import cslir
from cslir.errors import InputError
from cslir.evaluation.checksums import Checksums
from cslir.evaluation.metrics import Judged
from cslir.evaluation.pairing import compare_systems
from cslir.evaluation.results import Result, SettingScores, SystemResult
from cslir.progress import Progress

QUERIES = tuple(f"q{number}" for number in range(30))
GROUPS = {"en-en": "MoIR", "en-de": "CLIR en-x", "X-X": "MLIR X-X"}


@pytest.fixture
def dataset(tmp_path):
    """A parallel dataset; its texts say what they are of."""
    for language in ("en", "de"):
        folder = tmp_path / "mine" / language
        (folder / "qrels").mkdir(parents=True)
        for name in ("corpus", "queries"):
            lines = [json.dumps({"_id": one, "text": f"{language} {name} {one}"}) for one in QUERIES]
            (folder / f"{name}.jsonl").write_text("\n".join(lines), encoding="utf-8")
        rows = "".join(f"{one}\t{one}\t1\n" for one in QUERIES)
        (folder / "qrels" / "test.tsv").write_text(f"query-id\tcorpus-id\tscore\n{rows}", encoding="utf-8")
    return tmp_path / "mine"


def system(name, baseline="", seed=1, shift=0.0):
    draw = np.random.default_rng([seed, *name.encode()])
    return SystemResult(
        name, baseline, seed,
        {
            key: SettingScores(
                group,
                Judged(
                    QUERIES,
                    {
                        "RR@10": 1 / np.clip(np.round(draw.integers(1, 10, 30) - 5 * shift), 1, 10),
                        "R@100": np.ones(30),
                    },
                    (),
                ),
                top={one: (one, "q1", "q2") for one in QUERIES},
            )
            for key, group in GROUPS.items()
        },
    )  # fmt: skip


@pytest.fixture
def results(dataset):
    """Results of seeds 1 and 2 of two systems."""
    return [
        Result(
            str(dataset),
            "test",
            [system("base", seed=seed), system("better", "base", seed, 1.0)],
            ("en", "de"),
        )
        for seed in (1, 2)
    ]


@pytest.fixture
def told():
    """Give a list, and a progress that puts notices there."""
    notices = []
    return notices, Progress(notice=notices.append)


def test_results_in_memory_and_in_files_are_compared_alike(results, tmp_path):
    for number, one in enumerate(results):
        one.save(tmp_path / f"{number}.json")
    found = cslir.compare(*results, by="setting")
    assert isinstance(found, cslir.Comparison)
    systems = [one for result in results for one in result.systems]
    assert list(found.compared) == compare_systems(
        systems, measure="RR@10", by="setting", languages=("en", "de")
    )
    assert [(one.system, one.place) for one in found.scores] == [
        (name, place) for name in ("base", "better") for place in GROUPS
    ]
    assert [one.compared is None for one in found.scores] == [True] * 3 + [False] * 3
    for one in found.compared:
        assert one.mark_with_seeds == "+2"
        assert one.difference > 0.1
        assert one.interval[0] < one.difference < one.interval[1]
        assert one.wins + one.ties + one.losses == one.queries == 30
    for paths in ([tmp_path / "0.json", tmp_path / "1.json"], [str(tmp_path / "0.json"), results[1]]):
        again = cslir.compare(*paths, by="setting")
        assert (again.scores, again.configuration) == (found.scores, found.configuration)


def test_several_measures_are_families_of_their_own(results):
    found = cslir.compare(*results, measures=["R@100", "MRR@10"], test="bootstrap", correction="bonferroni")
    assert [one.measure for one in found.compared] == ["R@100"] * 3 + ["RR@10"] * 3
    assert (found.test, found.correction) == ("bootstrap", "bonferroni")
    for one in found.compared:
        assert one.adjusted_p == pytest.approx(min(1, 3 * one.p_value))


def test_it_prints_nothing(results, capfd):
    found = cslir.compare(*results, changed=1)
    assert "RR@10" in repr(found)
    assert capfd.readouterr() == ("", "")


def test_it_says_how_far_it_is_and_what_it_was_asked(results):
    stages = []

    class Counted:
        def __init__(self, description, unit):
            stages.append((description, unit))

        def __enter__(self):
            return lambda done, total=None: stages.append((done, total))

        def __exit__(self, *_):
            pass

    found = cslir.compare(*results, progress=Progress(stage=Counted))
    assert stages == [("comparing", "test"), (0, 3), (1, 3), (2, 3), (3, 3)]
    assert found.configuration["data"] == [{"dataset": results[0].dataset, "split": "test"}]
    assert found.configuration["languages"] == ("en", "de")


def test_changed_queries_come_with_their_texts(results):
    changes = cslir.compare(*results, changed=2).changes
    assert [np.sign(one.overall) for one in changes][:2] == [1, 1]
    gained = changes[0]
    assert (gained.system.system, gained.baseline.system) == ("better", "base")
    assert gained.system.value - gained.baseline.value == pytest.approx(gained.difference)
    language = {"en-en": "en", "en-de": "en"}.get(gained.setting)
    assert gained.query in [
        f"{one} queries {gained.query_id}" for one in ([language] if language else ("en", "de"))
    ]
    assert gained.relevant == (gained.query_id,)
    assert gained.passages.keys() == {gained.query_id, "q1", "q2"}
    assert gained.passages["q1"].partition(" ")[2] == "corpus q1"
    assert cslir.compare(*results).changes == ()


def test_texts_are_left_out_where_the_data_is_gone(results, dataset, told):
    notices, progress = told
    dataset.rename(dataset.with_name("moved"))
    changes = cslir.compare(*results, changed=1, progress=progress).changes
    assert (changes[0].query, changes[0].relevant, changes[0].passages) == (None, (), {})
    (notice,) = notices
    assert "ids are shown without their texts" in notice


@pytest.fixture
def runs(tmp_path):
    """Qrels and two runs: a good one, and one that lacks ten queries and is second in the others."""
    (tmp_path / "qrels").write_text("".join(f"{one} 0 d1 1\n" for one in QUERIES), encoding="utf-8")
    for name, rank in (("good", 1), ("poor", 2)):
        lines = [
            f"{query} Q0 {'d1' if place == rank else f'd{place + 1}'} {place} {9 - place} x\n"
            for query in QUERIES[: 30 if name == "good" else 20]
            for place in (1, 2)
        ]
        (tmp_path / f"{name}.run").write_text("".join(lines), encoding="utf-8")
    return tmp_path


def test_runs_are_judged_by_qrels_and_named_by_their_files(runs, told):
    notices, progress = told
    found = cslir.compare(
        runs / "poor.run", str(runs / "good.run"), qrels=runs / "qrels", names=["", "the best"],
        test="wilcoxon", progress=progress,
    )  # fmt: skip
    base, best = found.scores
    assert (base.system, best.system, best.place, best.measure) == ("poor", "the best", "all", "RR@10")
    assert base.mean == pytest.approx(1 / 3)
    assert (best.mean, best.compared.wins, best.compared.baseline) == (1, 30, "poor")
    assert found.configuration["data"] == []
    assert [one for one in notices if "runs do not say which queries" in one] == notices
    measured = cslir.compare(
        runs / "poor.run", runs / "good.run", qrels=str(runs / "qrels"), measures=["AP"], changed=1
    )
    (change,) = measured.changes
    assert (change.measure, change.system.value, change.query) == ("AP", 1.0, None)


def test_a_run_is_compared_with_a_result(runs):
    judged = cslir.compare(runs / "poor.run", runs / "good.run", qrels=runs / "qrels", names=["a", "b"])
    values = Judged(QUERIES, {"RR@10": np.full(30, 0.5)}, ())
    result = Result("mine", "test", [SystemResult("mine", "", None, {"all": SettingScores("", values)})])
    found = cslir.compare(result, runs / "good.run", qrels=runs / "qrels")
    assert found.compared[0].difference == judged.scores[1].mean - 0.5


def test_systems_and_settings_are_chosen_by_name(results):
    found = cslir.compare(
        results[0], systems=["better"], baseline="base", settings=["MoIR", "en-de"], by="setting"
    )
    assert {one.place for one in found.scores} == {"en-en", "en-de"}
    assert {one.system for one in found.scores} == {"base", "better"}


def made_on(result, name, queries):
    """A result of one system of that name, made on these queries."""
    one = replace(
        result.systems[0],
        name=name,
        settings={
            key: replace(scores, checksums=Checksums(queries, "qrels"))
            for key, scores in result.systems[0].settings.items()
        },
    )
    return replace(result, systems=[one])


def test_other_queries_are_refused_unless_that_is_meant(results):
    one, other = made_on(results[0], "one", "en"), made_on(results[0], "other", "de")
    with pytest.raises(InputError, match="different queries in en-en; .*`different_data=True` compares them"):
        cslir.compare(one, other)
    assert len(cslir.compare(one, other, different_data=True).compared) == 3


def test_other_names_of_the_data_are_told(results, told):
    notices, progress = told
    one, other = made_on(results[0], "one", "en"), made_on(results[0], "other", "en")
    cslir.compare(one, replace(other, dataset="elsewhere"), progress=progress)
    (notice,) = notices
    assert f"the results name different data ({one.dataset} test, elsewhere test)" in notice


def test_passages_with_a_querys_own_id_are_treated_alike(results, told):
    notices, progress = told
    left_out = made_on(results[0], "one", "")
    left_out.systems[0].settings["en-en"] = replace(left_out.systems[0].settings["en-en"], identical_ids=3)
    left_out = replace(left_out, configuration={"ignore_identical_ids": True})
    other = made_on(results[0], "other", "")
    cslir.compare(left_out, other, progress=progress)
    assert "left out of some systems and count in others" in notices.pop()
    cslir.compare(left_out, replace(other, configuration=left_out.configuration), progress=progress)
    assert notices == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"systems": ["none"]}, "no system 'none'; choose among 'base', 'better'"),
        ({"systems": ["base"]}, "only one system, 'base'"),
        ({"baseline": "none"}, "no system 'none'"),
        ({"measures": ["AP"]}, "not all systems have AP; all have: RR@10, R@100"),
        ({"settings": ["de-de"]}, "no setting or group 'de-de'; choose among MoIR, en-en"),
        ({"test": "z"}, "no test 'z'"),
        ({"correction": "z"}, "no correction 'z'"),
        ({"by": "language"}, "can't compare by 'language'"),
        ({"names": ["x", ""]}, "2 names for 1 result"),
        ({"names": ["x"]}, "the result has several systems, which 'x' can't name all"),
        ({"qrels": "qrels"}, "`qrels` is for runs, and none is given"),
    ],
)
def test_wrong_arguments_are_named(results, arguments, message):
    with pytest.raises(InputError) as caught:
        cslir.compare(results[0], **arguments)
    assert message in str(caught.value)


def test_two_systems_of_one_name_are_named_by_names(results):
    with pytest.raises(
        InputError, match="two systems are named 'base' with seed 1; name one otherwise by `names`"
    ):
        cslir.compare(results[0], results[0])
    one, other = (made_on(results[0], "same", "") for _ in range(2))
    assert cslir.compare(one, other, names=["", "other"]).compared[0].system == "other"
    with pytest.raises(InputError, match="no result is given"):
        cslir.compare()


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"q1 Q0 d1 1 1.0 x\n", "no result file, and a run needs `qrels`"), (b"", "is empty"), (b"{}", "not a result file"),
     (b'{"format": "cslir res', "not JSON"), (None, "no such file")],
)  # fmt: skip
def test_what_is_no_result_file_is_named_with_its_path(results, tmp_path, content, message):
    if content is not None:
        (tmp_path / "file").write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        cslir.compare(results[0], tmp_path / "file")
    assert str(caught.value).startswith(str(tmp_path / "file"))
