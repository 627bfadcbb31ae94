"""Pure meaning: the wire protocols and the neutral vocabulary between them. No I/O, no clock."""
