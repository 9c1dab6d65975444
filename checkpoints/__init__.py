"""What outlives a process: the saver, the review queue, decisions, the run ledger, the worker."""
