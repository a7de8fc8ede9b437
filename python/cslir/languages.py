"""Codes of languages: BCP 47's, in one spelling each, with what is the same under another code."""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache

from cslir.errors import InputError

__all__ = [
    "known_as",
    "language_code",
    "language_codes",
    "language_label",
    "parse_pair",
    "primary_language",
    "spellings",
    "split_pair",
]

_CODE = re.compile(
    r"(?P<language>[a-z]{2,3})(?:[-_](?P<script>[a-z]{4}))?(?:[-_](?P<region>[a-z]{2}|\d{3}))?",
    re.IGNORECASE | re.ASCII,
)
# Within a pair only the case tells a region from the second language: en-pt-BR, not en-PT and BR.
_CODE_IN_PAIR = r"[a-z]{2,3}(?:[-_][A-Za-z][a-z]{3})?(?:[-_](?:[A-Z]{2}|[0-9]{3}))?"
_PAIR = re.compile(f"({_CODE_IN_PAIR})-({_CODE_IN_PAIR})")
_ALIASES = {"iw": "he", "in": "id", "ji": "yi", "jw": "jv", "mo": "ro", "no": "nb"}
"""Codes of the same language: withdrawn ones, and Norwegian, of which the written standard is Bokmål."""
# ISO 639-2 and 639-3 to ISO 639-1, for each language that has a code of two letters.
_ISO_639_1 = """
aar:aa abk:ab afr:af aka:ak alb:sq amh:am ara:ar arg:an arm:hy asm:as ava:av ave:ae aym:ay aze:az bak:ba
bam:bm baq:eu bel:be ben:bn bih:bh bis:bi bod:bo bos:bs bre:br bul:bg bur:my cat:ca ces:cs cha:ch che:ce
chi:zh chu:cu chv:cv cor:kw cos:co cre:cr cym:cy cze:cs dan:da deu:de div:dv dut:nl dzo:dz ell:el eng:en
epo:eo est:et eus:eu ewe:ee fao:fo fas:fa fij:fj fin:fi fra:fr fre:fr fry:fy ful:ff geo:ka ger:de gla:gd
gle:ga glg:gl glv:gv gre:el grn:gn guj:gu hat:ht hau:ha heb:he her:hz hin:hi hmo:ho hrv:hr hun:hu hye:hy
ibo:ig ice:is ido:io iii:ii iku:iu ile:ie ina:ia ind:id ipk:ik isl:is ita:it jav:jv jpn:ja kal:kl kan:kn
kas:ks kat:ka kau:kr kaz:kk khm:km kik:ki kin:rw kir:ky kom:kv kon:kg kor:ko kua:kj kur:ku lao:lo lat:la
lav:lv lim:li lin:ln lit:lt ltz:lb lub:lu lug:lg mac:mk mah:mh mal:ml mao:mi mar:mr may:ms mkd:mk mlg:mg
mlt:mt mon:mn mri:mi msa:ms mya:my nau:na nav:nv nbl:nr nde:nd ndo:ng nep:ne nld:nl nno:nn nob:nb nor:no
nya:ny oci:oc oji:oj ori:or orm:om oss:os pan:pa per:fa pli:pi pol:pl por:pt pus:ps que:qu roh:rm ron:ro
rum:ro run:rn rus:ru sag:sg san:sa sin:si slk:sk slo:sk slv:sl sme:se smo:sm sna:sn snd:sd som:so sot:st
spa:es sqi:sq srd:sc srp:sr ssw:ss sun:su swa:sw swe:sv swh:sw tah:ty tam:ta tat:tt tel:te tgk:tg tgl:tl
tha:th tib:bo tir:ti ton:to tsn:tn tso:ts tuk:tk tur:tr twi:tw uig:ug ukr:uk urd:ur uzb:uz ven:ve vie:vi
vol:vo wel:cy wln:wa wol:wo xho:xh yid:yi yor:yo zha:za zho:zh zul:zu
"""
_TWO_LETTERS = dict(pair.split(":") for pair in _ISO_639_1.split())


@lru_cache(maxsize=4096)
def language_code(text: str) -> str:
    """Return a language's BCP 47 code in its usual spelling: `de`, `fil`, `pt-BR`, `zh-Hant`.

    The language has two letters where there is such a code; script and region may follow. `iw` is `he`, `in`
    is `id`, `ji` is `yi`, `no` is `nb` and `deu` is `de`; case is no matter, and `_` does for `-`.

    Raises:
        InputError: It is no such code.
    """
    match = _CODE.fullmatch(text)
    if match is None:
        raise InputError(
            f"{text!r} is not a language code",
            remedy="write a BCP 47 code: en, fil, pt-BR or zh-Hant for example",
        )
    language = match["language"].lower()
    language = _TWO_LETTERS.get(language, language)
    parts = [_ALIASES.get(language, language)]
    if match["script"]:
        parts.append(match["script"].title())
    if match["region"]:
        parts.append(match["region"].upper())
    return "-".join(parts)


def language_label(text: str) -> str:
    """Return the code of what a record names as its language, or that name as it is if it is no code."""
    try:
        return language_code(text)
    except InputError:
        return text


def language_codes(texts: Iterable[str] | None) -> list[str]:
    """Return the code of each text, every language once; none for None.

    Raises:
        InputError: One is no code.
    """
    return list(dict.fromkeys(map(language_code, texts or ())))


def primary_language(code: str) -> str:
    """Return a code without script and region: `pt` of `pt-BR`."""
    return code.partition("-")[0]


def spellings(code: str) -> list[str]:
    """Return how others may write a code of `language_code`, the code itself first: `nb`, `no`."""
    language, hyphen, rest = code.partition("-")
    written = [language, *(old for old, new in _ALIASES.items() if new == language)]
    return [f"{one}{separator}{rest}" for one in written for separator in ("-_" if hyphen else ("",))]


def known_as(code: str, known: Callable[[str], bool]) -> str | None:
    """Return the code under which a resource knows a language; that without script and region if need be.

    Args:
        code: As `language_code` gives it.
        known: Tells whether the resource has a code.
    """
    return next((one for one in (*spellings(code), *spellings(primary_language(code))) if known(one)), None)


def split_pair(text: str) -> tuple[str, str] | None:
    """Return the two codes of a language pair, as `language_code` gives them; None for another text."""
    match = _PAIR.fullmatch(text)
    return None if match is None else (language_code(match[1]), language_code(match[2]))


def parse_pair(pair: str) -> tuple[str, str]:
    """Split a language pair such as `en-de`, `zh-Hant-en` or `en-pt-BR`.

    Raises:
        InputError: It is not two language codes with a hyphen.
    """
    if (codes := split_pair(pair)) is None:
        raise InputError(
            f"{pair!r} is not a language pair",
            remedy="write two BCP 47 codes: en-de, zh-Hant-en or en-pt-BR for example",
        )
    return codes
