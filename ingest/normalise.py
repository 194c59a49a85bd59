"""From the wire form to the event: required fields, times, identity, redaction, addresses. The same for every dialect."""

from __future__ import annotations

from datetime import datetime

from ingest import attributes as caps
from ingest.content import FreeText, redacted
from ingest.dialects.base import WireEvent, WireGuardrail
from ingest.enrich.addresses import AddressHasher
from ingest.enrich.agents import agent_family
from ingest.enrich.language import MAX_CHARS, language_and_script
from ingest.enrich.refusals import refused
from ingest.identity import event_id
from ingest.origin import Origin
from ingest.times import Window, check_window, instant
from vigil.errors import BadEvent
from vigil.event import Guardrail, InferenceEvent, last_user_text
from vigil.settings import IngestSettings

MAX_NAMES = 64
"""Tool names and finish reasons kept of one event."""

MAX_NAME_CHARS = 256
MAX_AGENT_CHARS = 1024

IGNORED_TENANT = "vigil.ignored_tenant_id"
"""The tenant a payload named that may not name one."""

UNREADABLE = "vigil.unreadable"
"""Optional fields whose value was no address or country; the event stands without them."""


class Normaliser:
    """Turns wire events into events. Deterministic: the same payload at the same moment gives the same event."""

    def __init__(self, settings: IngestSettings, hash_key: bytes, *, trust_tenant: bool) -> None:
        self._settings = settings
        self._trust_tenant = trust_tenant
        self._addresses = AddressHasher(hash_key)

    def event(
        self, wire: WireEvent, raw: bytes, origin: Origin, allowed: Window, *, authenticated: bool = False
    ) -> InferenceEvent:
        """The event of `wire`. Raises BadEvent when a required field is missing or a value makes no sense.

        `authenticated`: the tenant it names was proved by a token.
        """
        event_time = _required_time(wire, allowed)
        account_id = wire.account_id
        if not account_id:
            raise BadEvent(
                "missing_field",
                f"`account_id` is {'missing' if account_id is None else 'empty'};"
                " name the account that called, it is what detectors compare and policies act on",
            )
        notes = caps.as_text(wire.attributes) if wire.attributes else {}
        text = redacted(wire, notes)
        notes = text.attributes
        cut = _cut(text)
        tenant_id = self._tenant(wire, notes, trusted=authenticated or self._trust_tenant)
        source = wire.source or self._settings.default_source or origin.source
        unreadable: list[str] = []
        prefix_hash = address_hash = None
        if wire.client_ip:
            hashes = self._addresses.hashes(wire.client_ip)
            if hashes is None:
                unreadable.append("client_ip")
            else:
                prefix_hash, address_hash = hashes.prefix, hashes.address
        country = wire.client_country or None
        if country is not None and not (len(country) == 2 and country.isascii() and country.isalpha()):
            country = None
            unreadable.append("client_country")
        created = wire.account_created_at
        asked = last_user_text(text.input)
        language, script = language_and_script(asked[:MAX_CHARS]) if asked else (None, None)
        event = InferenceEvent(
            event_id=event_id(wire, raw, origin.index, tenant_id, source),
            event_time=event_time,
            tenant_id=tenant_id,
            source=source,
            account_id=account_id,
            schema_version=wire.schema_version or 1,
            environment=wire.environment,
            org_id=wire.org_id,
            api_key_hash=wire.api_key_hash,
            end_user_id=wire.end_user_id,
            session_id=wire.session_id,
            trace_id=wire.trace_id,
            span_id=wire.span_id,
            response_id=wire.response_id,
            operation=wire.operation,
            provider=wire.provider,
            request_model=wire.request_model,
            response_model=wire.response_model,
            input_tokens=wire.input_tokens,
            output_tokens=wire.output_tokens,
            cache_read_tokens=wire.cache_read_tokens,
            reasoning_tokens=wire.reasoning_tokens,
            cost_usd=wire.cost_usd,
            duration_ms=wire.duration_ms,
            ttft_ms=wire.ttft_ms,
            status=wire.status,
            error_type=text.error_type[:MAX_NAME_CHARS] if text.error_type else None,
            finish_reasons=_names(text.finish_reasons),
            refused=refused(wire.refused, text.finish_reasons, text.output),
            temperature=wire.temperature,
            tool_names=_names(text.tool_names),
            client_prefix_hash=prefix_hash,
            client_address_hash=address_hash,
            client_asn=wire.client_asn,
            client_country=country.upper() if country else None,
            user_agent=text.user_agent[:MAX_AGENT_CHARS] if text.user_agent else None,
            agent_family=agent_family(text.user_agent) if text.user_agent else None,
            email_domain=wire.email_domain,
            payment_fingerprint=wire.payment_fingerprint,
            account_created_at=None if created is None else instant(created, "account_created_at"),
            guardrail=_guardrail(wire.guardrail) if wire.guardrail is not None else None,
            system=text.system,
            input=text.input,
            output=text.output,
            language=language,
            script=script,
            attributes=notes,
        )
        if unreadable:
            notes[UNREADABLE] = ",".join(unreadable)
        if cut:
            notes[caps.CUT] = ",".join(cut)
        return event

    def _tenant(self, wire: WireEvent, notes: dict[str, str], *, trusted: bool) -> str:
        if not wire.tenant_id:
            return self._settings.default_tenant
        if trusted:
            return wire.tenant_id
        if wire.tenant_id != self._settings.default_tenant:
            notes[IGNORED_TENANT] = wire.tenant_id
        return self._settings.default_tenant


def _required_time(wire: WireEvent, allowed: Window) -> datetime:
    if wire.event_time is None:
        raise BadEvent(
            "missing_field", "`event_time` is missing; send when the call started, as RFC 3339 or a number since 1970"
        )
    moment = instant(wire.event_time, "event_time")
    check_window(moment, allowed)
    return moment


def _cut(text: FreeText) -> list[str]:
    """Fields that are longer than what is kept of them; attributes are cut here."""
    fields = []
    if text.user_agent and len(text.user_agent) > MAX_AGENT_CHARS:
        fields.append("user_agent")
    if text.error_type and len(text.error_type) > MAX_NAME_CHARS:
        fields.append("error_type")
    for field, names in (("finish_reasons", text.finish_reasons), ("tool_names", text.tool_names)):
        if names and (len(names) > MAX_NAMES or max(map(len, names)) > MAX_NAME_CHARS):
            fields.append(field)
    if text.attributes and caps.cut(text.attributes):
        fields.append("attributes")
    return fields


def _names(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name[:MAX_NAME_CHARS] for name in names[:MAX_NAMES]) if names else ()


def _guardrail(wire: WireGuardrail) -> Guardrail:
    return Guardrail(
        status=wire.status,
        categories=(wire.categories or ())[:MAX_NAMES],
        max_score=wire.max_score,
        action=wire.action,
    )
