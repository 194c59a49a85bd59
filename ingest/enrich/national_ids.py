"""National identification numbers: told by a word before the number that names them, and the number's own check.

Nine digits with a right check digit are too common to redact wherever they stand; beside "SSN" or "numéro de sécurité
sociale" they are not. Numbers that are unmistakable by themselves need no word.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any, NamedTuple

from stdnum.exceptions import ValidationError

from ingest.enrich.cuts import longest

LOOK_BACK_BYTES = 64
"""How far before a number the word may stand."""


class Scheme(NamedTuple):
    """A country's number, the module of python-stdnum that knows its checks, and what people call it."""

    module: str
    words: str
    """Alternatives of a regular expression. Short names only in capitals: `nie` is a word in many languages."""


# No check digits: the form is all there is. https://www.gov.uk/hmrc-internal-manuals/national-insurance-manual/nim39110
_NINO = re.compile(r"(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][0-9]{6}[A-D]?")

SCHEMES = (
    Scheme("us.ssn", r"SSN|[Ss]ocial [Ss]ecurity"),
    Scheme("us.itin", r"ITIN|[Tt]axpayer [Ii]dentification"),
    Scheme("gb.nhs", r"NHS"),
    Scheme("", r"NINO|[Nn]ational [Ii]nsurance"),
    Scheme("de.idnr", r"[Ss]teuer-?(?:[Ii][Dd]|[Ii]dentifikations|[Nn]ummer)|[Tt]ax ID|TIN|IdNr"),
    Scheme("fr.nir", r"NIR|INSEE|s\xc3\xa9cu(?:rit\xc3\xa9 sociale)?|SECU|[Ss]ocial [Ss]ecurity"),
    Scheme("es.dni", r"DNI|NIF|[Dd]ocumento [Nn]acional"),
    Scheme("es.nie", r"NIE|NIF|[Ee]xtranjero"),
    Scheme("pt.nif", r"NIF|[Cc]ontribuinte"),
    Scheme("pt.cc", r"[Cc]art\xc3\xa3o de [Cc]idad\xc3\xa3o"),
    Scheme("br.cpf", r"CPF|cpf"),
    Scheme("ar.cuit", r"CUI[TL]"),
    Scheme("cl.rut", r"RU[TN]"),
    Scheme("in_.aadhaar", r"[Aa]adh?aar|AADHAAR|UIDAI"),
    Scheme("in_.pan", r"PAN|[Pp]ermanent [Aa]ccount"),
    Scheme("nl.bsn", r"BSN|[Bb]urgerservicenummer|[Ss]ofinummer"),
    Scheme("be.nn", r"[Rr]ijksregister|[Rr]egistre [Nn]ational|[Nn]ational [Nn]umber"),
    Scheme("pl.pesel", r"PESEL|pesel"),
    Scheme("se.personnummer", r"[Pp]ersonnummer|[Pp]ersonal [Ii]dentity"),
    Scheme("no.fodselsnummer", r"[Ff]\xc3\xb8dselsnummer|[Ff]odselsnummer|[Pp]ersonnummer"),
    Scheme("dk.cpr", r"CPR"),
    Scheme("fi.hetu", r"HETU|hetu|[Hh]enkil\xc3\xb6tunnus"),
    Scheme("ch.ssn", r"AHV|AVS"),
    Scheme("ca.sin", r"SIN|[Ss]ocial [Ii]nsurance"),
    Scheme("au.tfn", r"TFN|[Tt]ax [Ff]ile"),
    Scheme("ie.pps", r"PPSN?"),
    Scheme("tr.tckimlik", r"TCKN|[Kk]imlik"),
    Scheme("za.idnr", r"(?:RSA|SA|[Ii]dentity) (?:ID|[Nn]umber)|ID [Nn]umber"),
    Scheme("kr.rrn", r"RRN|[Rr]esident [Rr]egistration|\xec\xa3\xbc\xeb\xaf\xbc"),
    Scheme("cn.ric", r"[Rr]esident [Ii]dentity|\xe8\xba\xab\xe4\xbb\xbd\xe8\xaf\x81"),
)

WORDS = rb"\b(?:" + "|".join(scheme.words for scheme in SCHEMES).encode("latin-1") + rb")"
NUMBER = rb"[A-Z]{0,5}[ \-]?[0-9](?:[ ]?[.\-/+]?[ ]?[0-9A-Za-z]){6,20}"

UNMISTAKABLE = (
    # Codice fiscale, CURP: dates, names and a check letter in one.
    rb"[A-Z]{6}[0-9LMNPQRSTUV]{2}[ABCDEHLMPRST][0-9LMNPQRSTUV]{2}[A-Z][0-9LMNPQRSTUV]{3}[A-Z]"
    rb"|[A-Z]{4}[0-9]{6}[HMX][A-Z]{5}[0-9A-Z][0-9]"
    # Resident identity card of China: 18 with a place, a date and a check digit.
    rb"|[1-9][0-9]{5}(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:[0-2][0-9]|3[01])[0-9]{3}[0-9X]"
    # Cadastro de Pessoas Físicas, as it is always written.
    rb"|[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}"
)

_SEPARATORS = b" .-/+"


def unmistakable(candidate: bytes) -> int:
    """A number that needs no word beside it."""
    text = candidate.decode("latin-1")
    modules = ("it.codicefiscale", "mx.curp", "cn.ric", "br.cpf")
    return len(candidate) if any(_is_valid(module, text) for module in modules) else 0


def near(before: bytes) -> Callable[[bytes], int] | None:
    """The check of a number after `before`: valid in one of the countries whose name for it stands there."""
    text = before[-LOOK_BACK_BYTES:].decode("latin-1")
    modules = [module for module, words in _PATTERNS if words.search(text)]
    return partial(_check, modules) if modules else None


def _check(modules: list[str], candidate: bytes) -> int:
    return longest(candidate, _SEPARATORS, lambda text: any(_is_valid(module, text) for module in modules))


def _is_valid(module: str, text: str) -> bool:
    if not module:
        return _NINO.fullmatch(text.replace(" ", "").replace("-", "")) is not None
    try:
        _MODULES[module].validate(text)
    except (ValidationError, ValueError):
        return False
    return True


# In the same sentence, and with no other number in between.
_PATTERNS = [(module, re.compile(rf"\b(?:{words})[^0-9<>\n!?]{{0,40}}\Z")) for module, words in SCHEMES]
_MODULES: dict[str, Any] = {
    module: import_module(f"stdnum.{module}")
    for module in [*(scheme.module for scheme in SCHEMES if scheme.module), "it.codicefiscale", "mx.curp"]
}
