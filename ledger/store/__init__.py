"""The two stores behind the ledger: SQL keeps the record, Redis the hot state."""
