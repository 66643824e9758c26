"""A plan as Ray Serve applications."""
