"""What is fuzzed: every dialect through the whole pipeline, and the receiver from body to record to event.

Each target takes an input and returns its outcomes; it raises Lost when something of the input is neither an event nor
a dead letter nor refused to the sender's face.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ingest.columns import body_columns, dead_letter_columns, event_columns
from ingest.dialects import all_dialects, get_dialect
from ingest.dialects.received import Envelope, wrap
from ingest.origin import Origin
from ingest.outcome import Accepted, DeadLetter, Outcome
from ingest.receiver.bodies import decompressed
from ingest.receiver.forms import FORMS, Form, take_apart
from ingest.receiver.refusal import Refusal
from tests.ingest.events import NOW
from vigil.clock import SimulatedClock
from vigil.settings import Settings

Target = Callable[[bytes], tuple[Outcome, ...]]

ORIGIN = Origin(kafka_topic="fuzz", kafka_partition=0, kafka_offset=7, source="fuzz")
MAX_DECOMPRESSED_BYTES = 1 << 20
GZIP = b"\x1f\x8b"


class Lost(AssertionError):
    """Something of an input has vanished."""


def targets() -> Mapping[str, Target]:
    """By name: dialects under their own, the receiver's paths under theirs."""
    from ingest.pipeline import Pipeline

    # Any time is accepted, so that what comes after the check of the time is reached as well.
    settings = Settings(ingest={"max_age_days": 40_000, "max_future_minutes": 10**8})
    pipeline = Pipeline(settings, SimulatedClock(NOW), trust_tenant=True, hash_key=b"fuzz")

    def of_dialect(name: str) -> Target:
        return lambda raw: _through(pipeline, name, raw)

    def of_form(form: Form) -> Target:
        return lambda body: _received(pipeline, form, body, settings.ingest.max_event_bytes)

    return {
        **{name: of_dialect(name) for name in all_dialects()},
        **{form.path: of_form(form) for form in FORMS},
    }


def _through(pipeline: object, dialect: str, raw: bytes) -> tuple[Outcome, ...]:
    outcomes: tuple[Outcome, ...] = pipeline.accept(raw, ORIGIN, dialect)  # type: ignore[attr-defined]
    if [outcome.origin.index for outcome in outcomes] != list(range(len(outcomes))) or not outcomes:
        raise Lost(f"the outcomes of {dialect} are not numbered 0, 1, 2 ...: {outcomes}")
    accepted = [outcome for outcome in outcomes if isinstance(outcome, Accepted)]
    dead = [outcome for outcome in outcomes if isinstance(outcome, DeadLetter)]
    # What the writer makes of them, short of the server.
    event_columns(accepted)
    body_columns(accepted)
    dead_letter_columns(dead)
    if len(outcomes) > 1 and len(get_dialect(dialect).parts(raw)) != len(outcomes):
        raise Lost(f"{dialect} takes a payload of {len(outcomes)} events apart into another number of parts")
    return outcomes


def _received(pipeline: object, form: Form, body: bytes, max_event_bytes: int) -> tuple[Outcome, ...]:
    try:
        content = decompressed(body, MAX_DECOMPRESSED_BYTES) if body.startswith(GZIP) else body
        batch = take_apart(form, content, max_event_bytes=max_event_bytes)
    except Refusal as refusal:
        if not 400 <= refusal.status < 500:
            raise Lost(f"{form.path} blames itself for a body: {refusal}") from refusal
        return ()
    outcomes: list[Outcome] = []
    for payload in batch.payloads:
        made = _through(pipeline, "received", wrap(Envelope("acme", form.dialect), payload))
        strangers = [item for item in made if isinstance(item, Accepted) and item.event.tenant_id != "acme"]
        if strangers:
            raise Lost(f"an event of acme's token became one of {strangers[0].event.tenant_id!r}")
        outcomes += made
    return tuple(outcomes)
