"""Adapters: one outside system a file. `make_adapters` builds those that the settings ask for."""

from __future__ import annotations

from urllib.parse import urlsplit

from enforcement.adapters.base import Adapter, Answer, Delivered, InForce, ReadsBack, Refused, Unreachable
from enforcement.adapters.litellm import LiteLLMAdapter
from enforcement.adapters.log import LogAdapter
from enforcement.adapters.page import Channel, PageAdapter
from enforcement.adapters.pagerduty import PagerDutyChannel
from enforcement.adapters.posting import SignedPoster, SignedReader
from enforcement.adapters.recording import RecordingAdapter
from enforcement.adapters.signature import SignatureError, verify_signature
from enforcement.adapters.webhook import ReadableWebhookAdapter, WebhookAdapter
from vigil.clock import SystemClock
from vigil.errors import ConfigError
from vigil.settings import EnforcementSettings, Settings

__all__ = [
    "Adapter",
    "Answer",
    "Delivered",
    "InForce",
    "ReadsBack",
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
        adapters["webhook"] = _webhook(settings, enforcement.webhook_url)
    elif enforcement.adapter == "webhook":
        raise ConfigError(
            "enforcement.adapter is webhook, but VIGIL_ENFORCEMENT__WEBHOOK_URL is not set: name the address to post to"
        )
    if enforcement.litellm_url is not None:
        adapters["litellm"] = _litellm(enforcement, enforcement.litellm_url)
    elif enforcement.adapter == "litellm":
        raise ConfigError(
            "enforcement.adapter is litellm, but VIGIL_ENFORCEMENT__LITELLM_URL is not set: name the proxy's address"
        )
    if enforcement.adapter == "kafka":
        from enforcement.adapters.kafka import KafkaAdapter  # takes long to import; most installations do without

        adapters["kafka"] = KafkaAdapter(settings)
    console = enforcement.console_url or f"http://127.0.0.1:{settings.dashboard.port}"
    poster = None if enforcement.page_url is None else _poster(settings, enforcement.page_url, "page_url")
    adapters["page"] = PageAdapter(poster, console, _channels(enforcement))
    return adapters


def _litellm(enforcement: EnforcementSettings, url: str) -> Adapter:
    if enforcement.litellm_key is None:
        raise ConfigError(
            "enforcement.litellm_url is set, but VIGIL_ENFORCEMENT__LITELLM_KEY is not: the management API needs an admin key"
        )
    _require_address(url, "litellm_url")
    return LiteLLMAdapter(
        url, enforcement.litellm_key, enforcement.litellm_account, SystemClock(), enforcement.delivery_timeout_s
    )


def _channels(enforcement: EnforcementSettings) -> list[Channel]:
    channels: list[Channel] = []
    if enforcement.pagerduty_keys:
        _require_address(enforcement.pagerduty_url, "pagerduty_url")
        channels.append(
            PagerDutyChannel(
                enforcement.pagerduty_url, enforcement.pagerduty_keys, SystemClock(), enforcement.delivery_timeout_s
            )
        )
    if enforcement.channels:
        from enforcement.adapters.channels import AppriseChannel  # knows a hundred services: only where one is set

        channels.append(AppriseChannel(enforcement.channels))
    return channels


def make_recording_adapters(recorder: RecordingAdapter | None = None) -> dict[str, Adapter]:
    """Every name served by one recording adapter: nothing leaves."""
    return dict.fromkeys(("log", "webhook", "litellm", "kafka", "page"), recorder or RecordingAdapter())


def _webhook(settings: Settings, url: str) -> Adapter:
    poster = _poster(settings, url, "webhook_url")
    state_url, timeout_s = settings.enforcement.webhook_state_url, settings.enforcement.delivery_timeout_s
    if state_url is None:
        return WebhookAdapter(poster)
    secret = _secret(settings, state_url, "webhook_state_url")
    return ReadableWebhookAdapter(poster, SignedReader(state_url, secret, SystemClock(), timeout_s))


def _poster(settings: Settings, url: str, name: str) -> SignedPoster:
    return SignedPoster(url, _secret(settings, url, name), SystemClock(), settings.enforcement.delivery_timeout_s)


def _secret(settings: Settings, url: str, name: str) -> str:
    secret = settings.enforcement.webhook_secret
    if secret is None or not secret.get_secret_value():
        raise ConfigError(
            f"enforcement.{name} is set, but VIGIL_ENFORCEMENT__WEBHOOK_SECRET is not: what is posted has to be signed"
        )
    _require_address(url, name)
    return secret.get_secret_value()


def _require_address(url: str, name: str) -> None:
    try:
        usable = urlsplit(url).scheme in ("https", "http") and bool(urlsplit(url).hostname)
    except ValueError:
        usable = False
    if not usable:
        raise ConfigError(f"enforcement.{name} is no address: expected https://host/path")
