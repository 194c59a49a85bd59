"""Pages to PagerDuty and through Apprise: which receiver, what is said, and what happens when one does not answer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from pydantic import SecretStr

from enforcement.adapters import Answer, Delivered, Refused, Unreachable, make_adapters
from enforcement.adapters.channels import AppriseChannel, harmless
from enforcement.adapters.page import PageAdapter
from enforcement.adapters.pagerduty import PagerDutyChannel
from tests.enforcement.adapters.server import Gateway, answer, running_gateway
from vigil.clock import SystemClock
from vigil.delivery import Delivery
from vigil.effect import EffectKind, Target
from vigil.errors import ConfigError
from vigil.settings import EnforcementSettings, Settings
from vigil.signal import SubjectType


@pytest.fixture
def server() -> Iterator[Gateway]:
    with running_gateway() as running:
        yield running


def page(receiver: str = "oncall", **parameters: Any) -> Delivery:
    return Delivery(
        idempotency_key="act_1",
        action_id="act_1",
        at=datetime(2026, 11, 1, 12, tzinfo=UTC),
        effect=EffectKind.PAGE,
        parameters={"receiver": receiver, "severity": "high", "title": "a ring", "text": "What: …", **parameters},
        target=Target(SubjectType.ACCOUNT, "mallory", "acme"),
        policy="p",
        policy_version="v",
        incident_id="inc_1",
        reason="",
    )


def pagerduty(server: Gateway, **keys: str) -> PagerDutyChannel:
    return PagerDutyChannel(server.url, {name: SecretStr(key) for name, key in keys.items()}, SystemClock(), 10.0)


class TestPagerDuty:
    def test_an_incident_is_one_pagerduty_incident_that_opens_and_closes(self, server: Gateway) -> None:
        server.behave = lambda handler: answer(handler, 202)
        adapter = PageAdapter(None, "https://console", [pagerduty(server, oncall="R1")])
        assert isinstance(adapter.deliver(page()), Delivered)
        assert isinstance(adapter.deliver(page(status="resolved")), Delivered)
        opened, closed = (json.loads(one.body) for one in server.received)
        assert (opened["routing_key"], opened["event_action"], opened["dedup_key"]) == ("R1", "trigger", "inc_1")
        assert opened["payload"]["severity"] == "error"
        assert opened["payload"]["summary"] == "a ring"
        assert opened["links"][0]["href"] == "https://console/incident?id=inc_1"
        assert closed == {"routing_key": "R1", "event_action": "resolve", "dedup_key": "inc_1"}

    @pytest.mark.parametrize(
        ("status", "kind"), [(400, Refused), (429, Unreachable), (500, Unreachable), (403, Unreachable)]
    )
    def test_refused_is_told_from_not_reachable(self, server: Gateway, status: int, kind: type) -> None:
        server.behave = lambda handler: answer(handler, status)
        said = PageAdapter(None, "https://console", [pagerduty(server, oncall="R1")]).deliver(page())
        assert isinstance(said, kind)

    def test_a_receiver_without_a_key_goes_to_the_log_or_to_the_one_for_all_others(self, server: Gateway) -> None:
        said = PageAdapter(None, "https://console", [pagerduty(server, oncall="R1")]).deliver(page("other"))
        assert isinstance(said, Delivered)
        assert "written to the log" in said.detail
        assert server.received == []
        PageAdapter(None, "https://console", [pagerduty(server, **{"*": "R2"})]).deliver(page("other"))
        assert json.loads(server.received[0].body)["routing_key"] == "R2"


# A plug-in of Apprise imports a module that Python 3.11 calls deprecated.
@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
class TestApprise:
    def channel(self, server: Gateway, *more: str) -> AppriseChannel:
        url = server.url.replace("http://", "json://")
        return AppriseChannel({"oncall": SecretStr(" ".join([url, *more]))})

    def test_title_text_and_link_arrive_and_call_nobody_together(self, server: Gateway) -> None:
        adapter = PageAdapter(None, "https://console", [self.channel(server)])
        assert isinstance(adapter.deliver(page(title="@everyone <!channel> look")), Delivered)
        sent = json.loads(server.received[0].body)
        assert "@everyone" not in sent["title"]
        assert "<!channel>" not in sent["title"]
        assert "https://console/incident?id=inc_1" in sent["message"]

    def test_who_took_it_is_not_asked_again_when_another_did_not(self, server: Gateway) -> None:
        with running_gateway() as broken:
            broken.behave = lambda handler: answer(handler, 503)
            channel = self.channel(server, broken.url.replace("http://", "json://"))
            adapter = PageAdapter(None, "https://console", [channel])
            said = adapter.deliver(page())
            assert isinstance(said, Unreachable)
            broken.behave = lambda handler: answer(handler, 200)
            assert isinstance(adapter.deliver(page()), Delivered)
        assert len(server.received) == 1

    def test_the_end_of_an_incident_wakes_nobody(self, server: Gateway) -> None:
        PageAdapter(None, "https://console", [self.channel(server)]).deliver(page(status="resolved"))
        assert server.received == []

    def test_an_address_that_is_none_is_said_without_showing_it(self) -> None:
        settings = Settings(
            enforcement=EnforcementSettings(channels={"oncall": SecretStr("nonsense://user:hunter2@x")})
        )
        with pytest.raises(ConfigError, match="receiver 'oncall'") as wrong:
            make_adapters(settings)
        assert "hunter2" not in str(wrong.value)

    def test_ordinary_text_stays_as_it_is(self) -> None:
        assert harmless("3 accounts act as one <b>") == "3 accounts act as one <b>"


class Fixed:
    """A channel that answers what it is told to."""

    name = "fixed"

    def __init__(self, said: Answer) -> None:
        self.said = said

    def takes(self, receiver: str) -> bool:
        return True

    def send(self, key: str, page: Mapping[str, Any]) -> Answer:
        return self.said


@pytest.mark.parametrize(
    ("answers", "kind"),
    [
        ([Delivered("a"), Refused("b")], Delivered),
        ([Delivered("a"), Unreachable("b")], Unreachable),
        ([Refused("a"), Unreachable("b")], Unreachable),
        ([Refused("a"), Refused("b")], Refused),
    ],
)
def test_a_page_is_sent_while_one_channel_has_it_and_none_is_away(answers: list[Answer], kind: type) -> None:
    said = PageAdapter(None, "https://console", [Fixed(one) for one in answers]).deliver(page())
    assert isinstance(said, kind)
    assert msgspec.json.encode(said)
