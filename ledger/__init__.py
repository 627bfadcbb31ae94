"""What changes: customers, keys, usage. SQL is the record; Redis is the hot state.

Whatever is in Redis can be rebuilt from SQL and the stream of settlements.
"""
