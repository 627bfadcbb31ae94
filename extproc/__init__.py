"""One exchange at a time: the data plane, an Envoy external processor."""
