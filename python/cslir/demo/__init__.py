"""The main job on the embedded collection: train, evaluate, index."""

from cslir.demo.run import run_demo

__all__ = ["run_demo"]
