"""The main job on the embedded collection: train, evaluate, index."""

from cslir.demo.run import TRIED_QUERIES, run_demo

__all__ = ["TRIED_QUERIES", "run_demo"]
