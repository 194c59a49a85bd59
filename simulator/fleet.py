"""The models that are called and the software that calls them."""

from __future__ import annotations

import msgspec

from simulator.dice import Dice


class Model(msgspec.Struct, frozen=True, gc=False):
    """A model family at one size. Prices in US dollars per million tokens; `speed` in output tokens per second."""

    name: str
    provider: str
    versions: tuple[str, ...]
    input_price: float
    output_price: float
    ttft_ms: float
    speed: float
    reasons: bool = False

    def version(self, rolled_out: float, dice: Dice) -> str:
        """The version that answers: the newest with probability `rolled_out`, else the one before."""
        return self.versions[-1 if dice.chance(rolled_out) else -2]


MODELS = (
    Model("halden-small", "halden", ("halden-small-0311", "halden-small-0702"), 0.2, 0.8, 220, 140),
    Model("halden-large", "halden", ("halden-large-0409", "halden-large-0815"), 2.5, 10.0, 480, 70),
    Model("halden-think", "halden", ("halden-think-0520", "halden-think-0910"), 4.0, 16.0, 1900, 60, reasons=True),
    Model("mirea-chat", "mirea", ("mirea-chat-1.4", "mirea-chat-1.5"), 0.6, 2.4, 350, 95),
    Model("mirea-mini", "mirea", ("mirea-mini-1.4", "mirea-mini-1.5"), 0.1, 0.4, 160, 190),
)  # fmt: skip

_SDK_VERSIONS = ("2.14.1", "2.14.0", "2.13.2", "2.11.0", "2.9.4", "2.6.0", "1.88.0", "1.71.3", "1.52.0")
_RUNTIMES = ("python/3.12", "python/3.11", "python/3.13", "node/22.9", "node/20.17", "go/1.23", "java/21", "rust/1.84")
_APP_VERSIONS = ("7.31", "7.30", "7.28", "7.22", "6.90", "6.41")
_PLATFORMS = ("web; chrome", "ios 19.1", "android 16", "web; firefox", "web; safari", "macos 16.2", "windows 11")
_SCRIPTS = ("curl/8.10.1", "python-requests/2.32", "aiohttp/3.11", "okhttp/5.0", "axios/1.7")


def sdk_agent(dice: Dice) -> str:
    """User agent of a program: an SDK and its runtime, sometimes a bare HTTP client."""
    if dice.chance(0.12):
        return dice.zipf(_SCRIPTS)
    return f"model-sdk/{dice.zipf(_SDK_VERSIONS)} ({dice.zipf(_RUNTIMES)})"


def app_agent(dice: Dice) -> str:
    """User agent of a person in the chat application."""
    return f"ChatApp/{dice.zipf(_APP_VERSIONS)} ({dice.zipf(_PLATFORMS)})"
