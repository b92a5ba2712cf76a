"""Pictures of clouds and of what was predicted for them."""
