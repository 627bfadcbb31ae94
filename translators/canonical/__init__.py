"""The neutral vocabulary that every protocol is decoded into and encoded from."""
