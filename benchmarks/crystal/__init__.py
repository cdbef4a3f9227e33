"""Crystal: does recurring traffic turn into procedures, and can they be trusted? ``python -m benchmarks.crystal --help``."""
