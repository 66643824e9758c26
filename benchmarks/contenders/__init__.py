"""One file a contender: how it is started, with the same engine as all others."""
