"""Every job: how often it runs, how long it may take, who owns it, and what it means when it fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from enforcement.checkpoints import Checkpointer
from jobs.deadman import call_deadman
from jobs.housekeeping import clean
from jobs.loop import Loop
from jobs.watching import watch_jobs
from vigil.errors import UsageError, VigilError
from vigil.settings import JobsSettings

_SHARE_OF_TURN = 0.6
"""How much of its turn the dispatcher looks on: what is decided meanwhile goes out at once."""


@dataclass(frozen=True)
class Job:
    """One job. `every` is in vigil's time (a demonstration's clock shortens it), `deadline` in real time."""

    name: str
    every: Callable[[JobsSettings], timedelta]
    deadline: timedelta
    owner: str
    does: str
    fails_as: str
    """What is not happening while it fails."""
    run: Callable[[Loop], str]
    """Does it and returns a line about what it did. Raises VigilError when it could not."""


def detect(loop: Loop) -> str:
    """One full turn, so that what is found is acted upon at once."""
    report = loop.tick()
    if report.errors:
        raise VigilError("; ".join(report.errors))
    return (
        f"{report.signals} signals, {report.placed} placed, {report.decided} decisions, {report.delivered} deliveries"
    )


def correlate(loop: Loop) -> str:
    """Signals that a turn left behind, and those that another process stored."""
    return f"{loop.correlate()} signals placed"


def enforce(loop: Loop) -> str:
    """Incidents that a person opened again, and those that a turn left behind."""
    return f"{loop.enforce()} decisions"


def dispatch(loop: Loop) -> str:
    """What a person approved or lifted, and what is to be tried again."""
    every = timedelta(seconds=loop.settings.jobs.dispatch_every_s)
    return f"{loop.dispatch_for(_SHARE_OF_TURN * loop.clock.real_seconds(every))} deliveries"


def lift(loop: Loop) -> str:
    """Effects whose time is over, and the delivery of their end."""
    lifted = loop.lift()
    if lifted:
        loop.dispatch()
    return f"{lifted} effects lifted"


def reconcile(loop: Loop) -> str:
    """What the gateway has in force against what the record has."""
    found = loop.reconcile()
    if found.missing or found.stray or found.over:
        loop.dispatch()
    if found.unread:
        raise VigilError("; ".join(found.unread))
    return f"{found.missing} missing effects delivered again, {found.stray} stray ones lifted, {found.over} refused ends mended"


def checkpoint(loop: Loop) -> str:
    """The day's signed head of the ledger."""
    taken = Checkpointer(loop.record, loop.clock, loop.settings).run_once()
    return "the day has its checkpoint" if taken is None else f"checkpoint {taken.seq}:{taken.hash}"


def alert(loop: Loop) -> str:
    """Pages that nobody took on, and alerts that are over."""
    paged = loop.alerts.run_once()
    if paged:
        loop.dispatch()
    return f"{paged} pages repeated, escalated or closed"


def watch(loop: Loop) -> str:
    """What is wrong with vigil itself: rules, detectors, jobs and lag."""
    paged = loop.watch.run_once() + watch_jobs(loop, CATALOGUE)
    if paged:
        loop.dispatch()
    return f"{paged} pages about vigil itself"


def deadman(loop: Loop) -> str:
    """Tell somebody outside that everything runs; its own job does not count."""
    return call_deadman(loop, [job for job in CATALOGUE if job.name != "deadman"])


CATALOGUE: tuple[Job, ...] = (
    Job(
        "detect",
        lambda settings: timedelta(seconds=settings.detect_every_s),
        timedelta(seconds=60),
        "detection",
        "runs due detectors; what they find becomes incidents, decisions and deliveries in the same turn",
        "new abuse and outages go unseen; what is in force stays in force",
        detect,
    ),
    Job(
        "correlate",
        lambda settings: timedelta(seconds=5 * settings.detect_every_s),
        timedelta(seconds=30),
        "detection",
        "puts signals into incidents that a turn of `detect` left behind",
        "signals wait in the record and no incident shows them",
        correlate,
    ),
    Job(
        "enforce",
        lambda settings: timedelta(seconds=settings.detect_every_s),
        timedelta(seconds=30),
        "trust-and-safety",
        "evaluates policies on incidents that changed or were opened again",
        "incidents show but no policy decides on them",
        enforce,
    ),
    Job(
        "dispatch",
        lambda settings: timedelta(seconds=settings.dispatch_every_s),
        timedelta(seconds=60),
        "trust-and-safety",
        "delivers effects and pages from the outbox",
        "decisions are made but neither effects nor pages go out",
        dispatch,
    ),
    Job(
        "lift",
        lambda settings: timedelta(seconds=settings.lift_every_s),
        timedelta(seconds=30),
        "trust-and-safety",
        "ends effects whose time is over",
        "people stay restricted for longer than was decided",
        lift,
    ),
    Job(
        "reconcile",
        lambda settings: timedelta(seconds=settings.reconcile_every_s),
        timedelta(minutes=2),
        "trust-and-safety",
        "compares what the gateway has in force with the record, both ways, and mends the difference",
        "an effect that the gateway lost, or has without reason, is not noticed",
        reconcile,
    ),
    Job(
        "alerts",
        lambda settings: timedelta(seconds=settings.alerts_every_s),
        timedelta(seconds=30),
        "trust-and-safety",
        "repeats and escalates pages that nobody took on, and closes those that are over",
        "a page that nobody saw is not said again, and nobody else is called in",
        alert,
    ),
    Job(
        "watch",
        lambda settings: timedelta(minutes=1),
        timedelta(seconds=30),
        "platform",
        "pages about vigil itself: quiet and noisy rules, sick detectors, jobs that fail, lag",
        "vigil goes blind or lame and says nothing of it",
        watch,
    ),
    Job(
        "checkpoint",
        lambda settings: timedelta(hours=1),
        timedelta(minutes=1),
        "trust-and-safety",
        "signs the head of the ledger once a day and takes it out of the database",
        "a ledger that somebody rewrites or cuts off does not show it",
        checkpoint,
    ),
    Job(
        "deadman",
        lambda settings: timedelta(minutes=1),
        timedelta(seconds=20),
        "platform",
        "calls `jobs.deadman_url` while all jobs are well",
        "somebody outside alarms, as is meant",
        deadman,
    ),
    Job(
        "housekeeping",
        lambda settings: timedelta(hours=1),
        timedelta(minutes=5),
        "platform",
        "deletes job runs older than 2 days and detector runs older than 30",
        "the record grows; nothing else suffers for weeks",
        clean,
    ),
)


def find(name: str) -> Job:
    """The job of that name. Raises UsageError naming those there are."""
    for job in CATALOGUE:
        if job.name == name:
            return job
    raise UsageError(f"there is no job {name!r}; jobs are {', '.join(job.name for job in CATALOGUE)}")
