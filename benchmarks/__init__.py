"""Every figure of the README comes from a command here: ``python -m benchmarks [latency|demo]``."""
