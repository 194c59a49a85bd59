"""The console in a real browser: every page, nothing from elsewhere, and what is clicked happens."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import Page, expect

from dashboard.look.palette import DARK, LIGHT
from dashboard.views.literal import literal
from tests.browser.conftest import Opener
from tests.dashboard.conftest import Told
from tests.dashboard.story_cast import HOSTILE, RING
from vigil.incident import IncidentState
from vigil.record import incidents

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def addresses(told: Told) -> dict[str, str]:
    """Every page, with the hostile names in it where it takes any."""
    account = urlencode({"tenant": HOSTILE, "id": HOSTILE})
    return {
        "incidents": "/",
        "incident": f"/incident?id={told.story.incidents['hostile']}",
        "ring": f"/incident?id={told.story.incidents['ring']}",
        "timeline": "/timeline?span=1+h",
        "accounts": "/accounts?account_q=onerror",
        "account": f"/account?{account}",
        "actions": "/actions",
        "health": "/health",
    }


@pytest.fixture
def told(stage: tuple[Told, str]) -> Told:
    """The story under the console; tests change different parts of it."""
    return stage[0]


def state(told: Told, name: str) -> IncidentState:
    with told.record.read() as connection:
        return incidents.get(connection, told.story.incidents[name]).state


def query(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


_SHOWN = """(wanted) => {
    // `innerText` does not look into the shadow roots of the tables.
    const parts = [document.body.innerText];
    for (const node of document.querySelectorAll('*')) if (node.shadowRoot) parts.push(node.shadowRoot.textContent);
    return parts.join(' ').includes(wanted);
}"""


def elements(page: Page, selector: str) -> int:
    """How many elements match, shadow roots included."""
    return page.locator(selector).count()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_page_opens_without_an_exception_an_error_or_a_request_elsewhere(
    watch: Opener, told: Told, dark: bool
) -> None:
    watched = watch(dark=dark)
    paths = addresses(told)
    # The theme changes colours only: a few pages show that they arrive.
    for name in ("incidents", "ring", "timeline") if dark else paths:
        watched.open(paths[name])
        page = watched.quiet()
        assert elements(page, '[data-testid="stException"]') == 0, name
        assert elements(page, ".v-problem") == 0, name
        assert elements(page, "h1") >= 1, name
        # Hostile names are on the page as characters, and nothing of them became an element.
        if name != "ring" and not dark:
            page.wait_for_function(_SHOWN, arg=literal(HOSTILE)[:24])
        assert elements(page, "img[src='x'], [onerror], a[href^='javascript']") == 0, name
        assert watched.complaints == [], name
    page_colour = page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--v-page')")
    assert page_colour == (DARK if dark else LIGHT)["page"]


def test_a_row_opens_the_incident_and_acknowledging_it_reaches_the_record(watch: Opener, told: Told) -> None:
    watched = watch()
    page = watched.open("/")
    page.get_by_role("link", name="sends 38 times its usual volume").click()
    page.wait_for_url("**/incident?id=*")
    watched.settled()
    assert query(page)["id"] == [told.story.incidents["volume"]]
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_text("colleagues see that you have it")).to_be_visible()
    assert state(told, "volume") is IncidentState.ACKNOWLEDGED
    page.get_by_role("link", name="All incidents").click()
    watched.settled()
    row = page.locator("tr.row").filter(has_text="38 times")
    expect(row).to_contain_text("acknowledged")
    expect(row).to_contain_text("by r.okafor")
    assert watched.complaints == []


def test_the_queue_is_worked_from_the_keyboard(watch: Opener, told: Told) -> None:
    watched = watch()
    page = watched.open("/")
    second = page.locator("tr.row").nth(1).get_attribute("data-id", timeout=20_000)
    page.locator("tr.row").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    page.wait_for_url("**/incident?id=*")
    watched.settled()
    assert query(page)["id"] == [second]
    # The letter beside the button.
    watched.open(addresses(told)["incident"])
    page.locator("body").press("a")
    expect(page.get_by_text("colleagues see that you have it")).to_be_visible()
    assert state(told, "hostile") is IncidentState.ACKNOWLEDGED
    assert watched.complaints == []


def test_the_table_sorts_and_says_so(watch: Opener) -> None:
    watched = watch()
    page = watched.open("/")
    page.get_by_role("button", name="Members").click()
    expect(page.locator("tr.row").first).to_contain_text("14 accounts share")
    assert elements(page, "th[aria-sort='descending']") == 1
    page.get_by_role("button", name="Members").click()
    expect(page.locator("tr.row").last).to_contain_text("14 accounts share")
    assert elements(page, "th[aria-sort='ascending']") == 1


def test_resolving_asks_for_a_note_and_keeps_it(watch: Opener, told: Told) -> None:
    watched = watch()
    page = watched.open(f"/incident?id={told.story.incidents['gap']}")
    page.get_by_role("button", name="Resolve…").click()
    page.get_by_label("Note").fill("their owner closed them")
    page.get_by_role("button", name="Resolve incident").click()
    expect(page.get_by_text("New evidence opens a new incident")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert state(told, "gap") is IncidentState.RESOLVED
    with told.record.read() as connection:
        assert incidents.log(connection, told.story.incidents["gap"])[-1].note == "their owner closed them"
    assert watched.complaints == []


def test_selected_actions_are_lifted_and_an_open_row_stays_open(watch: Opener, told: Told) -> None:
    watched = watch()
    page = watched.open(addresses(told)["ring"])
    page.get_by_role("tab", name="Actions").click()
    row = page.locator("tr.row").filter(has_text=RING[2]).filter(has_text="throttle")
    row.get_by_role("button", name="Show details").click()
    expect(page.get_by_text("no switch is set").first).to_be_visible()
    row.get_by_role("checkbox").check()
    page.get_by_role("button", name="Lift 1 in force").click()
    page.get_by_label("Reason").fill("not theirs")
    page.get_by_role("button", name="Lift 1 action").click()
    expect(page.get_by_text("1 action lifted, or on the way to be.")).to_be_visible()
    # What happened is said without closing what was open.
    expect(page.get_by_text("no switch is set").first).to_be_visible()
    expect(page.locator("tr.row").filter(has_text="being lifted")).to_contain_text(RING[2])
    assert watched.complaints == []


def test_a_tooltip_shows_a_hostile_name_as_text(watch: Opener) -> None:
    watched = watch()
    page = watched.open("/timeline?span=1+h")
    page.get_by_role("combobox", name="Tenant").click()
    option = page.get_by_role("option").filter(has_text="onerror")
    expect(option).to_have_text(literal(HOSTILE))
    option.click()
    page.keyboard.press("Escape")
    watched.settled()
    expect(page.get_by_text("1 call in all")).to_be_visible()
    chart = page.locator('[data-testid="stVegaLiteChart"]').first
    box = chart.bounding_box()
    assert box is not None
    tooltip = page.locator("#vg-tooltip-element.visible")
    # The only column stands near the right edge: look for it.
    for step in range(200, 0, -2):
        page.mouse.move(box["x"] + box["width"] - step, box["y"] + box["height"] * 0.6)
        if tooltip.count():
            break
    expect(tooltip).to_contain_text("onerror=alert(1)")
    assert elements(page, "#vg-tooltip-element img, #vg-tooltip-element a, #vg-tooltip-element b") == 0
    assert watched.complaints == []


def test_times_are_utc_wherever_the_browser_is(watch: Opener, told: Told) -> None:
    watched = watch()  # in Tokyo
    page = watched.open(addresses(told)["ring"])
    expect(page.locator(".v-meta")).to_contain_text("2026-11-24 11:34:30 UTC")
    axis = page.locator('[data-testid="stVegaLiteChart"]').last
    expect(axis).to_contain_text("11:45")
