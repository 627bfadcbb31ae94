"""Every protocol by every protocol: cases, what becomes of them, and who judges it.

`requests/` holds one realistic request for each feature and client protocol. `golden/` holds what
becomes of them for every other upstream protocol, and of every recorded answer for every other
client: written by `make golden`, compared byte by byte, reviewed as diffs. The simulator, which
shares no code with the translators, says whether a provider would take what we write.
"""
