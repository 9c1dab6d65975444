"""What a review asks a person, why, of whom, and until when."""
