"""What one request is charged: estimated before, metered on the way, settled in the end."""
