"""Reports: what they are made of, the numbers they show, and pages that stand by themselves."""

import itertools
import json
import math
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_files import SYSTEMS, training, write_coverage, write_latency, write_parallel, write_plain

from cslir.datasets import load_embedded
from cslir.errors import InputError
from cslir.evaluation.checksums import Checksums
from cslir.evaluation.metrics import Judged
from cslir.evaluation.results import Result, SettingScores, SystemResult, read_results, write_results
from cslir.progress import Progress
from cslir.reporting import report
from cslir.reporting.drawing.lines import Point, front, label_offsets
from cslir.reporting.drawing.style import WIDTH, one_line, readable_ink
from cslir.reporting.findings import findings
from cslir.reporting.material import read_material
from cslir.reporting.response_times import response_time_figures
from cslir.reporting.summary import over_seeds, summarise
from cslir.reporting.training_course import training_figures

VOID = {"meta", "link", "img", "br"}


class Page(HTMLParser):
    """The elements of a page; refuses tags that do not match."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.text = [], [], ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"style", "title"} & set(self.open):
            self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    """A report of two seeds, response times, training, coverage."""
    folder = tmp_path_factory.mktemp("report")
    model = folder / "model"
    model.mkdir()
    (model / "training_record.json").write_text(json.dumps({"format": "cslir training record", **training()}))
    inputs = [
        write_parallel(folder / "one.json", seed=1),
        write_parallel(folder / "two.json", seed=2),
        write_latency(folder / "latency.json"),
        write_coverage(folder / "coverage.json"),
        model,
    ]
    return report(inputs, folder / "report"), inputs


def page_of(everything):
    return Page(everything[0].read_text(encoding="utf-8"))


def test_the_page_needs_nothing_else(everything):
    page = page_of(everything)
    assert all(image["src"].startswith("data:image/svg+xml;base64,") for image in page.all("img"))
    assert page.all("script") == []
    assert {link["href"] for link in page.all("link")} == {"data:,"}
    css = re.search(r"<style>(.*?)</style>", everything[0].read_text(encoding="utf-8"), re.S)[1]
    assert "url(" not in css
    assert "@import" not in css


def test_every_picture_has_a_text_alternative_and_its_values(everything):
    page = page_of(everything)
    assert all(len(image["alt"]) > 30 and re.search(r"\d", image["alt"]) for image in page.all("img"))
    # One more of the details holds the findings'.
    assert len(page.all("figure")) == len(page.all("details")) - 1 == 11
    assert page.all("html") == [{"lang": "en"}]


def test_headings_are_in_order(everything):
    levels = [int(tag[1]) for tag, _ in page_of(everything).elements if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_links_lead_somewhere(everything):
    page = page_of(everything)
    places = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    for link in page.all("a"):
        target = link["href"]
        assert target[1:] in places if target.startswith("#") else (everything[0].parent / target).is_file()


def test_pictures_are_files_too(everything):
    names = {path.stem for path in everything[0].parent.glob("*.svg")}
    assert names == {path.stem for path in everything[0].parent.glob("*.png")}
    assert {"heat-maps", "difference-maps", "mixed", "language-bias", "language-shares"} <= names
    assert {"pareto", "growth", "stages", "training-curves", "switch-rates", "coverage"} <= names
    for path in everything[0].parent.glob("*.svg"):
        ET.fromstring(path.read_bytes())
    for path in everything[0].parent.glob("*.png"):
        assert path.read_bytes().startswith(b"\x89PNG")


def test_names_are_escaped_and_kept(everything):
    page = page_of(everything)
    assert page.all("b") == []
    assert "ML-CS, <b>means</b> & $removed$ 日本語 عربي" in page.text


def test_the_same_inputs_give_the_same_bytes(everything, tmp_path):
    again = report(everything[1], tmp_path / "again")
    first = {path.name: path.read_bytes() for path in everything[0].parent.iterdir()}
    assert first == {path.name: path.read_bytes() for path in again.parent.iterdir()}


def test_commands_seeds_and_versions_are_recorded(everything):
    text = page_of(everything).text
    for expected in ("cslir eval made-up --seed 2", "abacus", "version of numpy", "seeds 1 and 2"):
        assert expected in text


def test_marks_are_those_of_the_tests(tmp_path):
    systems = {"base": ("", 0.2, 0.5), "better": ("base", 0.95, 0.5), "worse": ("base", 0.0, 0.5)}
    file = write_parallel(tmp_path / "r.json", systems=systems, queries=300)
    summary = summarise([read_results(file)])
    by_name = {system.name: system for system in summary.systems}
    assert {summary.mark(by_name["better"], column) for column in summary.columns} == {"+"}
    assert {summary.mark(by_name["worse"], column) for column in summary.columns} == {"-"}
    assert {summary.mark(by_name["base"], column) for column in summary.columns} == {""}
    details = " ".join(findings(summary).details)
    assert "better, against base: significantly better in all 7 groups" in details
    assert "worse, against base: significantly worse in all 7 groups" in details


def test_a_person_reads_three_sentences_first(tmp_path):
    systems = {
        "zero-shot": ("", 0.2, 0.8),
        "ML-CS": ("zero-shot", 0.9, 0.6),
        "other": ("zero-shot", 0.3, 0.6),
    }
    file = write_parallel(tmp_path / "r.json", systems=systems, queries=300)
    page = report([file], tmp_path / "out").read_text(encoding="utf-8")
    sentences = re.findall(r'<p class="finding">(.*?)</p>', page)
    assert [one.partition(" ")[0] for one in sentences] == ["ML-CS", "ML-CS", "From"]
    assert re.fullmatch(
        r"ML-CS finds most: MRR@10 is \d+\.\d percent averaged over the 7 groups, \d+\.\d points ahead of .*",
        sentences[0],
    )
    assert "gains most over its baseline, zero-shot: +" in sentences[1]
    assert "a query takes 10 ms, 10.0 times as long as with zero-shot, the fastest" in sentences[2]
    assert page.index('<p class="finding">') < page.index("<table>") < page.index("Findings in detail")


def test_findings_name_what_is_worse(tmp_path):
    systems = {"base": ("", 0.5, 0.5), "worse": ("base", 0.0, 0.5), "same": ("base", 0.5, 0.5)}
    found = findings(summarise([read_results(write_parallel(tmp_path / "r.json", systems=systems))]))
    assert found.sentences[1] == (
        "No system is significantly better than its baseline; worse is significantly worse than its own in all"
        " 7 groups."
    )


def test_alignment_is_tested_against_the_arm_without_it(tmp_path):
    systems = {
        "zero-shot": ("", 0.1, 0.5),
        "ML-CS": ("zero-shot", 0.4, 0.5),
        "ML-CS + align": ("zero-shot", 0.95, 0.5),
        "ML-CS, language means removed": ("zero-shot", 0.4, 0.5),
        "ML-CS + align, language means removed": ("zero-shot", 0.4, 0.5),
        "BL-CS + align": ("zero-shot", 0.4, 0.5),
    }
    file = write_parallel(tmp_path / "r.json", systems=systems, queries=300)
    summary = summarise([read_results(file)])
    tests = summary.alignment_tests
    assert {(name, one.baseline) for (name, _), one in tests.items()} == {
        ("ML-CS + align", "ML-CS"),
        ("ML-CS + align, language means removed", "ML-CS, language means removed"),
    }
    assert {one.mark for (name, _), one in tests.items() if name == "ML-CS + align"} == {"+"}
    # Holm's correction over all of them.
    smallest = min(tests.values(), key=lambda one: one.p_value)
    assert smallest.adjusted_p == pytest.approx(len(tests) * smallest.p_value)
    details = " ".join(findings(summary).details)
    assert "ML-CS + align, against ML-CS: significantly better in all 7 groups" in details


def test_the_best_system_is_drawn_or_named_where_its_time_was_not_measured(tmp_path):
    file = write_parallel(tmp_path / "r.json")
    result = read_results(file)
    summary = summarise([result])
    assert "Not shown" not in response_time_figures(summary, read_material([result]))[0].caption
    result.systems[1] = replace(result.systems[1], details={})
    figure = response_time_figures(summarise([result]), read_material([result]))[0]
    assert figure.name == "pareto"
    assert "Not shown, as no response time was measured: ML-CS." in figure.caption


def test_a_query_is_shown_once_among_those_that_changed_most(tmp_path):
    dataset = load_embedded()
    chosen = dataset.queries("test", "en")[:30]
    query_ids, top = tuple(query.query_id for query in chosen), {chosen[0].query_id: (chosen[0].query_id,)}
    systems = []
    for number, name in enumerate(("base", "one", "two", "three")):
        # The first query gains most in every system, the second loses most.
        values = np.full(30, 0.5) + np.linspace(0, 0.01 * number, 30)
        values[:2] = (0.0, 1.0) if not number else (1.0, 0.0)
        judged = Judged(query_ids, {"RR@10": values}, ())
        settings = {
            "en-en": SettingScores("MoIR", judged, top=dict.fromkeys(query_ids, next(iter(top.values()))))
        }
        systems.append(SystemResult(name, "base" if number else "", 1, settings))
    write_results(tmp_path / "r.json", Result("debian-sample", "test", systems, seen=("en",)))
    page = report([tmp_path / "r.json"], tmp_path / "out", changed=2).read_text(encoding="utf-8")
    notes = re.findall(r"query (\S+) in en-en", page)
    assert len(notes) == len(set(notes)) > 6
    assert {query_ids[0], query_ids[1]} <= set(notes)


def test_pictures_are_shown_as_wide_as_they_are_drawn(everything):
    """So that their type is of one size, whatever the number of panels."""
    page = everything[0].read_text(encoding="utf-8")
    assert {image["width"] for image in page_of(everything).all("img")} == {str(WIDTH)}
    assert f"grid-template-columns: repeat(auto-fill, min(100%, {WIDTH}px))" in page


def test_wide_tables_say_that_they_scroll(everything):
    regions = [one for one in page_of(everything).all("div") if one.get("role") == "region"]
    assert {one["class"] for one in regions} == {"scroll", "scroll wide"}
    page = everything[0].read_text(encoding="utf-8")
    assert re.search(r'@media screen and \(max-width: 30rem\) \{\s*\.wide::before \{ content: "scroll', page)


def test_seeds_are_averaged_per_query(tmp_path):
    files = [read_results(write_parallel(tmp_path / f"{seed}.json", seed=seed)) for seed in (1, 2, 3)]
    averaged = over_seeds([system for file in files for system in file.systems])
    assert [system.name for system in averaged] == list(SYSTEMS)
    values = [file.systems[1].settings["en-de"].judged.values["RR@10"] for file in files]
    np.testing.assert_allclose(averaged[1].settings["en-de"].judged.values["RR@10"], np.mean(values, axis=0))
    summary = summarise(files)
    assert summary.seeds["ML-CS"] == (1, 2, 3)
    estimate = summary.means["ML-CS", "MoIR"]
    assert estimate.interval[0] < estimate.mean < estimate.interval[1]


def test_a_dataset_without_languages(tmp_path):
    page = report([write_plain(tmp_path / "plain.json")], tmp_path / "out")
    text = Page(page.read_text(encoding="utf-8")).text
    assert "nDCG@10" in text
    assert "No heat maps" in text
    assert (tmp_path / "out" / "systems.png").is_file()


def test_one_system_is_reported_without_tests(tmp_path):
    page = report([write_plain(tmp_path / "plain.json", systems=("BM25",))], tmp_path / "out")
    text = Page(page.read_text(encoding="utf-8")).text
    assert "One system was judged" in text
    assert "no difference is tested" in text


def test_response_times_alone(tmp_path):
    page = report([write_latency(tmp_path / "l.json")], tmp_path / "out")
    text = Page(page.read_text(encoding="utf-8")).text
    assert "No result file was given" in text
    assert {path.stem for path in page.parent.glob("*.svg")} == {"pareto", "growth", "stages"}


def test_trainings_of_systems_are_drawn(tmp_path):
    file = write_parallel(tmp_path / "r.json")
    result = read_results(file)
    result.systems[1] = replace(result.systems[1], details={"training": training()})
    (found,) = read_material([result]).training
    assert (found.system, found.switch_rate, found.by_language) == ("ML-CS", 0.3, {"de": 0.1, "ru": 0.2})
    assert [one.name for one in training_figures([found])] == ["training-curves", "switch-rates"]


WRONG = {
    "absent": (["absent.json"], "no such file"),
    "empty": (["empty.json"], "is empty"),
    "truncated": (["truncated.json"], "not JSON"),
    "another kind": (["other.json"], "nothing that a report is made of"),
    "another list": (["list.json"], "no lexicon's coverage"),
    "folder of nothing": (["folder"], "nothing that a report is made of"),
    "other dataset": (["good.json", "plain.json"], "make a report for each dataset"),
    "twice the same system": (["good.json", "copy.json"], "is in good.json too"),
    "bad latency": (["latency.json"], "not as cslir bench latency writes it"),
    "bad training": (["training.json"], "malformed"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_inputs_are_refused(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    good = write_parallel(tmp_path / "good.json")
    (tmp_path / "copy.json").write_bytes(good.read_bytes())
    (tmp_path / "truncated.json").write_bytes(good.read_bytes()[:500])
    (tmp_path / "empty.json").write_text("")
    (tmp_path / "other.json").write_text('{"format": "something"}')
    (tmp_path / "list.json").write_text("[1]")
    (tmp_path / "latency.json").write_text('{"format": "cslir latency", "systems": []}')
    (tmp_path / "training.json").write_text('{"format": "cslir training record", "curve": {}}')
    (tmp_path / "folder").mkdir()
    write_plain(tmp_path / "plain.json")
    before = sorted(path.name for path in tmp_path.iterdir())
    inputs, problem = WRONG[name]
    with pytest.raises(InputError, match=problem) as caught:
        report(inputs, "report")
    assert caught.value.path == inputs[-1]
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_names_that_no_system_has_are_refused(tmp_path):
    good = write_parallel(tmp_path / "good.json")
    with pytest.raises(InputError, match="has no P@3"):
        report([good], tmp_path / "out", measure="P@3")
    with pytest.raises(InputError, match="no system 'nobody'"):
        report([good], tmp_path / "out", baseline="nobody")


def test_a_folder_of_something_else_is_not_replaced(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("x")
    with pytest.raises(InputError, match="not part of an output of cslir"):
        report([write_plain(tmp_path / "plain.json")], tmp_path / "out")
    with pytest.raises(InputError, match="is a file"):
        report([tmp_path / "plain.json"], tmp_path / "plain.json")


def test_matplotlib_is_loaded_for_drawing_alone():
    code = (
        "import sys, cslir.cli.report, cslir.reporting, cslir.demo\n"
        "sys.exit(str({'matplotlib', 'jinja2'} & set(sys.modules) or 0))"
    )
    found = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert found.stderr.strip() in {"", "0"}


@given(st.tuples(*[st.floats(0, 1)] * 3))
def test_numbers_stand_out_from_their_cell(colour):
    def luminance(parts):
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    ink = readable_ink(colour)
    light, dark = sorted(
        (luminance(colour), luminance([int(ink[place : place + 2], 16) / 255 for place in (1, 3, 5)])),
        reverse=True,
    )
    assert (light + 0.05) / (dark + 0.05) > 4.5


@given(st.lists(st.tuples(st.floats(0.1, 100), st.floats(0, 100)), min_size=1))
def test_nothing_beats_a_point_of_the_front(pairs):
    entries = [Point("", x, y) for x, y in pairs]
    best = front(entries)
    for one in best:
        assert not any(o.x <= one.x and o.y >= one.y and (o.x, o.y) != (one.x, one.y) for o in entries)
    for other in entries:
        assert any(one.x <= other.x and one.y >= other.y for one in best)


@given(st.lists(st.tuples(st.floats(0, 300), st.floats(0, 200)), max_size=12))
def test_labels_of_points_do_not_overlap(places):
    labels = [
        (x + dx, y + dy) for (x, y), (dx, dy) in zip(places, label_offsets(places, (300, 200)), strict=True)
    ]
    assert all(math.dist(one, other) >= 16 for one, other in itertools.combinations(labels, 2))
    assert all(0 <= x <= 300 and 0 <= y <= 200 for x, y in labels)


@given(st.text())
def test_labels_are_one_printable_line(text):
    label = one_line(text)
    assert len(label) <= 46
    assert all(char.isprintable() for char in label)


def test_mrr_is_another_name_of_rr(tmp_path):
    file = read_results(write_parallel(tmp_path / "one.json"))
    summary = summarise([file], "MRR@10")
    assert (summary.measure, summary.title) == ("RR@10", "MRR@10")


def results_on_other_queries(first="scifact", second="scifact"):
    """Two results of one setting, whose queries have other texts."""
    results = []
    for number, (name, queries, dataset) in enumerate((("BM25", "en", first), ("static", "de", second))):
        values = np.random.default_rng(number).random(40)
        judged = Judged(tuple(map(str, range(40))), {"RR@10": values}, ())
        scores = SettingScores("", judged, checksums=Checksums(queries, "same"))
        results.append(Result(dataset, "test", [SystemResult(name, "", None, {"all": scores})]))
    return results


def test_results_on_other_queries_are_no_report_unless_that_is_meant(tmp_path):
    results = results_on_other_queries()
    with pytest.raises(
        InputError,
        match="static and BM25 were evaluated with different queries in all; .*`different_data=True`",
    ):
        report(results, tmp_path / "report")
    assert not (tmp_path / "report").exists()
    assert report(results, tmp_path / "report", different_data=True).is_file()


def test_other_names_of_the_data_are_told(tmp_path):
    notices = []
    results = results_on_other_queries("english", "german")
    page = report(results, tmp_path / "report", different_data=True, progress=Progress(notice=notices.append))
    assert "2 systems were compared on english, split test and german, split test" in page.read_text()
    (notice,) = notices
    assert "the results name different data (english test, german test)" in notice


def test_results_in_memory_need_no_files(tmp_path, capfd):
    path = write_plain(tmp_path / "plain.json")
    result = read_results(path)
    page = report([result], str(tmp_path / "out"))
    assert page == tmp_path / "out" / "index.html"
    assert capfd.readouterr() == ("", "")
    assert "result 1 (BM25, static)" in Page(page.read_text(encoding="utf-8")).text
    pictures = {one.name: one.read_bytes() for one in page.parent.glob("*.*g")}
    assert pictures.keys() == {"systems.svg", "systems.png"}
    assert pictures == {
        one.name: one.read_bytes() for one in report(path, tmp_path / "file").parent.glob("*.*g")
    }
    with pytest.raises(InputError, match="the system 'BM25' is in result 1"):
        report([result, path], tmp_path / "twice")
