"""OTLP as bytes: traces and logs, protobuf and JSON, into one small value an item."""
