"""Do accounts that share one band of their texts share the rest of them?

A band is the least (or greatest) hash of a text's shingles: two texts share it with the probability of their
resemblance (Broder 1997), but *which* shingle it is holds for all of them. Companies whose prompts begin with the same
phrase ("Extract … as JSON from this note:") share that phrase's band in most calls when its hash happens to be small,
however different the texts are. The other band and the template were not chosen for being shared, so how often two
principals agree in one or the other of *these* estimates how much their texts are alike.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from detectors.telemetry_handle import Telemetry

MIN_AGREEMENT = 0.1
"""Of pairs of calls by different principals this share agrees in the other band or in the template. Campaigns with
sentences reworded or slots in unlucky places show .17 and more; companies whose prompts begin alike .06 at most."""

TEMPLATE, LEAST_BAND, GREATEST_BAND = 1, 2, 3
"""The two low bits of a fingerprint in `template_minutes`: what it is of."""

# A principal's calls with one band, by what else they carry: the probability that a call of one principal and a call of
# another agree, over all pairs of principals, summed over the other kinds of print. Accounts of an organisation are one.
_AGREEMENT = """
SELECT tenant_id, band, sum(agreement) FROM (
    SELECT tenant_id, band, kind, sum(together) / greatest(max(principals) * (max(principals) - 1), 1) AS agreement FROM (
        SELECT tenant_id, band, kind, value, any(everybody) AS principals,
               pow(sum(share), 2) - sum(pow(share, 2)) AS together
        FROM (
            SELECT tenant_id, band, kind, value, principal,
                   calls / sum(calls) OVER (PARTITION BY tenant_id, band, kind, principal) AS share,
                   uniqExact(principal) OVER (PARTITION BY tenant_id, band, kind) AS everybody
            FROM (
                SELECT tenant_id, band, print.1 AS kind, print.2 AS value, principal, count() AS calls FROM (
                    SELECT tenant_id, if(org_id = '', account_id, concat('org ', org_id)) AS principal, prints,
                           arrayJoin(prints) AS own, bitOr(bitAnd(own.2, bitNot(toUInt64(3))), own.1) AS band
                    FROM (
                        SELECT tenant_id, org_id, account_id, arrayConcat(
                            [(toUInt64(1), template_fingerprint)],
                            arrayMap((hash, number) -> (toUInt64(number + 1), hash), template_bands, arrayEnumerate(template_bands))
                        ) AS prints
                        FROM events
                        WHERE event_time >= {start:DateTime64(6, 'UTC')} AND event_time < {end:DateTime64(6, 'UTC')}
                            AND tenant_id IN {tenants:Array(String)} AND account_id IN {accounts:Array(String)}
                            AND notEmpty(template_bands)
                    )
                    WHERE band IN {bands:Array(UInt64)}
                )
                ARRAY JOIN arrayFilter(print -> print.1 != band % 4, prints) AS print
                GROUP BY tenant_id, band, kind, value, principal
            )
        )
        GROUP BY tenant_id, band, kind, value
    )
    GROUP BY tenant_id, band, kind
)
GROUP BY tenant_id, band
"""

Users = Mapping[tuple[str, int], Collection[str]]
"""Accounts by (tenant, fingerprint)."""


def is_band(fingerprint: int) -> bool:
    """Whether a fingerprint of `template_minutes` is of a band, not of a whole text without its slots."""
    return fingerprint % 4 in (LEAST_BAND, GREATEST_BAND)


def read_mere_phrases(telemetry: Telemetry, start: datetime, end: datetime, users: Users) -> frozenset[tuple[str, int]]:
    """Those of the bands whose `users` have no more than a phrase in common.

    Fingerprints of whole templates are never among them. One query, whatever the number of bands.
    """
    bands = sorted(key for key in users if is_band(key[1]))
    if not bands:
        return frozenset()
    params = {
        "tenants": sorted({tenant for tenant, _ in bands}),
        "accounts": sorted({account for key in bands for account in users[key]}),
        "bands": sorted({fingerprint for _, fingerprint in bands}),
    }
    rows = telemetry.query(_AGREEMENT, params, start=start, end=end)
    alike = {(tenant, band) for tenant, band, agreement in rows if agreement >= MIN_AGREEMENT}
    return frozenset(key for key in bands if key not in alike)
