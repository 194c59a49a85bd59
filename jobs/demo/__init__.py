"""The demonstration: an hour of traffic with attacks in it, found and contained in about a minute."""
