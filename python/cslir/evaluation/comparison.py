"""What comparing systems gives: their means, the tests between them, and the queries that changed most."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from typing import TYPE_CHECKING, Any

from cslir.errors import naming_extras
from cslir.evaluation.significance import LEVEL

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Change", "Compared", "Comparison", "Ranked", "Score"]


@dataclass(frozen=True)
class Compared:
    """One system tested against its baseline in one place.

    Attributes:
        system: Its name.
        baseline: The other's.
        place: A setting or a group; `all` for a dataset without languages.
        measure: As ir_measures names it.
        mean: Of the system, over queries and the seeds that were compared.
        baseline_mean: Of the baseline.
        difference: Mean minus baseline's mean.
        interval: 95% confidence interval of the difference.
        p_value: Of the test over queries.
        adjusted_p: Corrected over all tests of the comparison.
        effect_size: See `PairedTest`.
        wins: Queries in which the system is better.
        ties: Queries in which it is equal.
        losses: Queries in which it is worse.
        queries: Their sum.
        seeds: Those that both have; empty where there are none, or they have none in common.
        deviation: Standard deviation over these seeds of the difference; None with fewer than two.
        better_seeds: With how many of these seeds alone the system is significantly better, corrected over
            all tests with that seed; None with fewer than two.
        worse_seeds: With how many it is significantly worse.
    """

    system: str
    baseline: str
    place: str
    measure: str
    mean: float
    baseline_mean: float
    difference: float
    interval: tuple[float, float]
    p_value: float
    adjusted_p: float
    effect_size: float | None
    wins: int
    ties: int
    losses: int
    queries: int
    seeds: tuple[int, ...] = ()
    deviation: float | None = None
    better_seeds: int | None = None
    worse_seeds: int | None = None

    @property
    def mark(self) -> str:
        """`+` or `-` where the difference is significant, else empty."""
        if self.adjusted_p >= LEVEL:
            return ""
        return "+" if self.difference > 0 else "-"

    @property
    def mark_with_seeds(self) -> str:
        """The mark, and with how many seeds by themselves the difference is significant: `+3`."""
        seeds = self.better_seeds if self.mark == "+" else self.worse_seeds
        return self.mark + (str(seeds) if self.mark and seeds is not None else "")


@dataclass(frozen=True)
class Score:
    """The mean of one system in one place.

    Attributes:
        system: Its name.
        place: A setting or a group; `all` for a dataset without languages.
        measure: As ir_measures names it.
        mean: Over queries and seeds.
        deviation: Standard deviation over seeds of the mean over queries; None with one seed.
        queries: How many.
        seeds: Those of the system; empty where it has none.
        compared: The system tested against its baseline there; None for a baseline, and where that lacks.
    """

    system: str
    place: str
    measure: str
    mean: float
    deviation: float | None
    queries: int
    seeds: tuple[int, ...] = ()
    compared: Compared | None = None


@dataclass(frozen=True)
class Ranked:
    """What one system makes of a query.

    Attributes:
        system: Its name.
        value: By the measure, the mean over seeds.
        rank: Of the first relevant passage, where a reciprocal rank of one run tells it; None else.
        top: Ids of the first passages of one seed's run, best first.
    """

    system: str
    value: float
    rank: int | None
    top: tuple[str, ...]


@dataclass(frozen=True)
class Change:
    """A query of which two systems make something different.

    Attributes:
        query_id: Its id.
        setting: The setting in which it changed most.
        measure: By which.
        difference: System's value minus baseline's, in that setting.
        overall: The same, as the mean over all settings looked at.
        seed: Of the run whose passages are shown; None without one.
        system: What is compared.
        baseline: And with what.
        query: The query's text as the setting shows it; None where it isn't known.
        relevant: Ids of the relevant passages; empty where they aren't known.
        passages: Texts by id, of the relevant passages and those that are first, as far as they are known.
    """

    query_id: str
    setting: str
    measure: str
    difference: float
    overall: float
    seed: int | None
    system: Ranked
    baseline: Ranked
    query: str | None = None
    relevant: tuple[str, ...] = ()
    passages: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """What `cslir.compare` returns. Its repr is the table; in a notebook it is shown as that.

    Attributes:
        scores: The mean of every system in every place by every measure, each with its test.
        changes: The queries that gained and lost most, as many as were asked for.
        test: One of `significance.TESTS`.
        correction: One of `significance.CORRECTIONS`.
        configuration: How it was made: the arguments of `compare`, and the `data`.
    """

    scores: tuple[Score, ...]
    changes: tuple[Change, ...] = ()
    test: str = "t"
    correction: str = "holm"
    configuration: Mapping[str, Any] = field(default_factory=dict)

    @property
    def compared(self) -> tuple[Compared, ...]:
        """The tests of all systems that have a baseline; those of one measure are one family."""
        return tuple(one.compared for one in self.scores if one.compared is not None)

    @naming_extras
    def to_pandas(self) -> "pd.DataFrame":
        """Return one row per measure, place and system, with the columns of the CSV file."""
        import pandas as pd

        from cslir.evaluation.export import COLUMNS, records

        return pd.DataFrame(records(self), columns=list(COLUMNS))

    def text(self, format: str = "table") -> str:  # noqa: A002
        """Return it as text.

        Args:
            format: `table` (80 columns), `json`, `csv`, `markdown` or `latex`. Changed queries are in the
                first two.

        Raises:
            InputError: There is no such format.
        """
        from cslir.evaluation.export import text_of

        return text_of(self, format)

    def save(self, path: str | PathLike[str], format: str | None = None) -> None:  # noqa: A002
        """Write it to a file, whole or not at all.

        Args:
            path: The file.
            format: As for `text`; if None by the name of the file: `.json`, `.csv`, `.md`, `.tex` or `.txt`.

        Raises:
            InputError: The name of the file tells no format, there is no such format, or the file can't be
                written.
        """
        from cslir.evaluation.export import format_of
        from cslir.outputs import replace_file

        content = self.text(format or format_of(path))
        with replace_file(path) as file:
            file.write(content.encode(errors="replace"))

    def __repr__(self) -> str:
        """Return the tables as text."""
        return self.text().rstrip("\n")

    def _repr_html_(self) -> str:
        from html import escape

        return f"<pre>{escape(repr(self))}</pre>"
