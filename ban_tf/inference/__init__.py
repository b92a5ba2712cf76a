"""From a cloud and a network to the class and instance of every point."""
