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
    index: int = 0
    """Which of the payload's events: 0, 1, 2 ... without gaps over those accepted and those refused."""

    def __str__(self) -> str:
        """For messages: `vigil.events[3]@1207`, `otlp_spans[0]@8#2` (its third event) or `july.jsonl:12`."""
        event = f"#{self.index}" if self.index else ""
        if self.file:
            return f"{self.file}:{self.line}{event}"
        return f"{self.kafka_topic}[{self.kafka_partition}]@{self.kafka_offset}{event}"
