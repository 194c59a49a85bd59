"""What every adapter promises, and what those that post do with a server that misbehaves."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler

import msgspec
import pytest

from enforcement.adapters import (
    Adapter,
    Delivered,
    RecordingAdapter,
    Refused,
    Unreachable,
    make_adapters,
    make_recording_adapters,
    verify_signature,
)
from enforcement.adapters.log import LogAdapter
from enforcement.adapters.page import PageAdapter
from enforcement.adapters.posting import SignedPoster
from enforcement.adapters.webhook import WebhookAdapter
from tests.enforcement.adapters.server import Gateway, answer, reset, running_gateway
from vigil.clock import SystemClock
from vigil.delivery import Delivery
from vigil.effect import EffectKind, Target
from vigil.errors import ConfigError
from vigil.local.process import free_port
from vigil.settings import EnforcementSettings, Settings
from vigil.signal import SubjectType

SECRET = "correct horse"
TIMEOUT_S = 10.0
HASTY_S = 0.4
"""For the tests that wait for it."""
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


def delivery(effect: EffectKind = EffectKind.THROTTLE, **parameters: object) -> Delivery:
    return Delivery(
        idempotency_key="act_1",
        action_id="act_1",
        at=NOW,
        effect=effect,
        parameters=parameters or {"rpm": 10},
        target=Target(SubjectType.ACCOUNT, "mallory", "acme"),
        policy="p",
        policy_version="v",
        incident_id="inc_1",
        reason="dispatch: every stage passed",
        expires_at=NOW + timedelta(hours=1),
    )


def poster(url: str, timeout_s: float = TIMEOUT_S) -> SignedPoster:
    return SignedPoster(url, SECRET, SystemClock(), timeout_s)


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with running_gateway() as running:
        yield running


POSTING: dict[str, Callable[..., Adapter]] = {
    "webhook": lambda url, timeout_s=TIMEOUT_S: WebhookAdapter(poster(url, timeout_s)),
    "page": lambda url, timeout_s=TIMEOUT_S: PageAdapter(poster(url, timeout_s), "http://console"),
}
ALL: dict[str, Callable[..., Adapter]] = {
    **POSTING,
    "page to the log": lambda url: PageAdapter(None, "http://console"),
    "log": lambda url: LogAdapter(),
    "recording": lambda url: RecordingAdapter(),
}


@pytest.fixture(params=sorted(ALL))
def adapter(request: pytest.FixtureRequest, gateway: Gateway) -> Adapter:
    return ALL[request.param](gateway.url)


@pytest.fixture(params=sorted(POSTING))
def posting(request: pytest.FixtureRequest, gateway: Gateway) -> Adapter:
    return POSTING[request.param](gateway.url)


class TestEveryAdapter:
    def test_confirms_every_effect_and_again_under_the_same_key(self, adapter: Adapter) -> None:
        for effect in EffectKind:
            sent = delivery(effect, receiver="oncall", severity="high", title="t", text="x\x1b[2J")
            assert isinstance(adapter.deliver(sent), Delivered)
            assert isinstance(adapter.deliver(sent), Delivered)

    def test_has_a_name_and_says_whether_it_waits(self, adapter: Adapter) -> None:
        assert adapter.name in ("log", "page", "recording", "webhook")
        assert adapter.waits is (isinstance(adapter, WebhookAdapter) or getattr(adapter, "_poster", None) is not None)


def never_answer(gateway: Gateway) -> Callable[[BaseHTTPRequestHandler], None]:
    def behave(handler: BaseHTTPRequestHandler) -> None:
        gateway.released.wait(30)

    return behave


def drip(gateway: Gateway, headers: bool) -> Callable[[BaseHTTPRequestHandler], None]:
    """A byte now and then: no single read is slow, the whole is."""

    def behave(handler: BaseHTTPRequestHandler) -> None:
        if not headers:
            handler.send_response(200)
            handler.send_header("Content-Length", "1000")
            handler.end_headers()
        else:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        while not gateway.released.wait(0.05):
            handler.wfile.write(b"x")
            handler.wfile.flush()

    return behave


class TestAdaptersThatPost:
    def test_what_is_posted_is_signed_and_carries_its_key(self, posting: Adapter, gateway: Gateway) -> None:
        posting.deliver(delivery())
        [request] = gateway.received
        verify_signature(SECRET, request.body, request.headers["Vigil-Signature"])
        assert request.headers["Idempotency-Key"] == "act_1"
        assert request.headers["Content-Type"] == "application/json"

    @pytest.mark.parametrize("status", [200, 201, 202, 204])
    def test_success_is_delivered(self, posting: Adapter, gateway: Gateway, status: int) -> None:
        gateway.behave = lambda handler: answer(handler, status)
        assert isinstance(posting.deliver(delivery()), Delivered)

    @pytest.mark.parametrize("status", [400, 404, 409, 410, 413, 422])
    def test_what_will_never_be_taken_is_refused(self, posting: Adapter, gateway: Gateway, status: int) -> None:
        gateway.behave = lambda handler: answer(handler, status, b'{"error": "no such\x1b[31m account"}')
        said = posting.deliver(delivery())
        assert isinstance(said, Refused)
        assert f'answered {status}: {{"error": "no such [31m account"}}' in said.reason

    @pytest.mark.parametrize("status", [301, 401, 403, 405, 407, 408, 418, 425, 429, 500, 502, 503, 504])
    def test_everything_else_is_tried_again(self, posting: Adapter, gateway: Gateway, status: int) -> None:
        gateway.behave = lambda handler: answer(handler, status, Location="http://127.0.0.1:1/")
        said = posting.deliver(delivery())
        assert isinstance(said, Unreachable)
        assert f"answered {status}" in said.reason
        assert said.retry_after is None
        assert len(gateway.received) == 1, "no redirect is followed"

    @pytest.mark.parametrize(
        ("header", "wait"),
        [
            ("7", timedelta(seconds=7)),
            ("999999", timedelta(hours=1)),
            ("soon", None),
            ("-5", None),
            (format_datetime(datetime(2001, 1, 1, tzinfo=UTC), usegmt=True), timedelta(0)),
            (format_datetime(datetime(2099, 1, 1, tzinfo=UTC), usegmt=True), timedelta(hours=1)),
        ],
    )
    def test_the_time_it_asks_for_is_kept(
        self, posting: Adapter, gateway: Gateway, header: str, wait: timedelta | None
    ) -> None:
        gateway.behave = lambda handler: answer(handler, 429, Retry_After=header)
        said = posting.deliver(delivery())
        assert isinstance(said, Unreachable)
        assert said.retry_after == wait

    @pytest.mark.parametrize("fault", ["silent", "headers that drip", "a body that drips"])
    @pytest.mark.parametrize("name", sorted(POSTING))
    def test_the_deadline_covers_the_whole_exchange(self, name: str, gateway: Gateway, fault: str) -> None:
        posting = POSTING[name](gateway.url, HASTY_S)
        gateway.behave = never_answer(gateway) if fault == "silent" else drip(gateway, headers="headers" in fault)
        started = time.monotonic()
        said = posting.deliver(delivery())
        assert time.monotonic() - started < HASTY_S + 5
        assert isinstance(said, Unreachable)
        assert said.reason.endswith("did not answer within 0.4 s")

    def test_a_reset_connection_is_tried_again(self, posting: Adapter, gateway: Gateway) -> None:
        gateway.behave = reset
        assert isinstance(posting.deliver(delivery()), Unreachable)

    def test_an_answer_that_is_not_http_is_tried_again(self, posting: Adapter, gateway: Gateway) -> None:
        def behave(handler: BaseHTTPRequestHandler) -> None:
            handler.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n")

        gateway.behave = behave
        assert isinstance(posting.deliver(delivery()), Unreachable)

    def test_an_endless_answer_is_not_read_to_its_end(self, posting: Adapter, gateway: Gateway) -> None:
        gateway.behave = lambda handler: answer(handler, 404, b"x" * 10_000_000)
        said = posting.deliver(delivery())
        assert isinstance(said, Refused)
        assert len(said.reason) < 300

    @pytest.mark.parametrize("name", sorted(POSTING))
    def test_nobody_there_and_no_such_host_are_tried_again(self, name: str) -> None:
        for url in (f"http://127.0.0.1:{free_port()}/", "http://no-such-host.invalid/", "http://h:99999/"):
            said = POSTING[name](url).deliver(delivery())
            assert isinstance(said, Unreachable)
            assert "cannot be reached" in said.reason


def test_the_webhook_posts_the_delivery_as_it_is(gateway: Gateway) -> None:
    WebhookAdapter(poster(gateway.url)).deliver(delivery())
    assert msgspec.json.decode(gateway.received[0].body, type=Delivery) == delivery()


def test_a_page_carries_its_text_and_a_link(gateway: Gateway) -> None:
    parameters = {"receiver": "oncall", "severity": "high", "title": "a ring", "text": "What: …"}
    PageAdapter(poster(gateway.url), "https://console.example/").deliver(delivery(EffectKind.PAGE, **parameters))
    page = msgspec.json.decode(gateway.received[0].body)
    assert page["link"] == "https://console.example/incident?id=inc_1"
    assert {name: page[name] for name in parameters} == parameters
    assert (page["incident_id"], page["action_id"], page["tenant_id"]) == ("inc_1", "act_1", "acme")
    without = msgspec.structs.replace(delivery(EffectKind.PAGE, **parameters), incident_id=None)
    document = PageAdapter(None, "https://console.example/").document(without)
    assert document["link"] == "https://console.example/actions?action=act_1"


def test_the_recording_adapter_keeps_each_key_once() -> None:
    adapters = make_recording_adapters(recorder := RecordingAdapter())
    for name in ("log", "webhook", "page"):
        adapters[name].deliver(delivery())
    assert recorder.delivered == [delivery()]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"adapter": "webhook"}, "VIGIL_ENFORCEMENT__WEBHOOK_URL is not set"),
        ({"webhook_url": "https://g"}, "enforcement.webhook_url is set, but VIGIL_ENFORCEMENT__WEBHOOK_SECRET is not"),
        ({"page_url": "https://g"}, "enforcement.page_url is set, but VIGIL_ENFORCEMENT__WEBHOOK_SECRET is not"),
        ({"page_url": "ftp://g", "webhook_secret": "s"}, "enforcement.page_url is no address: expected https"),
        ({"webhook_url": "http://[::1", "webhook_secret": "s"}, "enforcement.webhook_url is no address"),
    ],
)
def test_an_adapter_without_what_it_needs_is_a_wrong_setting(settings: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_adapters(Settings(enforcement=EnforcementSettings.model_validate(settings)))


def test_adapters_as_configured() -> None:
    bare = make_adapters(Settings())
    assert sorted(bare) == ["log", "page"]
    assert not bare["page"].waits
    settings = {"webhook_url": "https://g", "page_url": "https://p", "webhook_secret": "s"}
    full = make_adapters(Settings(enforcement=EnforcementSettings.model_validate(settings)))
    assert sorted(full) == ["log", "page", "webhook"]
    assert full["page"].waits
