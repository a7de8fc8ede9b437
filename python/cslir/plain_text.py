"""Text from files, made fit for a terminal and for a line of a message."""

import json
import re

__all__ = ["MESSAGE_LENGTH", "plain_json", "plain_text"]

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


def plain_json(value: object) -> str:
    """Return a value as JSON on one line for a terminal or a pipe.

    Characters that `plain_text` would remove are escaped, which leaves the value the same; all others stay.
    """
    text = json.dumps(value, ensure_ascii=False)
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
