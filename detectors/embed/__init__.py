"""The embedding worker: vectors of what users wrote, beside the telemetry and never in its way."""
