-- Vectors of what users wrote. One row for each distinct text (tenant, fingerprint), encoder and day; events find theirs
-- by tenant, day and text_fingerprint. By the day, so that nobody who reads a few hours has to search all of history,
-- and so that vectors expire like the events they belong to.

CREATE TABLE IF NOT EXISTS embeddings
(
    tenant_id LowCardinality(String),
    -- Name and version (`static/4dfcfdd32755`): vectors of two encoders are never compared.
    encoder LowCardinality(String),
    -- Of the first event with this text that the worker saw on this day.
    event_time DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    text_fingerprint UInt64,
    -- By the server's clock: in a replay vigil's own may stand a year ago, and the row would expire at once.
    embedded_at DateTime64(6, 'UTC') DEFAULT now64(6) CODEC(Delta, ZSTD(1)),
    -- Little-endian bfloat16 values one after another: clickhouse-driver knows no BFloat16 and encodes lists of floats
    -- five times slower than it sends bytes. Read `vec` through arrayMap(x -> toFloat32(x), vec).
    vec_bytes String EPHEMERAL '',
    vec Array(BFloat16) DEFAULT reinterpret(vec_bytes, 'Array(BFloat16)')
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(event_time)
ORDER BY (tenant_id, encoder, event_time, text_fingerprint)
-- Text can be guessed back from its vector, so vectors do not outlive their use: reference windows are a few weeks long.
TTL toDateTime(embedded_at) + INTERVAL 90 DAY
-- Small granules: vectors are picked by fingerprint, and each pick reads a granule.
SETTINGS non_replicated_deduplication_window = 10000, index_granularity = 1024;
