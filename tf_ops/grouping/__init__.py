"""Ball query and grouping."""
