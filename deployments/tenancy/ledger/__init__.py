"""The ledger: amounts are held before a request begins and settled after it ends, so that no account is overdrawn."""
