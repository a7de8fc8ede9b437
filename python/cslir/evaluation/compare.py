"""Comparing systems by their results, or by runs of any program."""

import codecs
from collections.abc import Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path

from cslir.errors import DamagedFileError, InputError, UnknownNameError
from cslir.evaluation.changes import changed_queries, with_texts
from cslir.evaluation.comparison import Change, Comparison
from cslir.evaluation.metrics import measure_names, run_of, without_identical_ids
from cslir.evaluation.pairing import compare_systems, score_systems
from cslir.evaluation.results import (
    ONLY_SETTING,
    Result,
    SettingScores,
    SystemResult,
    read_results,
)
from cslir.evaluation.scoring import score_run
from cslir.files import DAMAGE_ERRORS, open_bytes
from cslir.formats import read_qrels, read_run
from cslir.plurals import count_of
from cslir.progress import SILENT, Progress
from cslir.records import Qrel

__all__ = ["RUN_MEASURES", "compare", "note_other_data"]

RUN_MEASURES = ("RR@10", "nDCG@10", "AP", "R@100")
"""By which runs are judged if no measure is named."""


def compare(
    *results: Result | str | PathLike[str],
    names: Sequence[str] | None = None,
    qrels: str | PathLike[str] | None = None,
    systems: Sequence[str] | None = None,
    baseline: str | None = None,
    measures: Sequence[str] | None = None,
    settings: Sequence[str] | None = None,
    by: str = "group",
    test: str = "t",
    correction: str = "holm",
    changed: int = 0,
    seed: int = 1,
    different_data: bool = False,
    ignore_identical_ids: bool = True,
    progress: Progress = SILENT,
) -> Comparison:
    """Compare two or more systems over the same queries: means, paired tests, changed queries.

    Queries are paired by id, and one for which a system found nothing counts as zero. Systems of one name
    with different seeds are one system: a query's value is its mean over the seeds. All tests of one measure
    are one family for the correction.

    Args:
        *results: What `evaluate` returned, result files, or TREC runs, which `qrels` judges. A run has the
            name of its file.
        names: Another name for the one system of each of `results`; an empty one leaves its own.
        qrels: A file of judgements, for runs alone.
        systems: Names of those that take part; all if None.
        baseline: Name of the system that all others are tested against. If None, each is tested against its
            own, as its file says, and where none has one, against the first.
        measures: As ir_measures names them; the first that all have if None.
        settings: Names of settings and groups that take part (`en-de`, `MoIR`); all if None.
        by: `group`, a query's value is its mean over the group's settings, or `setting`.
        test: `t`, the paired t-test; `wilcoxon`, signed ranks (F. Wilcoxon, Biometrics Bulletin 1, 1945); or
            `bootstrap`, queries drawn with replacement (B. Efron and R. Tibshirani, An Introduction to the
            Bootstrap, 1993). On which to choose: M. Smucker, J. Allan and B. Carterette, CIKM 2007.
        correction: `holm` (S. Holm, Scandinavian Journal of Statistics 6, 1979), `bonferroni` or `none`.
        changed: So many queries are kept that gained most, and as many that lost most, of each pair.
        seed: Of the bootstrap's draws.
        different_data: Compare systems whose queries or judgements differ too.
        ignore_identical_ids: Leave out of runs the passage with a query's own id, as BEIR does.
        progress: Told how far the work is, and what deserves a look.

    Returns:
        Means, differences with p-values, 95% intervals and effect sizes. Its repr is the table.

    Raises:
        InputError: A file is bad, a name unknown, or the systems can't be compared: they share no setting,
            or were evaluated with different queries or judgements.

    Example:
        >>> import cslir
        >>> data = cslir.load_dataset("debian-sample")
        >>> found = {query.query_id: {query.query_id: 1.0} for query in data.queries("dev", "en")}
        >>> first_half = dict(list(found.items())[:200])
        >>> base, mine = (
        ...     cslir.evaluate(run, data, split="dev", pair="en-de", name=name)
        ...     for name, run in {"base": first_half, "mine": found}.items()
        ... )
        >>> comparison = cslir.compare(base, mine, measures=["RR@10"])
        >>> (one,) = comparison.compared
        >>> one.system, one.baseline, one.difference, one.adjusted_p < 0.001
        ('mine', 'base', 0.5, True)
        >>> one.wins, one.ties, one.losses
        (200, 200, 0)
    """
    given = _read(results, names, qrels, measures, ignore_identical_ids=ignore_identical_ids)
    note_other_data(given, progress)
    _note_what_is_unknown(given, progress)
    everything = [system for one in given for system in one.systems]
    chosen = _choose_systems(everything, systems, baseline, settings)
    wanted = _choose_measures(chosen, measures)
    languages = _shared_languages(given)
    compared = []
    with progress.stage("comparing", "test") as update:
        for measure in wanted:
            compared += compare_systems(
                chosen,
                measure=measure,
                baseline=baseline,
                test=test,
                correction=correction,
                by=by,
                languages=languages,
                seed=seed,
                different_data=different_data,
                progress=update,
            )
    tests = {(one.system, one.place, one.measure): one for one in compared}
    scores = score_systems(chosen, measures=wanted, by=by, languages=languages)
    changes = changed_queries(chosen, changed, measure=wanted[0], baseline=baseline)
    data = list(dict.fromkeys((one.dataset, one.split) for one in given if one.dataset))
    return Comparison(
        scores=tuple(
            replace(one, compared=tests.get((one.system, one.place, one.measure))) for one in scores
        ),
        changes=tuple(_with_texts(changes, data[0], languages, progress) if changes and data else changes),
        test=test,
        correction=correction,
        configuration={
            "command": "compare",
            "test": test,
            "correction": correction,
            "by": by,
            "baseline": baseline,
            "systems": systems,
            "measures": measures,
            "settings": settings,
            "changed": changed,
            "seed": seed,
            "different_data": different_data,
            "ignore_identical_ids": ignore_identical_ids,
            "data": [{"dataset": dataset, "split": split} for dataset, split in data],
            "languages": languages,
        },
    )


