"""The commands of this room; `vigil/cli.py` finds them here by name."""

from enforcement.commands import appeals, policy_checks, propose, undo
from enforcement.commands.accounts import accounts
from enforcement.commands.actions import actions
from enforcement.commands.alerts import alerts
from enforcement.commands.incidents import incidents
from enforcement.commands.labels import labels
from enforcement.commands.ledger import ledger
from enforcement.commands.policies import policies
from enforcement.commands.work import dispatch, enforce

__all__ = [
    "accounts",
    "actions",
    "alerts",
    "appeals",
    "dispatch",
    "enforce",
    "incidents",
    "labels",
    "ledger",
    "policies",
    "policy_checks",
    "propose",
    "undo",
]
