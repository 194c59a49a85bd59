"""Text with known personal data and secrets in it, and text that only looks like it. Everything is drawn from a seed."""

from __future__ import annotations

import base64
import random
import string
import uuid
from collections.abc import Callable, Iterator
from typing import NamedTuple

import phonenumbers
from stdnum import luhn, verhoeff
from stdnum.iso7064 import mod_97_10

REGIONS = ("US", "GB", "DE", "FR", "IT", "ES", "BR", "IN", "JP", "AU")

_WORDS = [
    "the",
    "a",
    "of",
    "to",
    "and",
    "in",
    "for",
    "with",
    "on",
    "at",
    "by",
    "from",
    "about",
    "after",
    "before",
    "into",
    "over",
    "under",
    "between",
    "through",
    "during",
    "without",
    "can",
    "could",
    "would",
    "should",
    "please",
    "explain",
    "compare",
    "translate",
    "summarise",
    "describe",
    "write",
    "list",
    "find",
    "show",
    "review",
    "improve",
    "report",
    "letter",
    "recipe",
    "budget",
    "invoice",
    "contract",
    "policy",
    "project",
    "meeting",
    "garden",
    "harbour",
    "window",
    "train",
    "orbit",
    "signal",
    "customer",
    "patient",
    "student",
    "teacher",
    "doctor",
    "engineer",
    "manager",
    "friend",
    "brother",
    "night",
    "morning",
    "winter",
    "summer",
    "market",
    "price",
    "number",
    "account",
    "order",
    "ticket",
    "parcel",
    "phone",
    "call",
    "contact",
    "key",
    "secret",
    "card",
    "bank",
    "insurance",
    "tax",
    "identity",
    "security",
]
_HEX = "0123456789abcdef"
_ALNUM = string.ascii_letters + string.digits


class Planted(NamedTuple):
    """One thing that must go: its class, itself, and the text around it."""

    kind: str
    value: str
    text: str


def planted(seed: int, each: int) -> Iterator[Planted]:
    """`each` of every class, among prose, code and digits."""
    chance = random.Random(seed)
    for kind, make in _MAKERS.items():
        for _ in range(each):
            before, value, after = make(chance)
            where = chance.choice((_prose, _code, _log_line))
            yield Planted(kind, value, f"{where(chance)} {before}{value}{after} {where(chance)}")


def ordinary(seed: int, words: int) -> str:
    """Prose, code and digits with nothing in them that should go."""
    chance = random.Random(seed)
    lines = []
    count = 0
    while count < words:
        line = chance.choice((_prose, _prose, _code, _log_line, _figures))(chance)
        lines.append(line)
        count += len(line.split())
    return "\n".join(lines)


def _prose(chance: random.Random) -> str:
    return " ".join(chance.choices(_WORDS, k=chance.randrange(6, 25))).capitalize() + chance.choice(".?!")


def _code(chance: random.Random) -> str:
    name = "_".join(chance.sample(_WORDS[:70], 2))
    number = chance.randrange(10**9)
    return chance.choice(
        (
            f"def {name}(value: int = {number}) -> None:  # {chance.choice(_WORDS)}",
            f'{name} = {{"{chance.choice(_WORDS[:70])}": {number}, "sha": "{_pick(chance, _HEX, 40)}"}}',
            f"for i in range({number}): total += {name}[i] * 0x{_pick(chance, _HEX, 8)}",
            f'<a href="https://example.org/{name}/{number}?page={chance.randrange(99)}">{name}</a>',
            f"SELECT {name} FROM t WHERE id = {number} LIMIT {chance.randrange(1000)};",
            f"docker run image:{chance.randrange(9)}.{chance.randrange(20)}.{chance.randrange(99)} --{name}={number}",
        )
    )


def _log_line(chance: random.Random) -> str:
    when = f"2026-{chance.randrange(1, 13):02d}-{chance.randrange(1, 29):02d}T{chance.randrange(24):02d}:{chance.randrange(60):02d}:07.{chance.randrange(1000):03d}Z"
    address = ".".join(str(chance.randrange(256)) for _ in range(4))
    return f"{when} {address} {uuid.UUID(int=chance.getrandbits(128), version=4)} {chance.randrange(10**6)} ms {chance.randrange(200, 599)}"


