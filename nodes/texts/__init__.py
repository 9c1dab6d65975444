"""Reading documents, and splitting texts into the parts that branches take."""
