"""A back-test from stored incidents, labels and traffic."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from enforcement.backtest import report
from enforcement.backtest.course import Course, Setting, play
from enforcement.backtest.traffic import Share, Traffic
from enforcement.decide import Matched, accounts_to_look_up, matching
from enforcement.policies.index import PolicyIndex
from enforcement.policies.policy import Policy
from vigil.effect import Target
from vigil.incident import Incident
from vigil.permitted import PermittedPrincipals
from vigil.record import Record, incidents, labels
from vigil.warehouse.accounts import AccountDirectory, AccountFacts

_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Question:
    """Which policy on which history. `live`: the version it would replace; `others`: all policies beside it."""

    candidate: Policy
    live: Policy | None
    others: Sequence[Policy]
    since: datetime
    until: datetime
    tenant: str | None = None


class Backtest:
    """Answers questions about policies. Nothing is written and nothing goes out."""

    def __init__(
        self,
        record: Record,
        accounts: AccountDirectory,
        traffic: Traffic,
        protected: frozenset[str] = frozenset(),
        permitted: PermittedPrincipals | None = None,
    ) -> None:
        self._record = record
        self._accounts = accounts
        self._traffic = traffic
        self._protected = protected
        self._permitted = permitted or PermittedPrincipals()
        self._known: dict[tuple[str, datetime], dict[str, AccountFacts]] = {}

    def run(self, question: Question) -> dict[str, Any]:
        """The report. Raises WarehouseUnavailable and RecordUnavailable."""
        started = time.perf_counter()
        found, said = self._history(question)
        tenants = sorted({incident.tenant_id for incident in found})
        setting = Setting(
            self._protected,
            self._permitted,
            {tenant: self._accounts.count_active(tenant, question.until) for tenant in tenants},
        )
        candidate = Course(question.candidate, setting)
        live = None if question.live is None else Course(question.live, setting)
        if live is not None and live.policy.version == candidate.policy.version:
            live = candidate  # nothing changed
        others = [Course(policy, setting) for policy in question.others]
        courses = {course.policy.version_key: course for course in (candidate, *([live] if live else []), *others)}
        index = PolicyIndex([course.policy for course in courses.values()])
        matched = [matching(index.candidates(incident), incident, incident.updated_at) for incident in found]
        play(courses.values(), matched, self._facts(matched))
        totals = {tenant: self._traffic.totals(tenant, question.since, question.until) for tenant in tenants}
        shares = self._shares(report.hit(candidate.decided), question)
        return {
            **report.describe(question.candidate),
            "live_version": None if question.live is None else question.live.version,
            "since": question.since,
            "until": question.until,
            "events": sum(total.calls for total in totals.values()),
            "incidents": len(found),
            "incidents_matched": sum(1 for one in matched if question.candidate in one.policies),
            "decisions": report.by_effect(candidate.decided),
            "blast_radius": report.blast_radius(candidate.decided, shares, totals),
            "difference_to_live": None if live is None else report.difference(candidate.decided, live.decided),
            "overlap": report.overlap(candidate.decided, {one.policy.name: one.decided for one in others}),
            "precision": report.precision(candidate.decided, said),
            "precision_of_live": None if live is None else report.precision(live.decided, said),
            "top": report.top(candidate.decided, shares),
            "seconds": round(time.perf_counter() - started, 3),
        }

    def _history(self, question: Question) -> tuple[list[Incident], report.Labels]:
        with self._record.read() as connection:
            stored = incidents.list_incidents(connection, tenant=question.tenant, since=question.since, limit=None)
            of_incidents = labels.list_labels(connection, limit=None)
            of_subjects = labels.subject_labels(connection)
        found = [incident for incident in stored if incident.updated_at < question.until]
        said = report.Labels(
            {label.incident_id: label.verdict for label in of_incidents},
            {(label.incident_id, label.subject_id): label.verdict for label in of_subjects},
        )
        return sorted(found, key=lambda incident: (incident.updated_at, incident.incident_id)), said

    def _facts(self, matched: Sequence[Matched]) -> Callable[[Incident], Mapping[str, AccountFacts]]:
        """Account facts at an incident's time, looked up once for all incidents of a tenant and hour."""
        wanted: dict[tuple[str, datetime], set[str]] = {}
        for one in matched:
            wanted.setdefault(_hour(one.incident), set()).update(accounts_to_look_up(one))

        def at(incident: Incident) -> Mapping[str, AccountFacts]:
            key = _hour(incident)
            if key not in self._known:
                ids = wanted.get(key, set())
                # At the start of the hour: nothing later than the incident is read.
                self._known[key] = dict(self._accounts.lookup(key[0], ids, key[1])) if ids else {}
            return self._known[key]

        return at

    def _shares(self, targets: set[Target], question: Question) -> dict[Target, Share]:
        found: dict[Target, Share] = {}
        for tenant in {target.tenant_id for target in targets}:
            mine = [target for target in targets if target.tenant_id == tenant]
            found |= self._traffic.of(mine, question.since, question.until)
        return found


def _hour(incident: Incident) -> tuple[str, datetime]:
    return incident.tenant_id, incident.updated_at.replace(minute=0, second=0, microsecond=0)
