"""Adapters: one outside system a file. `make_adapters` builds those that the settings ask for."""

from __future__ import annotations

from urllib.parse import urlsplit

from enforcement.adapters.base import Adapter, Answer, Delivered, Refused, Unreachable
from enforcement.adapters.log import LogAdapter
from enforcement.adapters.page import PageAdapter
from enforcement.adapters.posting import SignedPoster
from enforcement.adapters.recording import RecordingAdapter
from enforcement.adapters.signature import SignatureError, verify_signature
from enforcement.adapters.webhook import WebhookAdapter
from vigil.clock import SystemClock
from vigil.errors import ConfigError
from vigil.settings import Settings

__all__ = [
    "Adapter",
    "Answer",
    "Delivered",
    "RecordingAdapter",
    "Refused",
    "SignatureError",
    "Unreachable",
    "make_adapters",
    "make_recording_adapters",
    "verify_signature",
]


def make_adapters(settings: Settings) -> dict[str, Adapter]:
    """Adapters by the name that outbox rows carry. Raises ConfigError when one lacks its address or secret."""
    enforcement = settings.enforcement
    adapters: dict[str, Adapter] = {"log": LogAdapter()}
    if enforcement.webhook_url is not None:
        adapters["webhook"] = WebhookAdapter(_poster(settings, enforcement.webhook_url, "webhook_url"))
    elif enforcement.adapter == "webhook":
        raise ConfigError(
            "enforcement.adapter is webhook, but VIGIL_ENFORCEMENT__WEBHOOK_URL is not set: name the address to post to"
        )
    console = enforcement.console_url or f"http://127.0.0.1:{settings.dashboard.port}"
    poster = None if enforcement.page_url is None else _poster(settings, enforcement.page_url, "page_url")
    adapters["page"] = PageAdapter(poster, console)
    return adapters


def make_recording_adapters(recorder: RecordingAdapter | None = None) -> dict[str, Adapter]:
    """Every name served by one recording adapter: nothing leaves."""
    return dict.fromkeys(("log", "webhook", "page"), recorder or RecordingAdapter())


def _poster(settings: Settings, url: str, name: str) -> SignedPoster:
    secret = settings.enforcement.webhook_secret
    if secret is None or not secret.get_secret_value():
        raise ConfigError(
            f"enforcement.{name} is set, but VIGIL_ENFORCEMENT__WEBHOOK_SECRET is not: what is posted has to be signed"
        )
    try:
        usable = urlsplit(url).scheme in ("https", "http") and bool(urlsplit(url).hostname)
    except ValueError:
        usable = False
    if not usable:
        raise ConfigError(f"enforcement.{name} is no address: expected https://host/path")
    return SignedPoster(url, secret.get_secret_value(), SystemClock(), settings.enforcement.delivery_timeout_s)