def _figures(chance: random.Random) -> str:
    """Prices, dates, versions, rows of a table, serial numbers."""
    return chance.choice(
        (
            " ".join(str(chance.randrange(10 ** chance.randrange(1, 7))) for _ in range(12)),
            f"{chance.randrange(31)}.{chance.randrange(1, 13)}.2026 {chance.randrange(10**6) / 100:.2f} EUR, order no. {chance.randrange(10**10)}",
            f"pi = 3.{_pick(chance, string.digits, 30)}; e = 2.{_pick(chance, string.digits, 12)}",
            f"ISBN 978-{chance.randrange(9)}-{chance.randrange(10**4):04d}-{chance.randrange(10**4):04d}-{chance.randrange(9)}",
            f"1900-{chance.randrange(1901, 2026)}, pp. {chance.randrange(400)}-{chance.randrange(400, 900)}, vol. {chance.randrange(90)}",
            f"epoch {chance.randrange(1_600_000_000, 1_800_000_000)} build {chance.randrange(10**8):08d}",
        )
    )


def _pick(chance: random.Random, letters: str, count: int) -> str:
    return "".join(chance.choices(letters, k=count))


def _email(chance: random.Random) -> tuple[str, str, str]:
    user = chance.choice(("{a}.{b}", "{a}_{b}", "{a}+{b}", "{a}{n}")).format(
        a=chance.choice(_WORDS), b=chance.choice(_WORDS), n=chance.randrange(99)
    )
    host = chance.choice(("example.com", "mail.example.co.uk", "x-y.example.org", "example.museum"))
    return chance.choice((("", f"{user}@{host}", ""), ("<", f"{user}@{host}", ">"), ("mailto:", f"{user}@{host}", ",")))


def _phone(region: str) -> Callable[[random.Random], tuple[str, str, str]]:
    kinds = (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE)
    formats = phonenumbers.PhoneNumberFormat

    def make(chance: random.Random) -> tuple[str, str, str]:
        while True:
            example = phonenumbers.example_number_for_type(region, chance.choice(kinds))
            assert example is not None
            digits = str(example.national_number)
            drawn = digits[:-4] + _pick(chance, string.digits, 4)
            number = phonenumbers.PhoneNumber(
                country_code=example.country_code,
                national_number=int(drawn),
                italian_leading_zero=example.italian_leading_zero,
            )
            if phonenumbers.is_valid_number(number):
                break
        form = chance.choice((formats.INTERNATIONAL, formats.E164, formats.NATIONAL))
        words = ("call me on ", "phone: ", "tel. ", "my mobile is ", "WhatsApp ")
        return chance.choice(words), phonenumbers.format_number(number, form), chance.choice(("", ".", ", please"))

    return make


def _card(chance: random.Random) -> tuple[str, str, str]:
    prefix, length = chance.choice((("4", 16), ("51", 16), ("55", 16), ("2221", 16), ("37", 15), ("6011", 16)))
    body = prefix + _pick(chance, string.digits, length - len(prefix) - 1)
    number = body + luhn.calc_check_digit(body)
    if length == 16 and chance.random() < 0.6:
        number = chance.choice(" -").join(number[i : i + 4] for i in range(0, 16, 4))
    return chance.choice(("card ", "", "pay with ")), number, ""


def _iban(chance: random.Random) -> tuple[str, str, str]:
    country, length = chance.choice((("DE", 22), ("FR", 27), ("GB", 22), ("NL", 18), ("ES", 24), ("CH", 21)))
    letters = {"GB": 4, "NL": 4}.get(country, 0)
    account = _pick(chance, string.ascii_uppercase, letters) + _pick(chance, string.digits, length - 4 - letters)
    number = country + mod_97_10.calc_check_digits(account + country) + account
    if chance.random() < 0.5:
        number = " ".join(number[i : i + 4] for i in range(0, len(number), 4))
    return chance.choice(("IBAN ", "", "to ")), number, ""


def _weighted(digits: str, weights: tuple[int, ...]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True))


def _ssn(chance: random.Random) -> tuple[str, str, str]:
    number = f"{chance.randrange(100, 665)}-{chance.randrange(10, 99)}-{chance.randrange(1000, 9999)}"
    return chance.choice(("SSN ", "my social security number is ", "SSN: ")), number, ""


def _aadhaar(chance: random.Random) -> tuple[str, str, str]:
    while True:
        body = chance.choice("23456789") + _pick(chance, string.digits, 10)
        number = body + verhoeff.calc_check_digit(body)
        if number != number[::-1]:
            return (
                chance.choice(("Aadhaar ", "my aadhaar no. is ")),
                " ".join((number[:4], number[4:8], number[8:])),
                "",
            )


