"""Gateways and engines as bare processes, without Ray: started in a second, so that they can be killed by the dozen."""
