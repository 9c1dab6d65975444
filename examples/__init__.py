"""Real workflows, each runnable by one command."""