def _nir(chance: random.Random) -> tuple[str, str, str]:
    body = f"{chance.choice('12')}{chance.randrange(40, 99)}{chance.randrange(1, 13):02d}{chance.randrange(10, 90)}{chance.randrange(1, 400):03d}{chance.randrange(1, 999):03d}"
    return chance.choice(("NIR ", "numéro de sécurité sociale : ")), f"{body}{97 - int(body) % 97:02d}", ""


def _nhs(chance: random.Random) -> tuple[str, str, str]:
    while True:
        body = _pick(chance, string.digits, 9)
        check = 11 - _weighted(body, (10, 9, 8, 7, 6, 5, 4, 3, 2)) % 11
        if check != 10:
            number = body + str(check % 11)
            return "NHS number ", f"{number[:3]} {number[3:6]} {number[6:]}", ""


def _dni(chance: random.Random) -> tuple[str, str, str]:
    number = chance.randrange(10**7, 10**8)
    return chance.choice(("DNI ", "mi DNI es ")), f"{number}{'TRWAGMYFPDXBNJZSQVHLCKE'[number % 23]}", ""


def _cpf(chance: random.Random) -> tuple[str, str, str]:
    body = _pick(chance, string.digits, 9)
    for _ in range(2):
        weights = tuple(range(len(body) + 1, 1, -1))
        body += str((11 - _weighted(body, weights) % 11) % 11 % 10)
    return "CPF ", f"{body[:3]}.{body[3:6]}.{body[6:9]}-{body[9:]}", ""


def _bsn(chance: random.Random) -> tuple[str, str, str]:
    while True:
        body = chance.choice("123456789") + _pick(chance, string.digits, 7)
        check = _weighted(body, (9, 8, 7, 6, 5, 4, 3, 2)) % 11
        if check != 10:
            return chance.choice(("BSN ", "burgerservicenummer ")), body + str(check), ""


def _pesel(chance: random.Random) -> tuple[str, str, str]:
    body = f"{chance.randrange(50, 99)}{chance.randrange(1, 13):02d}{chance.randrange(1, 29):02d}{chance.randrange(10000):04d}"
    check = (10 - _weighted(body, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)) % 10) % 10
    return "PESEL ", body + str(check), ""


def _secret(prefix: str, letters: str, count: int) -> Callable[[random.Random], tuple[str, str, str]]:
    def make(chance: random.Random) -> tuple[str, str, str]:
        middle = count // 2
        value = (
            prefix
            + _pick(chance, letters, middle)
            + chance.choice("234567")
            + _pick(chance, letters, count - middle - 1)
        )
        return chance.choice(
            (("api_key=", value, ""), ('key = "', value, '"'), ("use ", value, " please"), ("", value, "\n"))
        )

    return make


def _jwt(chance: random.Random) -> tuple[str, str, str]:
    head = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=").decode()
    body = base64.urlsafe_b64encode(b'{"sub":"%d","iat":1516239022}' % chance.randrange(10**9)).rstrip(b"=").decode()
    return chance.choice(("Bearer ", "token=", "")), f"{head}.{body}.{_pick(chance, _ALNUM + '-_', 43)}", ""


def _private_key(chance: random.Random) -> tuple[str, str, str]:
    name = chance.choice(("RSA ", "EC ", "", "OPENSSH ", "ENCRYPTED "))
    end = chance.choice(("\n", "\\n"))
    lines = [_pick(chance, _ALNUM + "+/", 64) for _ in range(chance.randrange(3, 20))]
    return "", end.join((f"-----BEGIN {name}PRIVATE KEY-----", *lines, f"-----END {name}PRIVATE KEY-----")), ""


_UPPER = string.ascii_uppercase + "234567"
_MAKERS: dict[str, Callable[[random.Random], tuple[str, str, str]]] = {
    "email": _email,
    **{f"phone {region}": _phone(region) for region in REGIONS},
    "card": _card,
    "iban": _iban,
    "national id US": _ssn,
    "national id GB": _nhs,
    "national id FR": _nir,
    "national id ES": _dni,
    "national id IN": _aadhaar,
    "national id BR": _cpf,
    "national id NL": _bsn,
    "national id PL": _pesel,
    "secret AWS": _secret("AKIA", _UPPER, 16),
    "secret GitHub": _secret("ghp_", _ALNUM, 36),
    "secret Slack": _secret("xoxb-", string.digits + "-", 24),
    "secret OpenAI": _secret("sk-proj-", _ALNUM + "-_", 48),
    "jwt": _jwt,
    "private key": _private_key,
}
