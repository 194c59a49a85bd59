"""What the ledger is turned into for others: statements of reasons, and counts for transparency reports."""
