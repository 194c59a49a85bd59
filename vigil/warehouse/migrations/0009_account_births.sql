-- Accounts by the hour of their making, as their first week's calls tell it: who signed up together, under which mail
-- domain, from where. One row an account.
CREATE TABLE IF NOT EXISTS account_births
(
    tenant_id LowCardinality(String),
    created_at DateTime('UTC'),
    account_id String,
    org_id SimpleAggregateFunction(max, String),
    email_domain SimpleAggregateFunction(max, String),
    first_seen SimpleAggregateFunction(min, DateTime64(6, 'UTC'))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(created_at)
ORDER BY (tenant_id, created_at, account_id)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS account_births_view TO account_births AS
SELECT
    tenant_id,
    toDateTime(assumeNotNull(account_created_at), 'UTC') AS created_at,
    account_id,
    max(org_id) AS org_id,
    max(email_domain) AS email_domain,
    min(event_time) AS first_seen
FROM events
WHERE account_created_at IS NOT NULL AND event_time < account_created_at + INTERVAL 7 DAY
GROUP BY tenant_id, created_at, account_id;
