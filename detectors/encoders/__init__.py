"""Text into vectors: the encoders, found by name."""

from detectors.encoders import static, transformer
from detectors.encoders.base import Encoder, Vectors, encoder_names, identity, make_encoder

__all__ = ["Encoder", "Vectors", "encoder_names", "identity", "make_encoder", "static", "transformer"]
