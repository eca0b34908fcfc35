"""An answer that is no: its status, and what the page says. Who has no link of ours learns nothing from it."""


class Refusal(Exception):  # noqa: N818 - an answer, and no fault of anybody
    """Raised by whatever finds that a request cannot be granted."""

    def __init__(self, status: int, title: str, text: str, *, retry_after: int | None = None) -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.text = text
        self.retry_after = retry_after

    @classmethod
    def no_such_link(cls) -> "Refusal":
        """Nothing that we ever gave out."""
        return cls(
            404,
            "There is nothing here",
            "Perhaps the link was cut when it was copied. Take all of it from the mail, in one piece.",
        )

    @classmethod
    def gone(cls) -> "Refusal":
        """A link of ours whose content is not there any more."""
        return cls(
            410,
            "The file is no longer kept",
            "Its time is over, or it was withdrawn. Ask the sender of the mail to send it again.",
        )

    @classmethod
    def no_download_left(cls) -> "Refusal":
        """The item was fetched as often as it may be."""
        return cls(
            403,
            "No download is left",
            "The file was fetched as often as it may be. Ask the sender of the mail to send it again.",
        )

    @classmethod
    def needs_code(cls) -> "Refusal":
        """The content is for those only who have shown the one-time code."""
        return cls(403, "A code is needed", "Open the link from the mail: the page there sends you a code.")

    @classmethod
    def no_such_form(cls) -> "Refusal":
        """A form that cannot be made of this content."""
        return cls(
            404, "There is no such form", "Open the link from the mail: the page there has those that are."
        )

    @classmethod
    def too_often(cls, minutes: int) -> "Refusal":
        """One client tries too much."""
        return cls(
            429, "Too many tries", f"Wait {minutes} minutes, and then try again.", retry_after=minutes * 60
        )

    @classmethod
    def busy(cls) -> "Refusal":
        """There is no place for another conversion now."""
        return cls(
            503,
            "Too much to do just now",
            "Other forms of the file are being made. Try again in a moment; the original can be fetched meanwhile.",
            retry_after=10,
        )

    @classmethod
    def out_of_order(cls) -> "Refusal":
        """The store, or the way of a code to the recipient, does not work."""
        return cls(503, "This does not work just now", "Nothing is lost. Try again later.", retry_after=300)
