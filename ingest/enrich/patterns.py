"""What personal data and secrets look like: a linear-time pattern for candidates, a check that decides.

Every pattern works on UTF-8 bytes and cannot match across a NUL byte, so many texts can be looked at as one.
No pattern contains the characters of a replacement (`<`, `>`), and none but e-mail and private keys may touch a letter
or digit outside: replacing one thing therefore does not make another one appear.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import phonenumbers
import re2
from phonenumbers import ValidationResult
from stdnum import iban, luhn
from stdnum.exceptions import ValidationError

from ingest.enrich import national_ids
from ingest.enrich.cuts import longest

Check = Callable[[bytes], int]
"""How many bytes of a candidate (from its start) are the real thing; 0 = none."""


def compiled(pattern: bytes) -> Any:
    """A pattern over bytes. No captures: RE2 then stays in its fastest engine."""
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.never_capture = True
    return re2.compile(pattern, options)


class Kind(msgspec.Struct, frozen=True):
    """One kind of thing that is redacted."""

    name: str
    hint: bytes
    """Pattern that matches wherever a candidate may be: decides whether the kind is looked for at all."""
    candidate: Any
    check: Check
    alone: bool = True
    """A candidate that touches a letter or digit on either side is part of something else."""
    near: Callable[[bytes], Check | None] | None = None
    """Where it depends on what stands before a candidate: the check after those bytes (at most 64, of the same
    text), None when there is nothing to check."""
    apart: bool = False
    """A candidate with another number right beside it is one of a row of numbers."""
    max_checks: int = 2_000
    """Checks in one event; candidates after that are replaced unchecked, so that no input can buy much time."""

    @property
    def replacement(self) -> bytes:
        """What stands in its place."""
        return f"<{self.name}>".encode()


# --- secrets -------------------------------------------------------------------------------------------------------

_KEY_WITH_END = rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----[^\x00<>]*?-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"
# A key whose end was cut off: the header and the lines of base64 after it.
_KEY_WITHOUT_END = rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----(?:[\s\\nr]*[A-Za-z0-9+/=]{20,})*"

_TOKENS = (
    rb"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}"  # AWS access keys
    rb"|gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,}"  # GitHub
    rb"|gl(?:pat|dt|rt|ptt|soat|cbt)-[A-Za-z0-9_\-]{20,}"  # GitLab
    rb"|xox[abeoprs]-[A-Za-z0-9\-]{10,}|xapp-[A-Za-z0-9\-]{10,}"  # Slack
    rb"|sk-[A-Za-z0-9_\-]{20,}"  # OpenAI, Anthropic and many like them
    rb"|AIza[A-Za-z0-9_\-]{35}"  # Google
    rb"|[rsp]k_(?:live|test)_[A-Za-z0-9]{16,}"  # Stripe
    rb"|hf_[A-Za-z0-9]{30,}|npm_[A-Za-z0-9]{36}|pypi-[A-Za-z0-9_\-]{50,}"  # registries
    rb"|SG\.[A-Za-z0-9_\-]{16,}\.[A-Za-z0-9_\-]{16,}"  # SendGrid
    rb"|gsk_[A-Za-z0-9]{40,}|xai-[A-Za-z0-9]{40,}|pplx-[A-Za-z0-9]{40,}|r8_[A-Za-z0-9]{37}"  # more models' keys
    rb"|dop_v1_[a-f0-9]{64}|shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}|dapi[a-f0-9]{32}|sq0csp-[A-Za-z0-9_\-]{43}"
    rb"|[0-9]{8,10}:AA[A-Za-z0-9_\-]{33}|[MNO][A-Za-z0-9_\-]{23,25}\.[A-Za-z0-9_\-]{6}\.[A-Za-z0-9_\-]{27,38}"  # Telegram, Discord
)
_AWS_SECRET = rb"[A-Za-z0-9/+]{40}"
_SECRET_WORD = re2.compile(r"(?i)(?:aws|secret)[^\n]{0,12}(?:secret|key)")
_JWT = rb"eyJ[A-Za-z0-9_\-]{8,}\.eyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]*"


def _whole(candidate: bytes) -> int:
    return len(candidate)


def _token(candidate: bytes) -> int:
    """Keys contain digits; names like `sk-fading-circle-container` do not."""
    return len(candidate) if any(48 <= byte <= 57 for byte in candidate[3:]) else 0


def _after_secret_word(before: bytes) -> Check | None:
    """The secret half of an AWS key has no prefix: what it is called tells it."""
    return _mixed if _SECRET_WORD.search(before[-48:].decode("latin-1")) else None


def _mixed(candidate: bytes) -> int:
    """A hash in hexadecimal digits is none, nor is a path."""
    kinds = (bytes.isdigit, bytes.islower, bytes.isupper)
    letters = [candidate[index : index + 1] for index in range(len(candidate))]
    return len(candidate) if all(any(kind(letter) for letter in letters) for kind in kinds) else 0


def _none(_candidate: bytes) -> int:
    return 0


# --- e-mail --------------------------------------------------------------------------------------------------------

_EMAIL = rb"[A-Za-z0-9._%+\-]+@(?:[A-Za-z0-9\-]+\.)+[A-Za-z]{2,24}"
_FILE_ENDINGS = frozenset(
    {b"png", b"jpg", b"jpeg", b"gif", b"svg", b"webp", b"css", b"js", b"json", b"html", b"tsx", b"jsx"}
)


def _email(candidate: bytes) -> int:
    """`icon@2x.png` is a file name."""
    return 0 if candidate.rpartition(b".")[2].lower() in _FILE_ENDINGS else len(candidate)


# --- numbers with check digits ---------------------------------------------------------------------------------------

_IBAN = rb"[A-Za-z]{2}[0-9]{2}(?:[ ]?[A-Za-z0-9]{4}){2,7}(?:[ ]?[A-Za-z0-9]{1,3})?"


def _iban(candidate: bytes) -> int:
    """The longest run of groups whose country, length and check digits are right (a word may follow the number)."""
    return longest(candidate, b" ", _is_iban)


def _is_iban(text: str) -> bool:
    try:
        iban.validate(text, check_country=False)
    except ValidationError:
        return False
    return True


_CARD = rb"[0-9](?:[ \-]?[0-9]){13,18}"
_CARD_GROUPS = re2.compile(
    r"[0-9]+|[0-9]{4}[ \-][0-9]{4}[ \-][0-9]{4}[ \-][0-9]{1,7}|[0-9]{4}[ \-][0-9]{6}[ \-][0-9]{4,5}"
)
_CARD_LENGTHS = {"3": (14, 15, 16), "4": (16, 19), "5": (16,), "2": (16,), "6": (16, 17, 18, 19)}
_CARD_PREFIX = compiled(
    rb"\A(?:4|5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720|3[47]|30[0-5]|309|3[689]|35(?:2[89]|[3-8])|6011|64[4-9]|65|62)"
)


def _card(candidate: bytes) -> int:
    """Issuer, length and check digit (Luhn, ISO/IEC 7812) are right."""
    return longest(candidate, b" -", _is_card)


def _is_card(text: str) -> bool:
    digits = text.replace(" ", "").replace("-", "")
    return (
        _CARD_GROUPS.fullmatch(text) is not None
        and len(digits) in _CARD_LENGTHS.get(digits[0], ())
        and _CARD_PREFIX.search(digits.encode()) is not None
        and bool(luhn.is_valid(digits))
    )


# --- telephone -------------------------------------------------------------------------------------------------------

_SEPARATOR = rb"[ ().\-/]{0,2}"
_PHONE = (
    rb"(?:\+|00[ ]?)[1-9](?:" + _SEPARATOR + rb"[0-9]){7,14}"  # international
    rb"|(?:1[ .\-])?(?:\([2-9][0-9]{2}\)[ ]?|[2-9][0-9]{2}[.\-])[2-9][0-9]{2}[ .\-][0-9]{4}"  # North America
)
_TRUNK_PHONE = rb"\(?0[1-9](?:" + _SEPARATOR + rb"[0-9]){7,10}"
_DATE = compiled(rb"\A[0-9]{1,2}[./\-][0-9]{1,2}[./\-](?:[0-9]{2}){1,2}(?:[^0-9]|\z)")
_TRUNK_REGIONS = ("GB", "DE", "FR", "IT", "AU", "NL", "JP", "CH", "SE", "ZA")
"""Where numbers are written with a leading 0."""


def _phone(candidate: bytes) -> int:
    text = candidate.decode()
    if text.startswith("+"):
        return longest(candidate, b" ().-/", _is_international)
    if text.startswith("00"):
        return longest(candidate, b" ().-/", lambda number: _is_valid("+" + number[2:].lstrip(), None))
    return len(candidate)


def _not_inside_a_number(before: bytes) -> Check | None:
    """`10.212.555.1234` is no telephone number."""
    return None if before[-1:] in (b".", b"-", b"/") and before[-2:-1].isdigit() else _phone


def _trunk_phone(candidate: bytes) -> int:
    """Written in groups, valid in a country, and neither a date nor binary digits."""
    text = candidate.decode()
    if text.isdigit() or _DATE.search(candidate) is not None or set(text) <= set("01 ().-/"):
        return 0
    return len(candidate) if any(_is_valid(text, region) for region in _TRUNK_REGIONS) else 0


# Written as one dials it within a country: told by a word before it. Names of telephones in the larger languages.
_PHONE_WORDS = (
    rb"(?i)\b(?:(?:tele)?phone|tel|mobile|cell|whatsapp|sms|fax|call me|dial|text me|reach me|telefon[eo]?|handy|handynummer|"
    rb"mobil|movil|m\xc3\xb3vil|celular|cellulare|portable|\xe9\x9b\xbb\xe8\xa9\xb1|\xe7\x94\xb5\xe8\xaf\x9d)"
)
_DIALLED = rb"\(?[0-9](?:" + _SEPARATOR + rb"[0-9]){7,12}"
_DIALLED_REGIONS = ("US", "ES", "BR", "IN", "IT", "PT", "PL", "DK", "NO", "GR", "MX", "CN", "KR", "SG", *_TRUNK_REGIONS)
# In the same sentence, and with no other number in between.
_PHONE_WORD = compiled(_PHONE_WORDS + rb"[^A-Za-z0-9_][^0-9<>\n!?]{0,16}\z")


def _after_phone_word(before: bytes) -> Check | None:
    return _dialled if _PHONE_WORD.search(before[-40:]) is not None else None


def _dialled(candidate: bytes) -> int:
    if _DATE.search(candidate) is not None or set(candidate) <= set(b"01 ().-/"):
        return 0
    return longest(candidate, b" ().-/", lambda text: any(_is_valid(text, region) for region in _DIALLED_REGIONS))


def _is_international(text: str) -> bool:
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        return False
    possible: int = phonenumbers.is_possible_number_with_reason(number)
    return possible == ValidationResult.IS_POSSIBLE


def _is_valid(text: str, region: str | None) -> bool:
    try:
        return bool(phonenumbers.is_valid_number(phonenumbers.parse(text, region)))
    except phonenumbers.NumberParseException:
        return False


KINDS: tuple[Kind, ...] = (
    Kind("private_key", rb"-----BEGIN [A-Z0-9 ]*PRIVATE KEY", compiled(_KEY_WITH_END), _whole, alone=False),
    Kind("private_key", rb"-----BEGIN [A-Z0-9 ]*PRIVATE KEY", compiled(_KEY_WITHOUT_END), _whole, alone=False),
    Kind("jwt", rb"eyJ[A-Za-z0-9_\-]{8}", compiled(_JWT), _whole),
    Kind(
        "secret",
        rb"A[KSBC][IC]A[A-Z2-7]{4}|gh[pousr]_|github_pat_|gl[a-z]{2,4}-|xox[a-z]-|xapp-|sk-[A-Za-z0-9_\-]{20}|AIza|[rsp]k_(?:live|test)_|hf_[A-Za-z0-9]{8}|npm_[A-Za-z0-9]{8}|pypi-[A-Za-z0-9]{8}|SG\.[A-Za-z0-9]|gsk_|xai-|pplx-|r8_|dop_v1_|shp[acs][tas]_|dapi[a-f0-9]{8}|sq0csp-|[0-9]{8}:AA|\.[A-Za-z0-9_\-]{6}\.",
        compiled(_TOKENS),
        _token,
    ),
    Kind("email", rb"@[A-Za-z0-9\-]+\.", compiled(_EMAIL), _email, alone=False),
    Kind("iban", rb"[A-Za-z]{2}[0-9]{2}[ ]?[A-Za-z0-9]{4}[ ]?[A-Za-z0-9]{4}", compiled(_IBAN), _iban),
    Kind("national_id", national_ids.UNMISTAKABLE, compiled(national_ids.UNMISTAKABLE), national_ids.unmistakable),
    Kind("card", rb"[0-9](?:[ \-]?[0-9]){13}", compiled(_CARD), _card),
    # Parsing a telephone number takes up to half a millisecond.
    Kind(
        "phone",
        rb"[0-9](?:[ ().\-/]{0,2}[0-9]){7}",
        compiled(_PHONE),
        _phone,
        near=_not_inside_a_number,
        max_checks=100,
    ),
    Kind(
        "phone",
        rb"0[1-9](?:[ ().\-/]{0,2}[0-9]){7}",
        compiled(_TRUNK_PHONE),
        _trunk_phone,
        apart=True,
        max_checks=50,
    ),
    Kind(
        "national_id",
        national_ids.WORDS,
        compiled(national_ids.NUMBER),
        _none,
        near=national_ids.near,
        max_checks=200,
    ),
    Kind("phone", _PHONE_WORDS, compiled(_DIALLED), _none, near=_after_phone_word, max_checks=30),
    Kind("secret", rb"(?i)secret|aws", compiled(_AWS_SECRET), _none, near=_after_secret_word),
)
"""In the order in which they are looked for."""
