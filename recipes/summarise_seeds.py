"""Print MRR@10 of several `demo.json` files: mean and deviation over seeds, and how often significant.

`+3` says that the difference from the baseline is positive and significant in all of three seeds.
"""

import json
import statistics
import sys
from pathlib import Path
from typing import Any


def cell(rows: list[dict[str, Any]], group: str) -> str:
    """Return one cell: mean, standard deviation, and the number of seeds with a significant difference."""
    values = [100 * row["groups"][group]["measures"]["RR@10"] for row in rows]
    tests = [row["groups"][group].get("test") for row in rows]
    better = sum(test is not None and test["adjusted_p"] < 0.05 and test["difference"] > 0 for test in tests)
    worse = sum(test is not None and test["adjusted_p"] < 0.05 and test["difference"] < 0 for test in tests)
    marks = (f" +{better}" if better else "") + (f" -{worse}" if worse else "")
    return f"{statistics.mean(values):.1f} ± {statistics.stdev(values):.1f}{marks}"


def main(paths: list[str]) -> None:
    """Print the table as Markdown."""
    runs = [json.loads(Path(path).read_text(encoding="utf-8")) for path in paths]
    if len(runs) < 2:
        sys.exit("usage: summarise_seeds.py SEED-1/demo.json SEED-2/demo.json ...")
    groups = list(runs[0]["systems"][0]["groups"])
    print(f"| | {' | '.join(groups)} |\n|---|{'---:|' * len(groups)}")
    for place, row in enumerate(runs[0]["systems"]):
        rows = [run["systems"][place] for run in runs]
        print(f"| {row['name']} | {' | '.join(cell(rows, group) for group in groups)} |")


if __name__ == "__main__":
    main(sys.argv[1:])
