"""What the customer behind a key has, and how more is redeemed."""
