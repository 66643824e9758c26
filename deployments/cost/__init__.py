"""What requests cost: seconds of engines, shared step by step, and what tokens are sold for."""
