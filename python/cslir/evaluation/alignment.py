"""Whether alignment training adds anything: each arm with it tested against the arm without it."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from cslir.evaluation.comparison import Compared, compare
from cslir.evaluation.results import SystemResult
from cslir.evaluation.significance import correct

__all__ = ["compare_alignment", "without_alignment"]

_ALIGNED = " + align"


def without_alignment(names: Iterable[str]) -> dict[str, str]:
    """Return the name of the arm without alignment by that of the arm with it, where both are there.

    Args:
        names: Of systems: `ML-CS + align` is trained as `ML-CS`, and with an alignment loss; what follows the
            word, such as `, language means removed`, is the same for both.
    """
    known = dict.fromkeys(names)
    return {
        name: other
        for name in known
        if _ALIGNED in name and (other := name.replace(_ALIGNED, "", 1)) in known
    }


def compare_alignment(
    systems: Sequence[SystemResult], *, measure: str, languages: Sequence[str] | None = None
) -> list[Compared]:
    """Test every arm with alignment against the same arm without it; all these tests are one family.

    Args:
        systems: As for `compare`.
        measure: Name of a measure that all of them have.
        languages: See `common_places`.

    Raises:
        InputError: As for `compare`.
    """
    compared: list[Compared] = []
    for name, other in without_alignment(system.name for system in systems).items():
        both = [system for system in systems if system.name in (name, other)]
        if set.intersection(*(set(system.settings) for system in both)):
            compared += compare(both, measure=measure, baseline=other, languages=languages)
    adjusted = correct("holm", [one.p_value for one in compared])
    return [replace(one, adjusted_p=p_value) for one, p_value in zip(compared, adjusted, strict=True)]
