-- What an insert has acknowledged is on disk: the offsets are committed on the strength of it. A setting of the tables;
-- in a query ClickHouse does not know it. The part's directory as well, or a power cut could undo the renaming of a part.
-- Not of the aggregates, whose parts would cost as much again: a power cut may take their last half minute, while the
-- machine was down anyway, and the events they sum up are there.

ALTER TABLE events MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1;
ALTER TABLE bodies MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1;
ALTER TABLE dead_letters MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1;
ALTER TABLE requeued_letters MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1;
