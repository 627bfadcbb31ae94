"""Media in the spellings that dialects share: data URLs, media types, the first bytes of a file."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DataUrl:
    """The two things that matter of `data:image/png;charset=utf-8;base64,...`."""

    media_type: str
    base64: str


def parse_data_url(url: str) -> DataUrl | None:
    """None where it is no data URL. Text that is not base64 is encoded."""
    return None


def data_url(media_type: str, base64: str) -> str:
    return f"data:{media_type};base64,{base64}"


def sniffed(base64: str) -> str | None:
    """The media type that the first bytes show; None where they show none that is known."""
    return None
