"""From embeddings to instances: clustering and merging."""
