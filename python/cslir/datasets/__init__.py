"""Datasets: the embedded sample, Debian's package descriptions, any set of BEIR folders, one per language."""

from cslir.datasets.debian import DEBIAN_LANGUAGES, DEFAULT_SEED, build_debian, default_output
from cslir.datasets.embedded import load_embedded
from cslir.datasets.parallel import (
    SEEN_LANGUAGES,
    TRAINING_LANGUAGE,
    UNSEEN_LANGUAGES,
    ParallelDataset,
    load_parallel,
)

__all__ = [
    "DEBIAN_LANGUAGES",
    "DEFAULT_SEED",
    "SEEN_LANGUAGES",
    "TRAINING_LANGUAGE",
    "UNSEEN_LANGUAGES",
    "ParallelDataset",
    "build_debian",
    "default_output",
    "load_embedded",
    "load_parallel",
]
