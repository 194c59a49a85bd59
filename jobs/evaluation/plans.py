"""The fixed suites: which scenarios are played together, for how long, with which seeds.

Development seeds are for building detectors. Held-out seeds are for one question only, whether the figures hold on
traffic nobody looked at: change nothing because of what they show.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

DEVELOPMENT_SEEDS = (1, 2, 3)
HELD_OUT_SEEDS = (9001, 9002, 9003)

START = datetime(2026, 10, 5, 18, tzinfo=UTC)
"""A Monday evening, so that attacks fall into a working day. Fixed: the same plan is the same traffic on any day."""


class PlannedRun(msgspec.Struct, frozen=True, kw_only=True):
    """One simulation to replay: attacks begin after `quiet`. The detectors look every `tick`; a minute is the product's
    default, and costs five times as much."""

    cast: str
    scenarios: tuple[str, ...]
    seed: int
    scale: str = "small"
    quiet: timedelta = timedelta(hours=16)
    duration: timedelta = timedelta(hours=24)
    tick: timedelta = timedelta(minutes=5)

    @property
    def name(self) -> str:
        """Unique within a plan."""
        return f"{self.cast}-{self.seed}"


CASTS: Mapping[str, tuple[str, ...]] = {
    # What changes a model's events as a whole (quality, drift, metrics) plays once in each cast, so that no two mix.
    "rings": (
        "template_campaign",
        "distillation_ring",
        "sibling_drip",
        "free_tier_farm",
        "key_stuffing",
        "quality_regression",
        "class_assignment",
        "batch_job",
        "viral_prompt",
    ),
    "accounts": (
        "jailbreak_iteration",
        "bulk_account",
        "slow_bulk_harm",
        "disguised_requests",
        "key_theft",
        "metric_anomaly",
        "shared_address",
        "key_rotation",
        "security_staff",
    ),
    "models": (
        "injection_wave",
        "prompt_extraction",
        "data_leak",
        "diffuse_drift",
        "single_intent_drift",
        "source_silence",
        "red_team",
        "launch_day",
        "model_rollout",
    ),
}


def full(seeds: Sequence[int]) -> tuple[PlannedRun, ...]:
    """Every scenario once a seed."""
    return tuple(PlannedRun(cast=cast, scenarios=names, seed=seed) for seed in seeds for cast, names in CASTS.items())


PLANS: Mapping[str, tuple[PlannedRun, ...]] = {
    "development": full(DEVELOPMENT_SEEDS),
    "held-out": full(HELD_OUT_SEEDS),
    "slice": (
        PlannedRun(
            cast="slice",
            scenarios=("template_campaign", "bulk_account", "viral_prompt"),
            seed=DEVELOPMENT_SEEDS[2],
            quiet=timedelta(hours=2),
            duration=timedelta(hours=3, minutes=15),
            tick=timedelta(minutes=1),
        ),
    ),
}
