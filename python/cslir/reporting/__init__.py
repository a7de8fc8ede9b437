"""Reports that people look at: one HTML page and its pictures, from results and other files.

It isn't called as its function `report` is: importing a module sets its name on the package that holds it.
"""

from cslir.reporting.write import report

__all__ = ["report"]
