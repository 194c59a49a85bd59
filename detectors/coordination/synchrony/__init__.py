"""Rings from (account, object, time): who touches the same things at the same times beyond what chance explains."""
