"""Where one raw payload came from: a Kafka record or a line of a file."""

from __future__ import annotations

import msgspec


class Origin(msgspec.Struct, frozen=True, gc=False):
    """A place a person can go back to. Kafka fields or file fields are set, never both.

    `source` is what the payload's `source` defaults to when it names none (the topic, the receiver or the file).
    """

    kafka_topic: str = ""
    kafka_partition: int = -1
    kafka_offset: int = -1
    file: str = ""
    line: int = -1
    source: str = "unknown"

    def __str__(self) -> str:
        """For messages: `vigil.events[3]@1207` or `july.jsonl:12`."""
        if self.file:
            return f"{self.file}:{self.line}"
        return f"{self.kafka_topic}[{self.kafka_partition}]@{self.kafka_offset}"
