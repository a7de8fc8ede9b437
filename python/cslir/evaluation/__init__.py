"""Retrieval quality by setting (MoIR, CLIR, MLIR), significance and response time."""
