"""Wire formats, one a file. Importing this package registers all of them."""

from ingest.dialects import canonical
from ingest.dialects.registry import all_dialects, get_dialect

__all__ = ["all_dialects", "canonical", "get_dialect"]
