"""The signature a receiver checks."""

from __future__ import annotations

import ast
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from enforcement.adapters import signature
from enforcement.adapters.signature import SignatureError, sign, verify_signature

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
BODY = b'{"effect":"throttle"}'


def test_a_signed_body_passes() -> None:
    verify_signature("s", BODY, sign("s", BODY, NOW), now=NOW)
    verify_signature("s", BODY, sign("s", BODY, NOW), now=NOW + timedelta(minutes=5))
    verify_signature("s", BODY, sign("s", BODY, datetime.now(UTC)))


def test_the_form_is_what_receivers_in_other_languages_compute() -> None:
    # echo -n '1793534400.{"effect":"throttle"}' | openssl dgst -sha256 -hmac s
    assert sign("s", BODY, NOW) == ("t=1793534400,v1=24eed2e87e06662933b18c0f5c441333845bebd7927b37aafcb4ebcb130efbad")


@pytest.mark.parametrize(
    ("secret", "body", "moment", "message"),
    [
        ("other", BODY, NOW, "does not fit the body"),
        ("s", BODY + b" ", NOW, "does not fit the body"),
        ("s", BODY, NOW + timedelta(minutes=6), "signed 360 s ago, 300 s are allowed"),
        ("s", BODY, NOW - timedelta(minutes=6), "check the clocks"),
    ],
)
def test_anything_else_does_not(secret: str, body: bytes, moment: datetime, message: str) -> None:
    with pytest.raises(SignatureError, match=message):
        verify_signature(secret, body, sign("s", BODY, NOW), now=moment)


@pytest.mark.parametrize("header", [None, "", "t=1", "v1=ab", "t=x,v1=ab", "t=1,t=2,v1=ab", "t=" + "9" * 40 + ",v1=ab"])
def test_a_header_of_another_form_does_not(header: str | None) -> None:
    with pytest.raises(SignatureError, match="no valid Vigil-Signature header"):
        verify_signature("s", BODY, header, now=NOW)


def test_a_secret_can_be_changed_without_a_gap() -> None:
    new = sign("new", BODY, NOW).split(",")[1]
    verify_signature("new", BODY, f"{sign('old', BODY, NOW)},{new}", now=NOW)
    verify_signature("old", BODY, f"{sign('old', BODY, NOW)},{new}", now=NOW)


def test_the_time_is_part_of_what_is_signed() -> None:
    stale = sign("s", BODY, NOW - timedelta(days=1)).replace("t=1793448000", "t=1793534400")
    with pytest.raises(SignatureError, match="does not fit"):
        verify_signature("s", BODY, stale, now=NOW)


def test_a_receiver_may_copy_the_file() -> None:
    tree = ast.parse(Path(signature.__file__).read_text())
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert imported - {"__future__"} <= sys.stdlib_module_names
