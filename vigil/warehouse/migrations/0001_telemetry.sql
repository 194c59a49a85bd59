-- Telemetry. Deduplication is off on plain MergeTree unless a window is set, and a materialized view's target needs
-- its own: every table that an insert reaches sets one.

CREATE TABLE IF NOT EXISTS events
(
    event_id UUID,
    event_time DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    received_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    schema_version UInt16 DEFAULT 1,
    tenant_id LowCardinality(String),
    environment LowCardinality(String) DEFAULT '',
    source LowCardinality(String),
    org_id String DEFAULT '',
    account_id String,
    api_key_hash String DEFAULT '',
    end_user_id String DEFAULT '',
    session_id String DEFAULT '',
    trace_id String DEFAULT '',
    span_id String DEFAULT '',
    response_id String DEFAULT '',
    operation LowCardinality(String) DEFAULT '',
    provider LowCardinality(String) DEFAULT '',
    request_model LowCardinality(String) DEFAULT '',
    response_model LowCardinality(String) DEFAULT '',
    input_tokens Nullable(UInt32),
    output_tokens Nullable(UInt32),
    cache_read_tokens Nullable(UInt32),
    reasoning_tokens Nullable(UInt32),
    cost_usd Nullable(Float64),
    duration_ms Nullable(UInt32),
    ttft_ms Nullable(UInt32),
    status LowCardinality(String) DEFAULT '',
    error_type LowCardinality(String) DEFAULT '',
    finish_reasons Array(LowCardinality(String)),
    refused Nullable(Bool),
    temperature Nullable(Float64),
    tool_names Array(LowCardinality(String)),
    client_prefix_hash String DEFAULT '',
    client_address_hash String DEFAULT '',
    client_asn Nullable(UInt32),
    client_country LowCardinality(String) DEFAULT '',
    user_agent String DEFAULT '',
    email_domain String DEFAULT '',
    payment_fingerprint String DEFAULT '',
    account_created_at Nullable(DateTime64(6, 'UTC')),
    guardrail Tuple(status String, categories Array(String), max_score Nullable(Float64), action String),
    attributes Map(LowCardinality(String), String),
    kafka_topic LowCardinality(String) DEFAULT '',
    kafka_partition Int32 DEFAULT -1,
    kafka_offset Int64 DEFAULT -1,
    -- The text itself is not stored here: ClickHouse computes the fingerprints at insert and forgets it.
    last_user_text String EPHEMERAL '',
    has_content Bool DEFAULT last_user_text != '',
    text_fingerprint UInt64 DEFAULT if(last_user_text = '', 0, sipHash64(splitByWhitespace(lowerUTF8(last_user_text)))),
    -- The words of the text with what varies inside a template (numbers, quotations, addresses) replaced by a mark.
    template_fingerprint UInt64 DEFAULT if(NOT is_substantial, 0, sipHash64(splitByNonAlpha(replaceRegexpAll(lowerUTF8(last_user_text), '("[^"]*"|\'[^\']*\'|https?://\\S+|\\S*[0-9@]\\S*)', '¤')))),
    -- Near duplicates share a band with the probability of their resemblance: the least and the greatest hash of their
    -- 3-word shingles (Broder 1997), of 4-letter shingles where a script writes no spaces. The unused one of the two
    -- hashes gets an empty text: defaults are computed without short cuts.
    -- "Thanks, go on" has no author: too little text to say that two accounts took it from the same place.
    is_substantial Bool EPHEMERAL lengthUTF8(last_user_text) >= if(is_unspaced, 15, 40),
    is_unspaced Bool EPHEMERAL (countSubstrings(last_user_text, ' ') + 1) * 16 < lengthUTF8(last_user_text),
    template_bands Array(UInt64) DEFAULT if(NOT is_substantial, [], arrayMap(
        (words, letters) -> arrayFilter(band -> band != 0, if(is_unspaced, [letters.1, letters.2], [words.1, words.2])),
        [wordShingleMinHashCaseInsensitiveUTF8(if(is_unspaced, '', last_user_text), 3, 1)],
        [ngramMinHashCaseInsensitiveUTF8(if(is_unspaced, last_user_text, ''), 4, 1)])[1]),
    INDEX event_id_filter event_id TYPE bloom_filter GRANULARITY 4,
    INDEX account_filter account_id TYPE bloom_filter GRANULARITY 4
)
ENGINE = ReplacingMergeTree(received_at)
PARTITION BY toYYYYMMDD(event_time)
ORDER BY (tenant_id, toStartOfHour(event_time), account_id, event_id)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS bodies
(
    event_id UUID,
    event_time DateTime64(6, 'UTC'),
    received_at DateTime64(6, 'UTC'),
    tenant_id LowCardinality(String),
    account_id String,
    redaction_version UInt16,
    system String CODEC(ZSTD(3)),
    input String CODEC(ZSTD(3)),
    output String CODEC(ZSTD(3))
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(event_time)
ORDER BY (tenant_id, event_id)
-- Counted from receipt: history that is imported late keeps its text as long as new traffic does.
TTL toDateTime(received_at) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS dead_letters
(
    dead_letter_id UUID,
    at DateTime64(6, 'UTC'),
    kafka_topic LowCardinality(String) DEFAULT '',
    kafka_partition Int32 DEFAULT -1,
    kafka_offset Int64 DEFAULT -1,
    file String DEFAULT '',
    line Int64 DEFAULT -1,
    error_class LowCardinality(String),
    reason String,
    raw String CODEC(ZSTD(3)),
    code_version LowCardinality(String),
    schema_version UInt16,
    dialect LowCardinality(String) DEFAULT 'canonical'
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(at)
ORDER BY (at, dead_letter_id)
SETTINGS non_replicated_deduplication_window = 10000;

-- A requeued dead letter leaves `dead_letters`, so that every record stands either there or in `events`; that it was
-- there once is remembered here, without its bytes.
CREATE TABLE IF NOT EXISTS requeued_letters
(
    dead_letter_id UUID,
    requeued_at DateTime64(6, 'UTC'),
    at DateTime64(6, 'UTC'),
    kafka_topic LowCardinality(String) DEFAULT '',
    kafka_partition Int32 DEFAULT -1,
    kafka_offset Int64 DEFAULT -1,
    file String DEFAULT '',
    line Int64 DEFAULT -1,
    error_class LowCardinality(String),
    reason String
)
ENGINE = ReplacingMergeTree(requeued_at)
PARTITION BY toYYYYMM(requeued_at)
ORDER BY dead_letter_id
SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS account_hours
(
    tenant_id LowCardinality(String),
    hour DateTime('UTC'),
    account_id String,
    org_id SimpleAggregateFunction(max, String),
    calls SimpleAggregateFunction(sum, UInt64),
    input_tokens SimpleAggregateFunction(sum, UInt64),
    output_tokens SimpleAggregateFunction(sum, UInt64),
    cost_usd SimpleAggregateFunction(sum, Float64),
    refusals SimpleAggregateFunction(sum, UInt64),
    errors SimpleAggregateFunction(sum, UInt64),
    first_seen SimpleAggregateFunction(min, DateTime64(6, 'UTC')),
    last_seen SimpleAggregateFunction(max, DateTime64(6, 'UTC')),
    prefixes AggregateFunction(uniq, String),
    agents AggregateFunction(uniq, String),
    fingerprints AggregateFunction(uniq, UInt64),
    INDEX account_filter account_id TYPE bloom_filter GRANULARITY 4
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(hour)
ORDER BY (tenant_id, hour, account_id)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS account_hours_view TO account_hours AS
SELECT
    tenant_id,
    toStartOfHour(event_time) AS hour,
    account_id,
    max(org_id) AS org_id,
    count() AS calls,
    sum(ifNull(toUInt64(events.input_tokens), 0)) AS input_tokens,
    sum(ifNull(toUInt64(events.output_tokens), 0)) AS output_tokens,
    sum(ifNull(events.cost_usd, 0.)) AS cost_usd,
    countIf(refused) AS refusals,
    countIf(status = 'error') AS errors,
    min(event_time) AS first_seen,
    max(event_time) AS last_seen,
    uniqState(client_prefix_hash) AS prefixes,
    uniqState(user_agent) AS agents,
    uniqState(text_fingerprint) AS fingerprints
FROM events
GROUP BY tenant_id, hour, account_id;

CREATE TABLE IF NOT EXISTS source_minutes
(
    tenant_id LowCardinality(String),
    minute DateTime('UTC'),
    source LowCardinality(String),
    calls SimpleAggregateFunction(sum, UInt64),
    with_content SimpleAggregateFunction(sum, UInt64)
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(minute)
ORDER BY (tenant_id, source, minute)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS source_minutes_view TO source_minutes AS
SELECT tenant_id, toStartOfMinute(event_time) AS minute, source, count() AS calls, countIf(has_content) AS with_content
FROM events
GROUP BY tenant_id, minute, source;

-- Who used which template when. The two low bits of a fingerprint say what it is of: 1 the template, 2 its least band,
-- 3 its greatest, so that a call counts once in each kind. Fingerprint 0 counts all calls with content: the share of an
-- account's calls that a template takes is a division of two rows.
CREATE TABLE IF NOT EXISTS template_minutes
(
    tenant_id LowCardinality(String),
    hour DateTime('UTC'),
    fingerprint UInt64,
    minute DateTime('UTC'),
    account_id String,
    calls SimpleAggregateFunction(sum, UInt64)
)
ENGINE = AggregatingMergeTree
-- By `minute`, so that each part knows its first and last minute and a look at the last ones opens the newest parts only.
PARTITION BY toYYYYMMDD(minute)
ORDER BY (tenant_id, hour, fingerprint, minute, account_id)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS template_minutes_view TO template_minutes AS
SELECT
    tenant_id,
    toStartOfHour(event_time) AS hour,
    arrayJoin(arrayConcat([0, bitOr(bitAnd(template_fingerprint, bitNot(toUInt64(3))), 1)],
        arrayMap((band, number) -> bitOr(bitAnd(band, bitNot(toUInt64(3))), number + 1), template_bands, arrayEnumerate(template_bands)))) AS fingerprint,
    toStartOfMinute(event_time) AS minute,
    account_id,
    count() AS calls
FROM events
WHERE has_content
GROUP BY tenant_id, hour, fingerprint, minute, account_id;
