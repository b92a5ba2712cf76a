"""How clouds are cut into samples for the network, and what it sees of them."""
