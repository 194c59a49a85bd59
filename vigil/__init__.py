"""vigil: production monitoring and abuse detection for deployed AI models.

This package is the kernel. Every room (`ingest`, `detectors`, `enforcement`, `dashboard`, `jobs`, `gateway`,
`simulator`) imports it; it imports none of them.
"""

__version__ = "0.1.0"
