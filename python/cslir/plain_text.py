"""Text from files, made fit for a terminal, for a line of a message and for stdout in any encoding."""

import codecs
import io
import json
import re
import sys

__all__ = ["MESSAGE_LENGTH", "is_unicode", "plain_json", "plain_text", "print_every_character"]

MESSAGE_LENGTH = 1000
"""Characters of a message that are shown at most: an id in it may be of any length."""

# Control characters (escape sequences begin with one), and the separators that end a line or a paragraph.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
# Embeddings, overrides and isolates turn what follows them, ids and scores included; the last two ranges are
# deprecated or belong to annotations that no terminal shows. Marks (U+200E, U+200F, U+061C) and joiners stay:
# texts written from right to left need them, and they reach no further than a letter does.
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069\u206a-\u206f\ufff9-\ufffb]")
_SURROGATES = re.compile("[\ud800-\udfff]")
# What JSON leaves as it is of all these: it escapes only the first 32 control characters by itself.
_ESCAPED = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u206f\ufff9-\ufffb\ud800-\udfff]")


def plain_text(text: str, most: int | None = None) -> str:
    """Return text on one line, without characters that steer a terminal or turn the writing direction.

    Runs of control characters, line ends included, become one space; half a surrogate pair becomes U+FFFD.
    Ordinary text of any script stays as it is.

    Args:
        text: From a file, or with values of one.
        most: Longer text is cut to so many characters in its middle, since a message begins with the place
            and ends with the remedy; at least 20, None for no limit.
    """
    if most is not None and len(text) > most:
        end = most // 3
        text = f"{text[: most - end - 3]} … {text[-end:]}"
    return _SURROGATES.sub("\ufffd", _TURNING.sub("", _CONTROLS.sub(" ", text)))


def is_unicode(text: str) -> bool:
    """Tell whether text can be written as UTF-8: other arguments and names of files hold lone surrogates."""
    return _SURROGATES.search(text) is None


def plain_json(value: object) -> str:
    """Return a value as JSON on one line for a terminal or a pipe.

    Characters that `plain_text` would remove are escaped, which leaves the value the same; all others stay.
    """
    text = json.dumps(value, ensure_ascii=False)
    return _ESCAPED.sub(lambda found: _escape(found[0]), text)


def print_every_character() -> None:
    r"""Let stdout and stderr write what their encoding lacks as an escape, `\u05d0`, and never fail half-way.

    The escapes are those of JSON, so that JSON stays JSON with the same value in ASCII and in Latin-1. The
    bytes of a file's name that are not UTF-8 are written as they are.
    """
    codecs.register_error("cslir.escape", _encode_otherwise)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="cslir.escape")


def _encode_otherwise(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    character = error.object[error.start]
    if "\udc80" <= character <= "\udcff":
        return bytes([ord(character) - 0xDC00]), error.start + 1
    return _escape(character), error.start + 1


def _escape(character: str) -> str:
    """Return a character as JSON escapes it: one UTF-16 unit or two."""
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[place : place + 4]}" for place in range(0, len(units), 4))
