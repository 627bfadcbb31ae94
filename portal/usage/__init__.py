"""What a key has used: one request, or a period."""
