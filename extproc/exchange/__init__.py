"""The life of one exchange, pure: events in, actions out, time is passed in."""