def note_other_data(results: Sequence[Result], progress: Progress) -> None:
    """Tell if results name different data: whether it is the same is then told by checksums alone."""
    named = dict.fromkeys(f"{one.dataset} {one.split}".strip() for one in results if one.dataset)
    if len(named) > 1:
        progress.notice(
            f"note: the results name different data ({', '.join(named)}); their queries are compared by id"
        )


def _note_what_is_unknown(results: Sequence[Result], progress: Progress) -> None:
    """Tell what runs don't say, and if passages with a query's own id count in some systems only."""
    if sum(not one.dataset for one in results) > 1:
        progress.notice(
            "note: runs do not say which queries and passages they are of: compare those of one task"
        )
    settings = [scores for one in results for system in one.systems for scores in system.settings.values()]
    counted = any(one.configuration.get("ignore_identical_ids") is not True for one in results)
    if counted and any(scores.identical_ids for scores in settings):
        progress.notice(
            "note: passages with a query's own id are left out of some systems and count in others, as in"
            " results of earlier versions: evaluate all alike"
        )


def _shared_languages(results: Sequence[Result]) -> tuple[str, ...] | None:
    """Return the seen languages that all results share; None where none has any."""
    seen = [one.seen for one in results if one.seen]
    return tuple(one for one in seen[0] if all(one in others for others in seen)) if seen else None


def _with_texts(
    changes: Sequence[Change],
    data: tuple[str, str],
    languages: Sequence[str] | None,
    progress: Progress,
) -> Sequence[Change]:
    """Return the changes with the texts of the data that the first result names, if it can be opened."""
    try:
        return with_texts(changes, *data, languages or ())
    except InputError as error:
        progress.notice(f"note: ids are shown without their texts: {error}")
        return changes


