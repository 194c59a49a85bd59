"""What the database itself refuses, whatever code or person writes to it: triggers on SQLite and PostgreSQL.

* The ledger, its checkpoints, approvals and policy versions are append-only.
* A held action goes out only with as many persons' approvals as it needs, and that number cannot be lowered while it
  waits. Proposer and approver of one action are two persons by the primary key of `approvals`.
* An appeal is decided once, and not by who proposed or approved what it is about.
"""

from __future__ import annotations

from collections.abc import Iterator

_APPEND_ONLY = {
    "ledger": "the ledger is append-only",
    "ledger_checkpoints": "checkpoints of the ledger are append-only",
    "approvals": "approvals are append-only",
    "policy_versions": "a version of a policy never changes",
}

_APPROVED = "(SELECT count(*) FROM approvals WHERE action_id = OLD.action_id AND verdict = 'approved')"

_RULES: tuple[tuple[str, str, str, str], ...] = (
    (
        "actions_released_by_persons",
        "actions",
        f"OLD.state = 'held' AND NEW.state IN ('dispatched', 'confirmed') AND "
        f"({_APPROVED} < OLD.approvals_needed OR {_APPROVED} = 0)",
        "a held action goes out only when enough persons have approved it",
    ),
    (
        "actions_approvals_stay",
        "actions",
        "OLD.state = 'held' AND NEW.state = 'held' AND NEW.approvals_needed < OLD.approvals_needed",
        "the number of persons who must approve a held action cannot be lowered",
    ),
    (
        "appeals_decided_once",
        "appeals",
        "OLD.decided_by IS NOT NULL",
        "an appeal is decided once",
    ),
    (
        "appeals_by_another_person",
        "appeals",
        "NEW.decided_by IS NOT NULL AND EXISTS (SELECT 1 FROM approvals WHERE action_id = NEW.action_id "
        "AND actor = NEW.decided_by AND verdict IN ('proposed', 'approved'))",
        "an appeal is decided by another person than the one who proposed or approved the action",
    ),
)
"""(trigger, table, when an update is refused, what it says)"""


def guards(dialect: str) -> Iterator[str]:
    """The statements that create the triggers on `sqlite` or `postgresql`."""
    return _sqlite() if dialect == "sqlite" else _postgresql()


def _sqlite() -> Iterator[str]:
    for table, message in _APPEND_ONLY.items():
        for verb in ("UPDATE", "DELETE"):
            yield (
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
            )
    for name, table, condition, message in _RULES:
        yield (
            f"CREATE TRIGGER {name} BEFORE UPDATE ON {table} WHEN {condition} "
            f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
        )


def _postgresql() -> Iterator[str]:
    for table, message in _APPEND_ONLY.items():
        yield (
            f"CREATE FUNCTION {table}_append_only() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{message}'; END $$"
        )
        yield (
            f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_append_only()"
        )
    for name, table, condition, message in _RULES:
        yield (
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN IF {condition} THEN RAISE EXCEPTION '{message}'; END IF; RETURN NEW; END $$"
        )
        yield f"CREATE TRIGGER {name} BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()"
