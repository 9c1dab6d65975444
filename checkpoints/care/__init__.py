"""Taking care of a database: check, back up, compact, prune, import, export."""
