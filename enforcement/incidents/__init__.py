"""Incidents: what several signals say about the same thing, for people and policies to act on."""

from enforcement.incidents.correlator import Correlator

__all__ = ["Correlator"]
