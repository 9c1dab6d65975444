"""What happens at the desk between a question and its decision: claims, votes, deadlines, take-back, notices."""
