"""A cluster that is declared: a document and groups of machines go in, and the cluster brings itself to them."""
