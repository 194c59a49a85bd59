-- A Kafka record may hold many events (a batch of spans): (topic, partition, offset, index) stands exactly once in events
-- or in dead_letters, and the indexes of one offset have no gaps.
ALTER TABLE events
    ADD COLUMN IF NOT EXISTS kafka_index UInt32 DEFAULT 0 AFTER kafka_offset,
    ADD COLUMN IF NOT EXISTS agent_family LowCardinality(String) DEFAULT '' AFTER user_agent,
    ADD COLUMN IF NOT EXISTS language LowCardinality(String) DEFAULT '' AFTER agent_family,
    ADD COLUMN IF NOT EXISTS script LowCardinality(String) DEFAULT '' AFTER language;
ALTER TABLE dead_letters ADD COLUMN IF NOT EXISTS kafka_index UInt32 DEFAULT 0 AFTER kafka_offset;
ALTER TABLE requeued_letters ADD COLUMN IF NOT EXISTS kafka_index UInt32 DEFAULT 0 AFTER kafka_offset;
