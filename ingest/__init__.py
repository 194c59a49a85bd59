"""Telemetry in: from Kafka and files into ClickHouse, checked, redacted, exactly once."""
