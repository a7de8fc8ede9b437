"""`cslir lexicons`."""

import typer

from cslir.cli.lexicons import build, operations, reports

__all__ = ["app"]

app = typer.Typer(
    help="Build, change and look into bilingual lexicons. A lexicon is named PAIR=FILE, such as en-de=FILE;"
    " en-de alone is the embedded one. Outputs are text (.tsv) or compiled (.cslex), by suffix.",
    no_args_is_help=True,
)

app.command("build")(build.build)
app.command("merge")(operations.merge)
app.command("invert")(operations.invert)
app.command("pivot")(operations.pivot)
app.command("filter")(operations.filter_entries)
app.command("inspect")(reports.inspect)
app.command("coverage")(reports.coverage)
