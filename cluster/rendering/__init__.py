"""What operators' tools read, derived from the one schema: Serve configs, values schemas, environments, manifests."""
