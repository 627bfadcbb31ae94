"""The management API: customers, keys, credit and usage, for whoever has an admin token."""
