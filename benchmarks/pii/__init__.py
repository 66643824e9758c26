"""Documents with personal data whose places are known, and how well and how safely it is found."""
