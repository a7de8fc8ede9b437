"""Encoders: resolved from a name, opened, and made from one another; nothing here trains."""
