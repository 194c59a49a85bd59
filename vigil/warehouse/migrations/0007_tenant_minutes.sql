-- What each tenant sent and what was kept of it, minute by minute of receipt; written where body budgets are set.
CREATE TABLE IF NOT EXISTS tenant_minutes
(
    tenant_id LowCardinality(String),
    minute DateTime('UTC'),
    bodies SimpleAggregateFunction(sum, UInt64),
    body_bytes SimpleAggregateFunction(sum, UInt64),
    kept_bodies SimpleAggregateFunction(sum, UInt64),
    kept_bytes SimpleAggregateFunction(sum, UInt64)
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(minute)
ORDER BY (tenant_id, minute)
TTL minute + INTERVAL 400 DAY
SETTINGS non_replicated_deduplication_window = 10000;
