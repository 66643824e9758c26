"""How much a key, a tenant and a model may use: rates, places, daily calls and budgets, all kept in one ledger."""
