"""Where calls come from. Every address lies in a range set aside for documentation, benchmarks or carrier NAT.

RFC 5737 (192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24), RFC 2544 (198.18.0.0/15), RFC 6598 (100.64.0.0/10),
RFC 3849 (2001:db8::/32); autonomous systems are private ones (RFC 6996).
"""

from __future__ import annotations

import msgspec

from simulator.dice import Dice

COUNTRIES = ("US", "DE", "GB", "IN", "FR", "BR", "JP", "ES", "CA", "NL", "PL", "AU", "MX", "SE", "SG")
"""Most common first."""

ZONES = {"US": -6, "DE": 1, "GB": 0, "IN": 5, "FR": 1, "BR": -3, "JP": 9, "ES": 1, "CA": -5, "NL": 1, "PL": 1, "AU": 10, "MX": -6, "SE": 1, "SG": 8}  # fmt: skip
"""Hours east of UTC; whole hours are enough for a daily cycle."""

_CARRIER_ASN, _HOME_ASN, _CLOUD_ASN, _OFFICE_ASN = 64_600, 64_700, 64_900, 65_000
_CLOUD_PREFIXES = 40


class Site(msgspec.Struct, frozen=True, gc=False):
    """A place calls come from: one /24 (or /48), its network and country. `hosts` > 1 is an address shared by NAT or a pool."""

    prefix: str
    asn: int
    country: str
    hosts: int

    def address(self, dice: Dice) -> str:
        """An address of this site."""
        host = 1 + dice.below(self.hosts)
        return f"{self.prefix}::{host:x}" if ":" in self.prefix else f"{self.prefix}.{host}"


def home(dice: Dice, country: str) -> Site:
    """A household: its own IPv6 /48, or an IPv4 /24 shared with strangers of the same access provider."""
    asn = _HOME_ASN + COUNTRIES.index(country)
    if dice.chance(0.55):
        return Site(f"2001:db8:{dice.below(65_536):x}", asn, country, 6)
    return Site(f"198.18.{dice.below(256)}", asn, country, 250)


def carrier(dice: Dice, country: str) -> Site:
    """A mobile carrier's NAT: few prefixes a country, many strangers behind each."""
    index = COUNTRIES.index(country)
    return Site(f"100.{64 + index * 4}.{dice.below(12)}", _CARRIER_ASN + index, country, 250)


def office(dice: Dice, country: str) -> Site:
    """A company or campus behind one address or a handful."""
    return Site(
        f"198.19.{_CLOUD_PREFIXES + dice.below(256 - _CLOUD_PREFIXES)}",
        _OFFICE_ASN + dice.below(400),
        country,
        dice.whole(1, 3),
    )


def campus() -> Site:
    """The network of a large school: two thousand people behind four addresses."""
    return Site("203.0.113", _OFFICE_ASN + 450, "US", 4)


def cloud(dice: Dice) -> Site:
    """A machine at a cloud provider: prefixes are shared by unrelated customers."""
    number = dice.below(_CLOUD_PREFIXES)
    return Site(f"198.19.{number}", _CLOUD_ASN + number % 4, ("US", "DE", "SG", "US")[number % 4], 250)


def proxy(dice: Dice) -> Site:
    """An exit of a commercial proxy: a few prefixes that privacy-minded people use as well."""
    return Site(dice.pick(("192.0.2", "198.51.100")), _CLOUD_ASN + 8, dice.pick(("NL", "SE", "US")), 200)
