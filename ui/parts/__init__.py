"""What the Review page is made of, part by part."""
