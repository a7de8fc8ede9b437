"""CSV, Markdown, LaTeX, JSON and tables of a comparison."""

import csv
import io
import json
import re
from dataclasses import replace

import pytest
from rich.cells import cell_len

from cslir.errors import InputError
from cslir.evaluation.comparison import Change, Compared, Comparison, Ranked, Score

EVIL = r"a|b_c & 100% #1 {x} $y ~^\z" + "\nsecond <line>"
TEXTS = ["بحث بلا حدود في لغات كثيرة", "検索エンジンの評価方法について説明する", "свободная программа"]


def compared(place, difference, adjusted_p, **options):
    return Compared(
        EVIL, "base", place, "RR@10", 0.75, 0.25, difference, (0.1, 0.9), 0.001, adjusted_p, 0.8, 3, 1, 0, 4,
        seeds=(1, 2), deviation=0.01, **options,
    )  # fmt: skip


SCORES = (
    Score("base", "MoIR", "RR@10", 0.25, None, 4),
    Score("base", "CLIR en-x", "RR@10", 0.5, None, 4),
    Score(EVIL, "MoIR", "RR@10", 0.75, 0.01, 4, (1, 2),
          compared("MoIR", 0.5, 0.002, better_seeds=2, worse_seeds=0)),
    Score(EVIL, "CLIR en-x", "RR@10", 0.125, 0.02, 4, (1, 2),
          compared("CLIR en-x", -0.375, 0.5, better_seeds=0, worse_seeds=1)),
)  # fmt: skip
COMPARISON = Comparison(SCORES)
UNTESTED = Comparison(tuple(replace(one, compared=None) for one in SCORES))


def rows_of(comparison):
    return list(csv.DictReader(io.StringIO(comparison.text("csv"))))


def test_csv_has_a_row_per_measure_place_and_system():
    rows = rows_of(COMPARISON)
    assert [(row["system"], row["place"]) for row in rows] == [
        (one.system.replace("\n", " "), one.place) for one in SCORES
    ]
    assert rows[0]["mean"] == "0.25"
    assert rows[0]["deviation"] == rows[0]["baseline"] == rows[0]["p_value"] == rows[0]["worse_seeds"] == ""
    found = rows[2]
    assert {key: found[key] for key in ("seeds", "baseline", "difference", "interval_low", "adjusted_p")} == {
        "seeds": "1 2", "baseline": "base", "difference": "0.5", "interval_low": "0.1", "adjusted_p": "0.002",
    }  # fmt: skip
    assert (found["wins"], found["ties"], found["losses"], found["better_seeds"]) == ("3", "1", "0", "2")
    assert (found["compared_seeds"], found["difference_deviation"]) == ("1 2", "0.01")
    assert rows_of(UNTESTED)[2].keys() == found.keys()


def test_csv_holds_no_formula_and_nothing_that_steers_a_terminal():
    names = ['=HYPERLINK("http://x")', "+1", "-2", "@SUM(A1)", "\x1b[31m=red", " \t=late"]
    scores = [Score(name, "MoIR", "RR@10", -0.25, None, 4) for name in names]
    scores[1] = replace(scores[1], compared=replace(SCORES[2].compared, baseline=names[0]))
    rows = rows_of(Comparison(tuple(scores)))
    assert [row["system"] for row in rows] == [
        "'=HYPERLINK(\"http://x\")", "'+1", "'-2", "'@SUM(A1)", "[31m=red", "'=late",
    ]  # fmt: skip
    assert rows[1]["baseline"] == rows[0]["system"]
    # A number stays one, below zero too.
    assert {row["mean"] for row in rows} == {"-0.25"}


def test_a_data_frame_has_the_columns_of_the_csv_file():
    pandas = pytest.importorskip("pandas")
    frame = COMPARISON.to_pandas()
    assert isinstance(frame, pandas.DataFrame)
    assert frame.columns.tolist() == list(rows_of(COMPARISON)[0])
    assert frame.adjusted_p.tolist()[2:] == [0.002, 0.5]
    assert frame.compared_seeds.tolist()[2] == (1, 2)


def test_markdown_is_a_valid_table():
    text = COMPARISON.text("markdown")
    rows = [line for line in text.splitlines() if line.startswith("|")]
    # A pipe within a cell is escaped, and nothing breaks a line.
    assert [len(re.findall(r"(?<!\\)\|", row)) for row in rows] == [4, 4, 4, 4]
    assert rows[0] == "|  | MoIR | CLIR en-x |"
    assert rows[2] == "| base | 25.0 | **50.0** |"
    assert rows[3].startswith(r"| a\|b\_c & 100%")
    assert rows[3].endswith(r"second \<line\> | **75.0** ± 1.0 +2 | 12.5 ± 2.0 |")
    assert "after Holm's correction over 2 tests" in text
    assert "with how many of 2 seeds" in text
    assert "standard deviation over seeds" in text


