"""Tokens: from settings and a file, several at once, and mistakes told without the token."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.receiver.tokens import Sender, load_tokens
from vigil.errors import ConfigError
from vigil.settings import ReceiveSettings

OLD, NEW, THIRD = "old-token-0123456789abcdef", "new-token-0123456789abcdef", "third-token-0123456789abc"


def test_several_tokens_of_a_tenant_are_valid_at_once(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text(f"# rotated in November\nglobex {THIRD} edge-eu\n\n")
    tokens = load_tokens(ReceiveSettings(tokens=f"acme:{OLD}, acme:{NEW}", tokens_file=file))
    assert tokens.sender(OLD) == tokens.sender(NEW) == Sender("acme")
    assert tokens.sender(THIRD) == Sender("globex", "edge-eu")
    assert tokens.sender(OLD[:-1]) is None
    assert tokens.sender("") is None
    assert tokens.sender("\udcff") is None


@pytest.mark.parametrize(
    ("tokens", "words"),
    [
        (None, "no tokens"),
        ("acme", "tenant:token"),
        ("acme:short-secret", "fewer than 24"),
        (f":{OLD}", "tenant must have"),
        (f"acme:{OLD},globex:{OLD}", "another tenant's"),
    ],
)
def test_mistakes_are_named_without_the_token(tokens: str | None, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as error:
        load_tokens(ReceiveSettings(tokens=tokens))
    assert "short-secret" not in str(error.value)
    assert OLD not in str(error.value)


def test_a_file_that_cannot_be_read_or_has_other_words_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="tokens_file"):
        load_tokens(ReceiveSettings(tokens_file=tmp_path / "none"))
    file = tmp_path / "tokens"
    file.write_text(f"# one\nacme {OLD} edge extra\n")
    with pytest.raises(ConfigError, match="line 2"):
        load_tokens(ReceiveSettings(tokens_file=file))
