"""Who takes a run on, how far it came, and with which version of its graph."""
