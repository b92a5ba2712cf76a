"""The whole way of an experiment, for the scripts: from flags to tables."""