def test_latex_escapes_names_and_explains_its_marks():
    text = replace(COMPARISON, test="wilcoxon", correction="bonferroni").text("latex")
    lines = text.splitlines()
    assert r"\begin{tabular}{lrr}" in lines
    assert lines.count(r"\toprule") == lines.count(r"\midrule") == lines.count(r"\bottomrule") == 1
    assert r"base & 25.0 & \textbf{50.0} \\" in lines
    name = r"a|b\_c \& 100\% \#1 \{x\} \$y \textasciitilde{}\textasciicircum{}\textbackslash{}z second $<$line$>$"
    assert rf"{name} & \textbf{{75.0}} $\pm$ 1.0$^{{+2}}$ & 12.5 $\pm$ 2.0 \\" in lines
    assert any("Wilcoxon's signed-rank test" in line and r"\multicolumn{3}" in line for line in lines)
    assert any("after Bonferroni's correction" in line for line in lines)


@pytest.mark.parametrize("name", ["markdown", "latex", "table"])
def test_many_places_become_rows(name):
    scores = tuple(Score("one", f"en-{number:02}", "AP", 0.5, None, 2) for number in range(9))
    text = Comparison(scores).text(name)
    assert sum("en-0" in line for line in text.splitlines()) == 9
    assert "±" not in text


def test_a_place_that_a_system_lacks_is_left_empty():
    text = Comparison(SCORES[:3]).text("markdown")
    assert any(line.endswith("| **75.0** ± 1.0 +2 |  |") for line in text.splitlines())


def test_measures_that_are_no_shares_are_shown_as_they_are():
    text = Comparison((Score("one", "all", "NumRet", 87.5, None, 2),)).text("markdown")
    assert "percent" not in text
    assert "| one | **87.5** |" in text


def test_means_without_tests_have_no_note():
    for name in ("latex", "markdown", "table"):
        assert "better or worse" not in UNTESTED.text(name)


def test_the_repr_is_the_table_and_says_what_its_marks_mean():
    text = repr(COMPARISON)
    for words in ("RR@10, percent", "MoIR", "en-x", "75.0+2", "+50.0+", "[+10.0, +90.0]", "3/1/0", "±",
                  "p < 0.05 after Holm's correction over 2 tests", "Cohen's d_z"):  # fmt: skip
        assert words in " ".join(text.split())
    assert COMPARISON.text() == f"{text}\n"
    assert COMPARISON._repr_html_().startswith("<pre>")
    assert "<line>" not in COMPARISON._repr_html_()
    assert "rank-biserial" in repr(replace(COMPARISON, test="wilcoxon"))


def test_changed_queries_keep_to_the_width_in_every_script():
    changes = tuple(
        Change(f"q{number}", "en-de", "RR@10", 0.5, 0.25, 1, Ranked("better", 1.0, 1, ("d1", "d2")),
               Ranked("base", 0.5, 2, ("d2", "d1")), text * 9, ("d1",), {"d1": text * 9})
        for number, text in enumerate(TEXTS)
    )  # fmt: skip
    text = replace(COMPARISON, changes=changes).text()
    assert "better / base" in text
    assert "  base: RR@10 0.500, rank 2" in text
    assert "検索" in text
    assert "بحث" in text
    assert max(cell_len(line) for line in text.splitlines()) <= 80
    assert "   *1  d1: " in text
    assert "…" in text
    assert json.loads(replace(COMPARISON, changes=changes).text("json"))["changed"][0]["relevant"] == ["d1"]


@pytest.mark.parametrize(
    ("name", "beginning"),
    [("a.json", "{"), ("a.csv", "measure,place"), ("a.MD", "RR@10"), ("b.tex", "%"), ("c.txt", "RR@10")],
)
def test_the_name_of_a_file_says_its_format(tmp_path, name, beginning):
    COMPARISON.save(tmp_path / "new" / name)
    text = (tmp_path / "new" / name).read_text(encoding="utf-8")
    assert text.startswith(beginning)
    assert "\x1b" not in text
    assert text.endswith("\n")
    COMPARISON.save(str(tmp_path / "other"), format="json")
    assert json.loads((tmp_path / "other").read_text())["compared"][0]["baseline"] == "base"


def test_a_file_without_a_format_is_not_written(tmp_path):
    with pytest.raises(InputError, match=r"tells no format; end it with .*\.tex, or give `format`"):
        COMPARISON.save(tmp_path / "table.doc")
    with pytest.raises(InputError, match="no format 'xml'; choose among table, json, csv, markdown, latex"):
        COMPARISON.save(tmp_path / "table.csv", "xml")
    assert list(tmp_path.iterdir()) == []
