"""The HTTP receiver: telemetry over HTTP, onto Kafka, acknowledged only when Kafka has it."""
