"""A cloud of points with labels, its cache on disk, and how two labellings overlap."""
