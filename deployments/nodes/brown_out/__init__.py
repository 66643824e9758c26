"""The graph's side of a brown-out: the share that the controller publishes goes to a stand-in."""
