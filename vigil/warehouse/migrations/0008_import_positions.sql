-- How far files have been imported: the range ledger's position, as Kafka keeps it for a partition. The latest row counts.
CREATE TABLE IF NOT EXISTS import_positions
(
    file_id String,
    file String,
    next UInt64,
    metadata String,
    saved_at DateTime64(6, 'UTC') DEFAULT now64(6)
)
ENGINE = ReplacingMergeTree(saved_at)
ORDER BY file_id
SETTINGS non_replicated_deduplication_window = 10000;
ALTER TABLE import_positions MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1;
