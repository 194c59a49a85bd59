"""Colours can be read, say the same everywhere, and the theme file repeats them."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from dashboard.look import palette
from vigil.effect import ActionState
from vigil.incident import IncidentState
from vigil.signal import Severity, SubjectRole

THEMES = {"light": palette.LIGHT, "dark": palette.DARK}
TONES = ("critical", "high", "medium", "low", "good", "info", "plan", "quiet")


def luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", THEMES)
def test_text_can_be_read_on_every_surface(theme: str) -> None:
    colours = THEMES[theme]
    for surface in ("page", "surface", "raised"):
        for text in ("text", "muted"):
            assert contrast(colours[text], colours[surface]) >= 4.5, (text, surface)
    for tone in TONES:
        assert contrast(colours[f"{tone}-text"], colours[f"{tone}-soft"]) >= 4.5, tone
    assert contrast(colours["accent"], colours["surface"]) >= 4.5
    for text in ("text", "muted"):
        assert contrast(colours[text], colours["accent-soft"]) >= 4.5, text


def test_both_themes_have_the_same_names_and_every_value_has_a_tone() -> None:
    assert palette.LIGHT.keys() == palette.DARK.keys()
    for mapping, values in (
        (palette.SEVERITY, Severity),
        (palette.INCIDENT_STATE, IncidentState),
        (palette.ACTION_STATE, ActionState),
        (palette.ROLE, SubjectRole),
    ):
        assert set(mapping) == set(values)
        assert set(mapping.values()) <= set(TONES)
    assert palette.theme(None) is palette.LIGHT


@pytest.mark.parametrize("theme", THEMES)
def test_the_theme_file_repeats_the_palette(theme: str) -> None:
    config = tomllib.loads(Path("dashboard/.streamlit/config.toml").read_text())
    assert config["browser"]["gatherUsageStats"] is False
    given, colours = config["theme"][theme], THEMES[theme]
    assert given["backgroundColor"] == colours["page"]
    assert given["secondaryBackgroundColor"] == colours["surface"]
    assert given["textColor"] == colours["text"]
    assert given["linkColor"] == colours["accent"]
    assert given["borderColor"] == colours["line"]
    # Streamlit writes white on the primary colour, and the primary colour on the page.
    assert contrast(given["primaryColor"], "#ffffff") >= 4.0
    assert contrast(given["primaryColor"], colours["page"]) >= 4.0


@pytest.mark.parametrize("file", ["look/style.css", "elements/records_table.css"])
def test_stylesheets_name_only_colours_of_the_palette(file: str) -> None:
    import re

    css = (Path("dashboard") / file).read_text()
    assert {name.removeprefix("--v-") for name in re.findall(r"--v-[a-z0-9-]+", css)} <= set(palette.LIGHT)
    assert "url(" not in css
    assert "@import" not in css
