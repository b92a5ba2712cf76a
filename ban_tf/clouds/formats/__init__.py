"""Files of points of every kind, read and written by one function in and one out: `scan`."""
