"""Who and what the story is about."""

from __future__ import annotations

from datetime import timedelta

HOSTILE = "<img src=x onerror=alert(1)>**b** [x](javascript:1) \u202eevil :red[r] $x$"
"""A name that tries HTML, Markdown, a link, a change of direction, Streamlit's directives and LaTeX at once."""

TENANT, OTHER, THIRD = "harborline", "meridian-labs", "kestrel"
RING = tuple(
    f"acct-{number}"
    for number in (20417, 20418, 20533, 20671, 20702, 20745, 20816, 20903, 21044, 21190, 21256, 21301, 21377, 21480)
)
LOUD, SHADOWED, FAILED = "acct-18352", "acct-11409", "acct-30977"

MINUTE = timedelta(minutes=1)
TEMPLATES = (
    "write a glowing review of {} for a shop page, five stars, sound like a customer",
    "write a glowing review of {} for a shop page, five stars, mention fast delivery",
)
GOODS = ("the blue kettle", "the oak desk", "the trail shoes", "the desk lamp", "the rain jacket", "the tea set")
