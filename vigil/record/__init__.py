"""The record: incidents, decisions, ledger, outbox, labels and job runs, in one transactional database."""

from vigil.record.engine import Record, connect, open_record, revisions, sqlite_url

__all__ = ["Record", "connect", "open_record", "revisions", "sqlite_url"]
