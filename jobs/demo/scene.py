"""What the demonstration plays: which attacks and look-alikes, how much past, how fast."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from simulator.traffic import Simulation, simulate

_TUESDAY = 1


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """One performance. Times are simulated; `speed` is simulated seconds per real one."""

    attacks: tuple[str, ...] = ("template_campaign", "bulk_account")
    lookalikes: tuple[str, ...] = ("batch_job", "viral_prompt")
    seed: int = 3
    history: timedelta = timedelta(hours=60)
    length: timedelta = timedelta(minutes=60)
    calm: timedelta = timedelta(minutes=20)
    """Traffic that goes on afterwards while the last decisions are carried out."""
    speed: float = 66.0
    scale: str = "small"

    def origin(self, now: datetime) -> datetime:
        """The simulated moment at which the play begins: the latest Tuesday, 14:00 UTC, at which it would be over by now.

        Always the same weekday and hour, so that the same seed plays the same traffic whenever it is started.
        """
        midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        origin = midnight - timedelta(days=(midnight.weekday() - _TUESDAY) % 7) + timedelta(hours=14)
        return origin if origin + self.length + self.calm <= now else origin - timedelta(days=7)

    def simulation(self, origin: datetime) -> Simulation:
        """The past and the hour, with the truth."""
        return simulate(
            [*self.attacks, *self.lookalikes],
            seed=self.seed,
            start=origin - self.history,
            duration=self.history + self.length + self.calm,
            scale=self.scale,
            quiet=self.history,
            calm=self.calm,
        )
