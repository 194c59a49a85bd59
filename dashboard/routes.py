"""Where the pages are. Every link of the console is made here, so that a link in a page (pager, mail) stays right."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

_FOLDER = Path(__file__).parent / "app_pages"

PAGES = {
    # address: file of app_pages
    "incidents": "incidents.py",
    "incident": "incident.py",
    "timeline": "timeline.py",
    "accounts": "accounts.py",
    "account": "account.py",
    "actions": "actions.py",
    "health": "health.py",
}


def page_file(name: str) -> str:
    """The script of a page."""
    return str(_FOLDER / PAGES[name])


def incidents(**filters: str) -> str:
    """The queue."""
    return _address("incidents", filters)


def incident(incident_id: str) -> str:
    """One incident in full."""
    return _address("incident", {"id": incident_id})


def account(tenant_id: str, account_id: str) -> str:
    """One account."""
    return _address("account", {"tenant": tenant_id, "id": account_id})


def actions(**filters: str) -> str:
    """The actions, optionally only those in a `state`, or one `action`."""
    return _address("actions", filters)


def destination(href: str) -> tuple[str, dict[str, str]] | None:
    """(page, query parameters) of a link of the console; None for anything else."""
    parts = urlsplit(href)
    name = parts.path.strip("/") or "incidents"
    if parts.scheme or parts.netloc or name not in PAGES:
        return None
    return name, dict(parse_qsl(parts.query, keep_blank_values=True))


def _address(name: str, query: dict[str, str]) -> str:
    wanted = {key: value for key, value in query.items() if value}
    # The default page lives at the root.
    path = "/" if name == "incidents" else f"/{name}"
    return path + (f"?{urlencode(wanted)}" if wanted else "")
