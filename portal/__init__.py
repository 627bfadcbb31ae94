"""What people and machines other than models ask for: one ASGI application behind the same Envoy.

Health, the model lists in three dialects, usage, the start page and the API's own description. It
reads the catalog and the ledger and decides nothing about an exchange.
"""
