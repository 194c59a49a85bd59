"""One tree of errors, split by what the caller does about them.

    VigilError
    ├── UsageError                 the person typed or configured something wrong: exit status 2
    │   └── ConfigError            a setting or a policy file, named with its place
    ├── DependencyError            something outside is not there: wait and retry, or exit status 3
    │   ├── WarehouseUnavailable   ClickHouse
    │   ├── BrokerUnavailable      Kafka
    │   ├── RecordUnavailable      the transactional record
    │   └── WorkspaceError         disk full, not writable, already locked, port taken
    ├── BadEvent                   this one event goes to the dead letters; the others go on
    ├── WarehouseRejected          ClickHouse refuses these rows: bisect, never retry as they are
    ├── TooManyBadEvents           a producer is broken: stop its partition and say so
    ├── DeadLetterStoreError       dead letters cannot be stored: stop, nothing may be skipped
    └── IntegrityError             the record contradicts itself (a broken ledger chain): stop and page

Every message says what happened, where, and what to do.
"""

from __future__ import annotations

EXIT_DONE = 0
EXIT_FINDING = 1
EXIT_USAGE = 2
EXIT_DEPENDENCY = 3


class VigilError(Exception):
    """Base of all errors that vigil raises on purpose."""

    exit_code = EXIT_FINDING


class UsageError(VigilError):
    """Wrong use or bad input: the person has to change something."""

    exit_code = EXIT_USAGE


class ConfigError(UsageError):
    """A setting or a policy file is wrong; the message names the file and the line or key."""


class DependencyError(VigilError):
    """Something outside vigil is not reachable; trying again later can help."""

    exit_code = EXIT_DEPENDENCY


class WarehouseUnavailable(DependencyError):
    """ClickHouse does not answer."""


class BrokerUnavailable(DependencyError):
    """Kafka does not answer."""


class RecordUnavailable(DependencyError):
    """The transactional record (SQLite or PostgreSQL) does not answer."""


class WorkspaceError(DependencyError):
    """The workspace folder cannot be used: not writable, full, locked by another process, or a port is taken."""


class BadEvent(VigilError):
    """One event cannot be accepted; `str(error)` is the sentence stored as the dead letter's reason."""

    def __init__(self, error_class: str, reason: str) -> None:
        super().__init__(reason)
        self.error_class = error_class
        """Short stable name, for grouping and metrics: `malformed_json`, `time_out_of_range` ..."""


class WarehouseRejected(VigilError):
    """ClickHouse refuses these rows; the same rows will be refused again."""

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        """The server's error code; None when the driver could not even encode the rows."""


class TooManyBadEvents(VigilError):
    """The share or run of bad events on one partition is above the limit."""


class DeadLetterStoreError(VigilError):
    """The dead-letter table cannot be written; going on would drop events silently."""

    exit_code = EXIT_DEPENDENCY


class IntegrityError(VigilError):
    """The record contradicts itself."""
