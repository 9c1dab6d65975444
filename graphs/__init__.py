"""How steps are joined: chains, fan-outs, reviews, routes; drawing them; starting and resuming runs."""
