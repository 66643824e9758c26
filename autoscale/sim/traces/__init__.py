"""Where arrivals come from: recorded requests, rates with lengths, Tercet's own records, and shapes made up.

Each trace is iterable again and again and gives the same arrivals every time.
"""
