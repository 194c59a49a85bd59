"""Alerts: when pages go out, are repeated, escalate or stay silent, and what vigil pages about itself."""
