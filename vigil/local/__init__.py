"""The embedded stack: a ClickHouse server and a Kafka broker as child processes, for one machine."""
