"""Start Ray, deploy a plan, watch it become ready, and take it down again.

Ray reads its environment once, when it is imported: it is imported here inside the functions, after the environment is
set, and nowhere above them.
"""
