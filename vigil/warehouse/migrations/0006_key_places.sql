-- From where each API key is used: network and program, by the hour. What changes hands shows here first.
CREATE TABLE IF NOT EXISTS key_places
(
    tenant_id LowCardinality(String),
    hour DateTime('UTC'),
    api_key_hash String,
    client_asn UInt32,
    user_agent String,
    account_id SimpleAggregateFunction(max, String),
    org_id SimpleAggregateFunction(max, String),
    calls SimpleAggregateFunction(sum, UInt64),
    failures SimpleAggregateFunction(sum, UInt64),
    first_seen SimpleAggregateFunction(min, DateTime64(6, 'UTC')),
    last_seen SimpleAggregateFunction(max, DateTime64(6, 'UTC')),
    INDEX key_filter api_key_hash TYPE bloom_filter GRANULARITY 4
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(hour)
ORDER BY (tenant_id, hour, api_key_hash, client_asn, user_agent)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS key_places_view TO key_places AS
SELECT
    tenant_id,
    toStartOfHour(event_time) AS hour,
    api_key_hash,
    ifNull(events.client_asn, 0) AS client_asn,
    user_agent,
    max(account_id) AS account_id,
    max(org_id) AS org_id,
    count() AS calls,
    countIf(status = 'error') AS failures,
    min(event_time) AS first_seen,
    max(event_time) AS last_seen
FROM events
WHERE api_key_hash != ''
GROUP BY tenant_id, hour, api_key_hash, client_asn, user_agent;
