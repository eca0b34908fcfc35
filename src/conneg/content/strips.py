"""Is a strip in MH, MR or MMR what its profile wants, bit for bit? (RFC 3949, 3.4 and 4.5; T.4, T.6)

A strip that libtiff decodes and encodes again to the same octets is. Any other is read here code word by code word,
in plain Python and strictly, so that the first thing wrong can be named with its line. Our own coder has no part in it.
"""

from collections.abc import Mapping

from conneg.bounds import Bound
from conneg.content.libtiff import decode, encode
from conneg.content.stripform import Coding, CodingError, StripForm
from conneg.content.t4codes import (
    BLACK_RUNS,
    EOFB,
    EOL,
    HORIZONTAL,
    LONGEST,
    MODES,
    PASS,
    WHITE_RUNS,
)

MAX_STRICT_OCTETS = Bound(
    name="content.strict-strip-octets",
    value=4 << 20,
    unit="octets of a strip read code word by code word",
    reason="that takes about a second a megabyte; a page of facsimile has less than half of one",
    answer="the strip is taken as not conforming",
)


def check_strip(strip: bytes, form: StripForm) -> tuple[str, ...]:
    """Return what is wrong with `strip` (most significant bit first); empty when it conforms to `form`."""
    if _is_as_we_write(strip, form):
        return ()
    if len(strip) > MAX_STRICT_OCTETS.value:
        return (f"the strip has more than {MAX_STRICT_OCTETS.value} octets",)
    try:
        _read(strip, form)
    except CodingError as error:
        return (str(error),)
    return ()


def _is_as_we_write(strip: bytes, form: StripForm) -> bool:
    try:
        return encode(decode(strip, form), form) == strip
    except CodingError:
        return False


def _read(strip: bytes, form: StripForm) -> None:
    """Read all of the strip; raises CodingError at the first thing that is wrong."""
    bits = bin(int.from_bytes(b"\x01" + strip))[3:]
    reader = _LineReader(bits, form.width)
    reference: list[int] = []
    for line in range(form.height):
        one_dimensional = form.coding is Coding.MH
        try:
            if form.coding is not Coding.MMR:
                reader.end_of_line(form.aligned_eols)
            if form.coding is Coding.MR:
                one_dimensional = reader.tag_bit()
                if not (line or one_dimensional):
                    raise CodingError("the first line must be coded by itself")
            reference = reader.by_itself() if one_dimensional else reader.by_reference(reference)
        except CodingError as error:
            raise CodingError(f"line {line + 1}: {error}") from error
    _check_end(bits, reader.position, form)


def _check_end(bits: str, position: int, form: StripForm) -> None:
    """Check what follows the last line: EOFB in MMR, nothing (or RTC where it may be) in the others; then padding."""
    rest = bits[position:]
    if form.coding is Coding.MMR:
        if not rest.startswith(EOFB):
            raise CodingError("no EOFB after the last line (RFC 3949, 4.5.6)")
        rest = rest[len(EOFB) :]
    elif "1" in rest:
        tag = "1" if form.coding is Coding.MR else ""
        if rest.strip("0") != (6 * (EOL + tag)).strip("0"):
            raise CodingError("there is more after the last line")
        if form.aligned_eols:
            raise CodingError("RTC must not be written with EOLs on octets (RFC 3949, 3.4.1)")
        return
    if len(rest) > 7 or "1" in rest:
        raise CodingError("there is more after the last line than the padding of an octet")


class _LineReader:
    """Reads lines of `width` pixels from `bits`, a text of 0 and 1; `position` is where it is."""

    def __init__(self, bits: str, width: int) -> None:
        self.position = 0
        self._bits = bits
        self._width = width

    def end_of_line(self, aligned: bool) -> None:
        """EOL, with fill before it: eleven zeros or more, and a one."""
        one = self._bits.find("1", self.position)
        if one < 0 or one - self.position < len(EOL) - 1:
            raise CodingError("no EOL before it (RFC 3949, 3.4)")
        self.position = one + 1
        if aligned and self.position % 8:
            raise CodingError("its EOL does not end on an octet, as T4Options says (RFC 3949, 3.2.2)")

    def tag_bit(self) -> bool:
        """Whether the line after this EOL is coded by itself."""
        tag = self._bits[self.position : self.position + 1]
        self.position += 1
        if not tag:
            raise CodingError("the strip ends")
        return tag == "1"

    def by_itself(self) -> list[int]:
        """Return where the colour changes in a line of MH: runs of white and black in turn."""
        changes: list[int] = []
        place, black = 0, False
        while place < self._width:
            place += self._run(black)
            changes.append(place)
            black = not black
        if place > self._width:
            raise CodingError(f"its runs have {place} pixels, not {self._width}")
        return _without_empty_runs(changes)

    def by_reference(self, reference: list[int]) -> list[int]:
        """Return where the colour changes in a line coded against the line before."""
        width = self._width
        known = [*reference, width, width, width]
        changes: list[int] = []
        place, black, at = -1, False, 0
        while place < width:
            while at and known[at - 1] > place:
                at -= 1
            while known[at] <= place and known[at] < width:
                at += 1
            first = at + ((at % 2 == 1) != black)  # b1 changes to the other colour than a0's
            mode = self._code(MODES, "mode")
            if mode == PASS:
                place = known[first + 1]
                continue
            if mode == HORIZONTAL:
                one = max(place, 0) + self._run(black)
                place = one + self._run(not black)
                changes += [one, place]
            else:
                one, place = place, known[first] + mode
                changes.append(place)
                if place < max(one, 0):
                    raise CodingError("a change of colour before the one preceding it")
                black = not black
            if place > width:
                raise CodingError(f"its runs have {place} pixels, not {width}")
        return _without_empty_runs(changes)

    def _run(self, black: bool) -> int:
        """Return the length of a run: make-up codes, then a terminating code."""
        total = 0
        while True:
            length = self._code(BLACK_RUNS if black else WHITE_RUNS, "black run" if black else "white run")
            total += length
            if length < 64:
                return total
            if total > self._width:
                raise CodingError(f"a run of more than {self._width} pixels")

    def _code(self, codes: Mapping[str, int], what: str) -> int:
        bits, start = self._bits, self.position
        for end in range(start + 1, min(start + LONGEST, len(bits)) + 1):
            value = codes.get(bits[start:end])
            if value is not None:
                self.position = end
                return value
        raise CodingError(
            f"no code word of a {what} at bit {start}" if start < len(bits) else "the strip ends"
        )


def _without_empty_runs(changes: list[int]) -> list[int]:
    """Return the changes without those that take each other back."""
    kept: list[int] = []
    for change in changes:
        if kept and kept[-1] == change:
            kept.pop()
        else:
            kept.append(change)
    return kept