def _read(
    results: Sequence[Result | str | PathLike[str]],
    names: Sequence[str] | None,
    qrels: str | PathLike[str] | None,
    measures: Sequence[str] | None,
    *,
    ignore_identical_ids: bool,
) -> list[Result]:
    """Return the results under their names; that of a run names no dataset."""
    if names is not None and len(names) != len(results):
        raise InputError(
            f"{count_of(len(names), 'name')} for {count_of(len(results), 'result')}",
            remedy="give one for each; it may be empty",
        )
    found: list[Result] = []
    judgements: list[Qrel] = []
    for source, name in zip(results, names or [""] * len(results), strict=True):
        if isinstance(source, Result):
            found.append(_renamed(source, name, None))
            continue
        path = Path(source)
        if _is_json(path):
            found.append(_renamed(read_results(path), name, path))
            continue
        if qrels is None:
            raise InputError("no result file, and a run needs `qrels`", path=path, remedy="give `qrels`")
        judgements = judgements or list(read_qrels(Path(qrels)))  # once: it may be a pipe
        scores = _judge_run(path, judgements, Path(qrels), measures or RUN_MEASURES, ignore_identical_ids)
        system = SystemResult(name or path.stem, "", None, {ONLY_SETTING: scores})
        found.append(Result("", "", [system], configuration={"ignore_identical_ids": ignore_identical_ids}))
    if qrels is not None and all(one.dataset for one in found):
        raise InputError("`qrels` is for runs, and none is given", remedy="leave it out, or add a run")
    return found


def _is_json(path: Path) -> bool:
    # Read again below as what it is.
    with open_bytes(path, pipe=False) as file:
        try:
            first = file.read(64).removeprefix(codecs.BOM_UTF8).lstrip()[:1]
        except DAMAGE_ERRORS as error:
            raise DamagedFileError(
                f"truncated or corrupt ({error})", path=path, remedy="write or fetch the file again"
            ) from None
    if not first:
        raise InputError("is empty", path=path, remedy="give a result file or a run")
    return first in (b"{", b"[")


def _renamed(result: Result, name: str, path: Path | None) -> Result:
    if not name:
        return result
    if len({system.name for system in result.systems}) > 1:
        raise InputError(
            f"{'the result ' if path is None else ''}has several systems, which {name!r} can't name all",
            path=path,
            remedy="give it without a name",
        )
    return replace(result, systems=[replace(system, name=name) for system in result.systems])


def _judge_run(
    path: Path, qrels: Sequence[Qrel], qrels_place: Path, measures: Sequence[str], ignore_identical_ids: bool
) -> SettingScores:
    run, identical = run_of(read_run(path)), 0
    if ignore_identical_ids:
        run, identical = without_identical_ids(run, qrels)
    return score_run(
        run,
        qrels,
        measure_names(measures),
        identical_ids=identical,
        qrels_place=qrels_place,
        run_place=path,
    )


def _choose_systems(
    systems: Sequence[SystemResult],
    names: Sequence[str] | None,
    baseline: str | None,
    places: Sequence[str] | None,
) -> list[SystemResult]:
    """Return the systems of these names, the baseline among them, restricted to settings and groups."""
    known = list(dict.fromkeys(system.name for system in systems))
    for name in [*(names or ()), *([baseline] if baseline is not None else [])]:
        if name not in known:
            raise UnknownNameError(
                f"no system {name!r}", remedy=f"choose among {', '.join(map(repr, known))}"
            )
    chosen = [one for one in systems if not names or one.name in names or one.name == baseline]
    if not places:
        return chosen
    named = [(scores.group, name) for one in chosen for name, scores in one.settings.items()]
    available = dict.fromkeys(place for pair in named for place in pair if place)
    for place in places:
        if place not in available:
            raise UnknownNameError(
                f"no setting or group {place!r}", remedy=f"choose among {', '.join(available)}"
            )
    restricted = [
        replace(
            one,
            settings={
                name: scores
                for name, scores in one.settings.items()
                if name in places or scores.group in places
            },
        )
        for one in chosen
    ]
    return [one for one in restricted if one.settings]


def _choose_measures(systems: Sequence[SystemResult], measures: Sequence[str] | None) -> tuple[str, ...]:
    """Return the measures to compare by: those named, or the first that all systems have."""
    if not systems:
        raise InputError("no result is given", remedy="a comparison needs two systems at least")
    held = [set(scores.judged.values) for one in systems for scores in one.settings.values()]
    first = next(iter(systems[0].settings.values())).judged.values
    shared = [measure for measure in first if all(measure in one for one in held)]
    wanted = measure_names(measures or ())
    for measure in wanted:
        if measure not in shared:
            raise UnknownNameError(
                f"not all systems have {measure}", remedy=f"all have: {', '.join(shared) or 'none'}"
            )
    if not shared:
        raise InputError("the systems share no measure", remedy="evaluate them by the same measures")
    return wanted or (shared[0],)
