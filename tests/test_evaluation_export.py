"""CSV, Markdown and LaTeX of scores and comparisons."""

import csv
import io
import re
from dataclasses import replace

import pytest

from cslir.evaluation.comparison import Compared, Score
from cslir.evaluation.export import describe_tests, to_csv, to_latex, to_markdown

EVIL = r"a|b_c & 100% #1 {x} $y ~^\z" + "\nsecond <line>"
SCORES = [
    Score("base", "MoIR", "RR@10", 0.25, None, 4, ()),
    Score("base", "CLIR en-x", "RR@10", 0.5, None, 4, ()),
    Score(EVIL, "MoIR", "RR@10", 0.75, 0.01, 4, (1, 2)),
    Score(EVIL, "CLIR en-x", "RR@10", 0.125, 0.02, 4, (1, 2)),
]


def compared(place, difference, adjusted_p, **options):
    return Compared(
        EVIL,
        "base",
        place,
        "RR@10",
        0.75,
        0.25,
        difference,
        (0.1, 0.9),
        0.001,
        adjusted_p,
        0.8,
        3,
        1,
        0,
        4,
        **options,
    )


COMPARED = [
    compared("MoIR", 0.5, 0.002, seeds=(1, 2), deviation=0.01, better_seeds=2, worse_seeds=0),
    compared("CLIR en-x", -0.375, 0.5, seeds=(1, 2), deviation=0.01, better_seeds=0, worse_seeds=1),
]


def test_csv_has_a_row_per_measure_place_and_system():
    rows = list(csv.DictReader(io.StringIO(to_csv(SCORES, COMPARED))))
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
    assert len(to_csv(SCORES).splitlines()[0].split(",")) == len(found)


def test_csv_holds_no_formula_and_nothing_that_steers_a_terminal():
    names = ['=HYPERLINK("http://x")', "+1", "-2", "@SUM(A1)", "\x1b[31m=red", " \t=late"]
    scores = [Score(name, "MoIR", "RR@10", -0.25, None, 4, ()) for name in names]
    other = replace(COMPARED[0], system=names[1], baseline=names[0])
    rows = list(csv.DictReader(io.StringIO(to_csv(scores, [other]))))
    assert [row["system"] for row in rows] == [
        "'=HYPERLINK(\"http://x\")", "'+1", "'-2", "'@SUM(A1)", "[31m=red", "'=late",
    ]  # fmt: skip
    assert rows[1]["baseline"] == rows[0]["system"]
    # A number stays one, below zero too.
    assert {row["mean"] for row in rows} == {"-0.25"}


def test_markdown_is_a_valid_table():
    text = to_markdown(SCORES, COMPARED, describe_tests(COMPARED, "t", "holm"))
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
    text = to_latex(SCORES, COMPARED, describe_tests(COMPARED, "wilcoxon", "bonferroni"))
    lines = text.splitlines()
    assert r"\begin{tabular}{lrr}" in lines
    assert lines.count(r"\toprule") == lines.count(r"\midrule") == lines.count(r"\bottomrule") == 1
    assert r"base & 25.0 & \textbf{50.0} \\" in lines
    name = r"a|b\_c \& 100\% \#1 \{x\} \$y \textasciitilde{}\textasciicircum{}\textbackslash{}z second $<$line$>$"
    assert rf"{name} & \textbf{{75.0}} $\pm$ 1.0$^{{+2}}$ & 12.5 $\pm$ 2.0 \\" in lines
    assert any("Wilcoxon's signed-rank test" in line and r"\multicolumn{3}" in line for line in lines)


@pytest.mark.parametrize("write", [to_markdown, to_latex])
def test_many_places_become_rows(write):
    scores = [Score("one", f"en-{number:02}", "AP", 0.5, None, 2, ()) for number in range(9)]
    text = write(scores)
    assert sum("en-0" in line for line in text.splitlines()) == 9
    assert "±" not in text


def test_a_place_that_a_system_lacks_is_left_empty():
    text = to_markdown(SCORES[:3])
    assert any(line.endswith("| **75.0** ± 1.0 |  |") for line in text.splitlines())


def test_measures_that_are_no_shares_are_shown_as_they_are():
    text = to_markdown([Score("one", "all", "NumRet", 87.5, None, 2, ())])
    assert "percent" not in text
    assert "| one | **87.5** |" in text


def test_a_scores_table_alone_has_no_note():
    assert describe_tests([], "t", "holm") == ""
    assert "better or worse" not in to_latex(SCORES)
