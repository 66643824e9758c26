"""Many pools, one inventory and one budget: who gets what is scarce, and who stands in while capacity is late."""
