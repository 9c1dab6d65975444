"""What one step does: prompts, models, gates, joins, the questions that reviews ask."""
