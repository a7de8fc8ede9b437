import ast
import re
from pathlib import Path

import pytest

import cslir
from cslir.plurals import count_of


@pytest.mark.parametrize(
    ("number", "noun", "expected"),
    [
        (0, "record", "0 records"),
        (1, "record", "1 record"),
        (2, "record", "2 records"),
        (12345, "record", "12,345 records"),
        (1, "query", "1 query"),
        (2, "query", "2 queries"),
        (2, "malformed entry", "2 malformed entries"),
        (2, "day", "2 days"),
        (2, "batch", "2 batches"),
        (2, "class", "2 classes"),
    ],
)
def test_a_count_with_its_noun(number, noun, expected):
    assert count_of(number, noun) == expected


NOUNS = (
    "records|passages|queries|texts|tokens|entries|vectors|sources|ids|names|stanzas|descriptions|segments"
)


def test_no_message_forms_a_plural_by_itself():
    """A count before a plural in an f-string would say "1 records"."""
    found = []
    for path in sorted(Path(cslir.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                for value, after in zip(node.values, node.values[1:], strict=False):
                    if (
                        isinstance(value, ast.FormattedValue)
                        and isinstance(after, ast.Constant)
                        and re.match(rf" (?:malformed |content |such )?(?:{NOUNS})\b", str(after.value))
                        and (value.format_spec or "len(" in ast.unparse(value.value))
                    ):
                        found.append(f"{path.name}:{node.lineno}: {ast.unparse(node)}")
    assert found == []
