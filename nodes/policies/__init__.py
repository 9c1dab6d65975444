"""How a worker is called: again, elsewhere, twice, together with others, not at all, and where it runs."""
