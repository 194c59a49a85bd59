"""What is personal or secret is gone before anything is stored, what is not stays, and doing it twice changes nothing."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from ingest.enrich.addresses import KEY_FILE, AddressHasher, load_hash_key
from ingest.enrich.patterns import KINDS, Kind
from ingest.enrich.redaction import MAX_CANDIDATES, redact, redact_all
from vigil.errors import WorkspaceError
from vigil.settings import Settings

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEAu1SU1LfVLPHCozMxH2Mo\nmore\n-----END RSA PRIVATE KEY-----"
CUT_PEM = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("write to ann.lee+test@mail.example.co.uk, please", "write to <email>, please"),
        ("<ann@example.com>", "<<email>>"),
        ("card 4111 1111 1111 1111.", "card <card>."),
        ("5500-0000-0000-0004 and 340000000000009", "<card> and <card>"),
        ("order 12 4111111111111111 99", "order 12 <card> 99"),
        ("pay DE89370400440532013000 today", "pay <iban> today"),
        ("pay DE89 3704 0044 0532 0130 00 TODAY", "pay <iban> TODAY"),
        ("GB29NWBK60161331926819, be68 5390 0754 7034 then", "<iban>, <iban> then"),
        ("call +44 20 7946 0958 or +1 (415) 555-0123", "call <phone> or <phone>"),
        ("call (415) 555-0123, 415-555-0123 or 1.415.555.0123", "call <phone>, <phone> or <phone>"),
        ("Tel. 020 7946 0958, 030/901820, 04 91 12 34 56", "Tel. <phone>, <phone>, <phone>"),
        ("0049 151 23456789 is mine", "<phone> is mine"),
        ("id AKIAIOSFODNN7EXAMPLE!", "id <secret>!"),
        ("ghp_0123456789abcdefghijABCDEFGHIJ012345", "<secret>"),
        ("github_pat_11ABCDEFG0abcdefghijkl_mnop", "<secret>"),
        ("token=xoxb-123456789012-abcdefABCDEF", "token=<secret>"),
        ("sk-proj-abcDEF0123456789abcDEF0123456789", "<secret>"),
        ("sk-ant-api03-abcDEF0123456789abcDEF0123456789", "<secret>"),
        ("AIzaSyA-0123456789abcdefghijklmnopqrstu", "<secret>"),
        ("sk_live_0123456789abcdefGHIJ", "<secret>"),
        ("glpat-0123456789abcdefghij", "<secret>"),
        (f"Bearer {JWT}", "Bearer <jwt>"),
        (f"key:\n{PEM}\nend", "key:\n<private_key>\nend"),
        (f"{CUT_PEM} and so on", "<private_key> and so on"),
        (PEM.replace("\n", "\\n"), "<private_key>"),
    ],
)  # fmt: skip
def test_it_is_replaced_by_its_kind(text: str, expected: str) -> None:
    assert redact(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "On 2026-11-24 at 10:20:30.123456 it was 21.5 degrees; 01-02-2024 12:30 was colder.",
        "pi is 3.14159265358979, a million is 1 000 000 and 10,000,000 is ten.",
        "commit 3349ee5b1c9f4d0a8e7b6c5d4e3f2a1b0c9d8e7f, uuid 123e4567-e89b-12d3-a456-426614174000",
        "epoch 1793530800123, ns 1793530800123456789, port 127.0.0.1:9000, v10.2.3-rc.1",
        "card 4111 1111 1111 1112 has a wrong check digit, 1234567890123456 no issuer",
        "DE88 3704 1044 1532 1130 10 has wrong check digits",
        "icon@2x.png, @decorator, user@host, a@b, x = a @ b.T",
        "sk-fading-circle-container-element, task-0123456789, AKIA is a prefix, ghp_short",
        "for i in range(1000000): total += 123456 * 7890 % 65537",
        "ISBN 978-3-16-148410-0, rows 256 512 1024 2048, phase 0.0001 0.0002",
        "eyJ is how base64 of a JSON object begins",
        "-----BEGIN CERTIFICATE-----",
        "octal 097 106 102 107 108 114 104 055 104 195 150 072, binary 01100010 01100001 011",
    ],
)
def test_what_is_neither_stays_as_it_is(text: str) -> None:
    assert redact(text) == text


def test_texts_are_redacted_together_but_never_across_each_other() -> None:
    assert redact_all(["4111 1111", "1111 1111", "ann@", "example.com"]) == [
        "4111 1111",
        "1111 1111",
        "ann@",
        "example.com",
    ]
    assert redact_all(["ann@example.com", "", "4111111111111111"]) == ["<email>", "", "<card>"]


def test_the_same_sequence_comes_back_when_there_is_nothing_to_redact() -> None:
    texts = ["nothing", "here"]
    assert redact_all(texts) is texts


def test_a_nul_inside_a_text_does_not_shift_the_others() -> None:
    assert redact_all(["a\x00ann@example.com", "b"]) == ["a\N{REPLACEMENT CHARACTER}<email>", "b"]


def test_text_with_too_many_candidates_is_withheld_rather_than_let_through() -> None:
    flood = redact_all(["a@b.co " * (MAX_CANDIDATES + 10), "and ann@example.com"])
    assert "@" not in "".join(flood)
    assert flood[1] == "<redacted>"


def test_numbers_beyond_those_that_are_checked_are_replaced_unchecked() -> None:
    redacted = redact("4111 1111 1111 1112, " * 3_000)
    assert redacted.startswith("4111 1111 1111 1112, ")
    assert redacted.endswith("<card>, ")
    assert redact(redacted) == redacted


def test_every_kind_is_looked_for_wherever_its_candidates_are() -> None:
    """The hint of a kind decides whether it is looked for: it must match in everything the kind matches."""
    import re2

    samples = {
        "private_key": [PEM, CUT_PEM],
        "jwt": [JWT],
        "secret": ["AKIAIOSFODNN7EXAMPLE", "ghp_" + "a1" * 18, "xoxb-1234567890", "sk-" + "a1" * 10, "SG." + "a" * 16 + "." + "b" * 16],
        "email": ["a@b.co"],
        "iban": ["DE89370400440532013000"],
        "card": ["4111 1111 1111 1111", "340000000000009"],
        "phone": ["+44 20 7946 0958", "(415) 555-0123", "030/901820", "tel. 612 34 56 78"],
        "national_id": ["SSN 123-45-6789", "123.456.789-09", "RSSMRA85T10A562S", "11010519491231002X", "PAN ABCPE1234F"],
    }  # fmt: skip
    for kind in KINDS:
        for sample in samples[kind.name]:
            if _finds(kind, sample.encode()):
                assert re2.search(kind.hint, sample.encode()), f"{kind.name}: {sample}"


def _finds(kind: Kind, text: bytes) -> bool:
    match = kind.candidate.search(text)
    return match is not None and (kind.near is None or kind.near(text[: match.start()]) is not None)


fragments = st.sampled_from(
    ["ann@example.com", "4111 1111 1111 1111", "4111111111111111", "+14155550123", "(415) 555-0123", "020 7946 0958",
     "DE89370400440532013000", "AKIAIOSFODNN7EXAMPLE", "ghp_" + "a1" * 18, JWT, PEM, CUT_PEM, "-----BEGIN PRIVATE KEY-----",
     "sk-" + "a1" * 12, "@", ".", " ", "-", "+", "(", ")", "/", "0", "1", "a", "é", "<", ">", "\n", "com", "eyJ", "12", "00", "DE89"]
)  # fmt: skip


@settings(max_examples=500, deadline=None)
@given(st.lists(fragments | st.text(max_size=3), max_size=10).map("".join))
def test_redaction_is_idempotent(text: str) -> None:
    once = redact(text)
    assert redact(once) == once


def test_the_key_of_the_address_hashes_is_made_once_and_private(tmp_path: Path) -> None:
    settings = Settings(workspace=tmp_path / "workspace")
    key = load_hash_key(settings)
    assert len(key) == 32
    assert load_hash_key(settings) == key
    file = tmp_path / "workspace" / KEY_FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [entry.name for entry in file.parent.iterdir()] == [KEY_FILE]


def test_the_configured_key_outranks_the_workspaces(tmp_path: Path) -> None:
    settings = Settings(workspace=tmp_path, ingest={"address_hash_key": SecretStr("shared")})
    assert load_hash_key(settings) == b"shared"
    assert not (tmp_path / KEY_FILE).exists()


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_a_workspace_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(WorkspaceError, match="VIGIL_INGEST__ADDRESS_HASH_KEY"):
        load_hash_key(Settings(workspace=tmp_path / "workspace"))


def test_a_workspace_that_is_a_file_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WorkspaceError, match="VIGIL_INGEST__ADDRESS_HASH_KEY"):
        load_hash_key(Settings(workspace=tmp_path / "file"))


def test_another_key_gives_other_hashes() -> None:
    one, other = AddressHasher(b"one").hashes("192.0.2.1"), AddressHasher(b"other").hashes("192.0.2.1")
    assert one is not None
    assert other is not None
    assert {one.prefix, one.address}.isdisjoint({other.prefix, other.address})
