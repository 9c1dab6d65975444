"""What happens between a question and its decision: queue, answers, claims, votes, deadlines, notices, the record."""
