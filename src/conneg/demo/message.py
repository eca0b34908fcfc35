"""The demo's one real message: a letter, a two-page survey with small type, a line drawing and a photo, and a photo."""

from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from importlib.resources import files


def sample(name: str) -> bytes:
    """Return one of the documents that come with conneg: letter.txt, survey.pdf, photo.jpg."""
    return files("conneg.demo").joinpath("samples", name).read_bytes()


def compose(sender: str, recipients: tuple[str, ...]) -> EmailMessage:
    """Return the message from `sender` to `recipients`."""
    message = EmailMessage()
    message["From"] = f"May <{sender}>"
    message["To"] = ", ".join(recipients)
    message["Subject"] = "Survey report and photo"
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = f"<survey-{datetime.now(UTC):%Y%m%d%H%M%S%f}@ship.example>"
    message.set_content(sample("letter.txt").decode("utf-8"))
    message.add_attachment(sample("survey.pdf"), maintype="application", subtype="pdf", filename="survey.pdf")
    message.add_attachment(sample("photo.jpg"), maintype="image", subtype="jpeg", filename="photo.jpg")
    return message
