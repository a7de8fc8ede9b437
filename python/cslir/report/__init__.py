"""Reports that people look at: one HTML page and its pictures, from result files."""

from cslir.report.write import write_report

__all__ = ["write_report"]
