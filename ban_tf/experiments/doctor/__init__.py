"""Settings that suit the data, estimated from them."""
