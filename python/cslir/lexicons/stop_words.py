"""Words of function, which content words are told apart from."""

from pathlib import Path

from cslir.errors import InputError, MissingExtraError, UnknownNameError
from cslir.files import read_lines
from cslir.languages import known_as, language_code, primary_language
from cslir.lexicons.tokens import normal_form, token_ranges
from cslir.shell import pip_command

__all__ = ["stop_words"]

_ENGLISH = """
a an the this that these those
i me my mine myself you your yours yourself yourselves he him his himself she her hers herself it its itself
we us our ours ourselves they them their theirs themselves one's oneself
who whom whose which what whoever whatever whichever
someone somebody something anyone anybody anything everyone everybody everything nobody nothing none
each every either neither both all any some no other another such same own few more most much many several
less about above across after against along among around at before behind below beneath beside besides between
beyond by despite down during except for from in inside into near of off on onto out outside over per since
through throughout till to toward towards under until up upon via with within without
and but or nor so yet if unless although though because while whereas whether than as
am is are was were be been being have has had having do does did doing done
can could may might must shall should will would ought cannot
not only also too very just then there here when where why how again once ever even still already quite rather
i'm i've i'll i'd you're you've you'll he's she's it's we're we've we'll they're they've that's there's let's
isn't aren't wasn't weren't don't doesn't didn't haven't hasn't hadn't can't couldn't won't wouldn't shouldn't
"""


def stop_words(name: str) -> list[str]:
    """Return stop words: those of a language, or of a file with one word a line.

    English words of function (articles, pronouns, prepositions, conjunctions, auxiliaries and some adverbs)
    come with cslir; other languages have the lists of the package stopwordsiso, which the extra
    `cslir[lexicons]` installs.

    Args:
        name: Code such as `en`, or the path of a file.

    Returns:
        Single tokens in normal form, sorted, each once. What is several tokens in a language's list,
        such as words of Chinese, is left out, because stop words are compared token by token.

    Raises:
        InputError: The language has no list, stopwordsiso is not installed, the file can't be read or has no
            word, or a line of it is not one token.
    """
    try:
        code = language_code(name)
    except InputError:
        return _words_of_file(Path(name))
    if Path(name).is_file():
        return _words_of_file(Path(name))
    words = _ENGLISH.split() if primary_language(code) == "en" else _packaged(code)
    return sorted({normal_form(word) for word in words if _is_token(word)})


def _is_token(word: str) -> bool:
    return list(token_ranges(word)) == [(0, len(word))]


def _words_of_file(path: Path) -> list[str]:
    words = set()
    for number, line in read_lines(path):
        if not (word := line.strip()):
            continue
        if not _is_token(word):
            raise InputError(
                f"{word!r} is not a single word", path=path, line=number, remedy="give one word a line"
            )
        words.add(normal_form(word))
    if not words:
        raise InputError("no stop word", path=path, remedy="give one word a line")
    return sorted(words)


def _packaged(language: str) -> set[str]:
    try:
        import stopwordsiso
    except ImportError:
        raise MissingExtraError(
            f"the stop words of the language {language!r} come with the package stopwordsiso",
            name="stopwordsiso",
            remedy=f"install it with {pip_command('cslir[lexicons]')}, or give a file of words",
        ) from None
    code = known_as(language, stopwordsiso.has_lang)
    if code is None:
        raise UnknownNameError(
            f"no stop words are known for the language {language!r}",
            remedy="give a file with one word a line",
        )
    return stopwordsiso.stopwords(code)
