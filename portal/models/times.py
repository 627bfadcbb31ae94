"""When a model was released, as all three shapes say it."""

from datetime import UTC, datetime, time

from catalog import Model

UNKNOWN = datetime.fromtimestamp(0, UTC)  # what Anthropic's reference gives for an unknown date


def released_at(model: Model) -> datetime:
    """Midnight UTC of the release date."""
    return datetime.combine(model.created, time(), UTC) if model.created else UNKNOWN
