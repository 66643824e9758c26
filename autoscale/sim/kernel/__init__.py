"""The compiled part of the simulator: one pool's router and engines, request by request.

Everything here works on arrays of records (``records.py``) that ``autoscale/sim/arrays.py`` allocates, grows and reads.
"""
