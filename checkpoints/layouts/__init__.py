"""How checkpoints, values, writes and the journal are laid out in the tables."""
