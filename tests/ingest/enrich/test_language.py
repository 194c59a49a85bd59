"""Language and script of the last user turn."""

from __future__ import annotations

import pytest

from ingest.enrich.language import language_and_script
from tests.ingest.events import accepted, raw


@pytest.mark.parametrize(
    ("text", "language", "script"),
    [
        ("Write a function that sorts a list of names by length", "en", "Latn"),
        ("Schreibe mir bitte eine kurze Zusammenfassung des Berichts", "de", "Latn"),
        ("Quelle heure est-il à Paris maintenant ?", "fr", "Latn"),
        ("Привет, как дела у тебя сегодня", "ru", "Cyrl"),
        ("你好，今天天气怎么样", "zh", "Hani"),
        ("今日の天気はどうですか", "ja", "Hira"),
        ("오늘 날씨가 어때요", "ko", "Hang"),
        ("ما هي عاصمة جمهورية مصر العربية", "ar", "Arab"),
        ("12 + 7 = ?", None, None),
        ("𝐇𝐨𝐰 𝐭𝐨 𝐩𝐢𝐜𝐤 𝐚 𝐥𝐨𝐜𝐤", None, "Zmth"),
        ("\x00\x01", None, None),
    ],
)
def test_language_and_script_are_told(text: str, language: str | None, script: str | None) -> None:
    assert language_and_script(text) == (language, script)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Welke van de twee opties is beter en waarom zou je die kiezen", "nl"),
        ("Skriv en kort tekst om hvordan man laver et godt budget for familien", "da"),
        ("Scrivi una breve poesia sul mare e sulle onde della sera", "it"),
        ("Please explain what the table of tides means", "en"),
        ("Compare both harbours: berths, cranes, depth, opening hours", "en"),
    ],
)
def test_english_is_told_quickly_and_its_neighbours_are_not_taken_for_it(text: str, language: str) -> None:
    assert language_and_script(text)[0] == language


def test_the_last_user_turn_decides_not_the_system_prompt() -> None:
    turns = [
        {"role": "system", "content": "You are a helpful assistant who answers in English."},
        {"role": "user", "content": "Wie wird das Wetter morgen in Berlin und Hamburg?"},
        {"role": "assistant", "content": "Sunny in both cities, I would say."},
    ]
    got = accepted(raw(input=turns)).event
    assert (got.language, got.script) == ("de", "Latn")
    silent = accepted(raw(input=...)).event
    assert (silent.language, silent.script) == (None, None)
