"""What a fan-out costs, beside bare asyncio, plain `Send`, and peers."""
