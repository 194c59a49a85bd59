"""Policies are data: YAML files with conditions in CEL over typed facts, checked when they are loaded."""

from enforcement.policies.loader import load_policies
from enforcement.policies.policy import Policy

__all__ = ["Policy", "load_policies"]
