"""Bearer tokens of OpenID Connect providers instead of API keys."""
