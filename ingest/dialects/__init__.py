"""Wire formats, one a file. Importing this package registers all of them."""

from ingest.dialects import canonical, envoy, litellm, otlp, received
from ingest.dialects.registry import all_dialects, get_dialect

__all__ = ["all_dialects", "canonical", "envoy", "get_dialect", "litellm", "otlp", "received"]
