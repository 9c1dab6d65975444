"""What treadle's store costs, beside langgraph-checkpoint-sqlite, memory, and raw SQLite."""
