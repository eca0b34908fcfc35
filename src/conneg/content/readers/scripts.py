"""Which scripts the fonts at hand can draw, and what to install for the others: for people who set a gateway up."""

from dataclasses import dataclass

from conneg.content.readers.fonts import without_face


@dataclass(frozen=True, slots=True)
class Script:
    """A script by its English name, letters that stand for it, and the Debian package of a font that has it."""

    name: str
    letters: str
    package: str

    @property
    def is_drawn(self) -> bool:
        """Whether text in it is drawn here, and not shown as question marks."""
        return without_face(self.letters) == 0


SCRIPTS = (
    Script("Latin", "aéßž", "fonts-dejavu-core"),
    Script("Greek", "αλω", "fonts-dejavu-core"),
    Script("Cyrillic", "ажяї", "fonts-dejavu-core"),
    Script("Armenian", "ԱՀֆ", "fonts-dejavu-core"),
    Script("Georgian", "აქჰ", "fonts-dejavu-core"),
    Script("Hebrew", "אשת", "fonts-dejavu-core"),
    Script("Arabic", "اعي", "fonts-dejavu-core"),
    Script("Devanagari", "अकह", "fonts-noto-core"),
    Script("Bengali", "অকহ", "fonts-noto-core"),
    Script("Tamil", "அகன", "fonts-noto-core"),
    Script("Thai", "กทฮ", "fonts-noto-core"),
    Script("Chinese, simplified", "汉们这", "fonts-droid-fallback"),
    Script("Chinese, traditional", "漢們這", "fonts-droid-fallback"),
    Script("Japanese", "かナ漢", "fonts-droid-fallback"),
    Script("Korean", "한국어", "fonts-nanum"),
)
"""Those that mail is written in most; a font that has one of them has its neighbours as a rule."""
