"""What a fan-out is made of: shards that admit branches, the branches, and the gathering of what they give."""
