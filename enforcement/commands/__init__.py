"""The commands of this room; `vigil/cli.py` finds them here by name."""

from enforcement.commands import appeals, undo
from enforcement.commands.accounts import accounts
from enforcement.commands.actions import actions
from enforcement.commands.incidents import incidents
from enforcement.commands.labels import labels
from enforcement.commands.ledger import ledger
from enforcement.commands.policies import policies
from enforcement.commands.work import dispatch, enforce

__all__ = [
    "accounts",
    "actions",
    "appeals",
    "dispatch",
    "enforce",
    "incidents",
    "labels",
    "ledger",
    "policies",
    "undo",
]
