"""JBIG for facsimile: a bi-level page to a bi-level image entity (BIE) and back, through the system's JBIG-KIT.

What is written keeps to ITU-T T.85 (one plane, one layer, no layer reduction), the profile of T.82 that TIFF-FX profile
J has (RFC 3949, 5). What is read is any BIE of one plane and one layer; its size is taken from its header by us and
bounded before the library sees an octet of it. Pages are packed lines of whole octets, first pixel in the highest bit,
1 is black. No numpy here: the process that only wants to know whether JBIG is there loads nothing but the library.

The library's two state structures stay opaque: only its functions touch them, in a buffer twice as large as those of
JBIG-KIT 2.1 need, whose second half is watched while the library is tried.
"""

import ctypes
import functools
import struct
from dataclasses import dataclass
from typing import Any

from conneg.bounds import Bound
from conneg.errors import ConnegError

MAX_PIXELS = Bound(
    name="content.jbig-pixels",
    value=200_000_000,
    unit="pixels in a page of JBIG",
    reason="25 MB of packed lines and some seconds of arithmetic decoding; A3 at 600 dots an inch has 70 million",
    answer="refused",
)

STRIPE_LINES = 128
"""Lines a stripe in the basic mode of T.85; every receiver of JBIG takes them (RFC 2879, A.11)."""

LEAST_STRIPE_LINES = 2
"""JBIG-KIT 2.1 loses pixels of noise in stripes of a single line (its `pbmtojbg -q -s 1` too), so none are written."""

HEADER_OCTETS = 20

_LRLTWO, _VLENGTH, _TPBON = 0x40, 0x20, 0x08
_OPTIONS_OF_T85 = _LRLTWO | _VLENGTH | _TPBON
_WIDEST_MOVE = 127
"""How far the adaptive template pixel may lie from its own, in T.85."""

_DONE = 0
"""JBG_EOK: the library has decoded all of the image."""

_STATE_OCTETS = 4096
"""Of each state, that of decoding being the larger: 1.4 KB in JBIG-KIT 2.1 for 64 bits."""

_NAMES = ("libjbig.so.0", "libjbig.so.2.1", "libjbig.so.2", "libjbig.so", "libjbig.dylib")
_GUARD = 0xA5

_DataOut = ctypes.CFUNCTYPE(None, ctypes.POINTER(ctypes.c_ubyte), ctypes.c_size_t, ctypes.c_void_p)


class JbigError(ConnegError):
    """Octets that are no BIE that can be decoded, a page that cannot be encoded, or no library to do it with."""


@dataclass(frozen=True, slots=True)
class BieHeader:
    """The header of a BIE (T.82, 6.2.4): layers, planes, size in pixels, lines a stripe, template moves, flags."""

    first_layer: int
    last_layer: int
    planes: int
    width: int
    height: int
    stripe_lines: int
    move_across: int
    move_down: int
    order: int
    options: int


@dataclass(frozen=True, slots=True)
class BilevelPage:
    """A decoded page: `lines` of (width + 7) // 8 octets, 1 is black; `octets` of the data were read for it."""

    width: int
    height: int
    lines: bytes
    octets: int


def is_available() -> bool:
    """Whether the library is there and gives a small page back as it was; tried once."""
    try:
        return _tried()
    except (JbigError, OSError, AttributeError, ctypes.ArgumentError):
        return False


def read_header(bie: bytes) -> BieHeader:
    """Return the header; raises JbigError when there is none."""
    if len(bie) < HEADER_OCTETS:
        raise JbigError("the JBIG data ends within its header")
    first, last, planes, filled, width, height, lines, across, down, order, options = struct.unpack(
        ">BBBBIIIBBBB", bie[:HEADER_OCTETS]
    )
    if filled:
        raise JbigError("the JBIG data has no header (T.82, 6.2)")
    return BieHeader(first, last, planes, width, height, lines, across, down, order, options)


def t85_problems(bie: bytes) -> tuple[str, ...]:
    """Return what in the header of `bie` is not as T.85 restricts T.82, one line each."""
    try:
        header = read_header(bie)
    except JbigError as error:
        return (str(error),)
    found: list[str] = []
    if (header.first_layer, header.last_layer) != (0, 0):
        found.append("the JBIG data has more than one resolution layer (T.85)")
    if header.planes != 1:
        found.append(f"the JBIG data has {header.planes} planes, not 1 (T.85)")
    if not header.stripe_lines:
        found.append("the JBIG data has stripes of 0 lines (T.85)")
    if header.move_across > _WIDEST_MOVE or header.move_down:
        found.append("the JBIG data moves its template pixel farther than T.85 allows")
    if header.order:
        found.append(f"the JBIG data has the order flags {header.order:#04x}, not 0 (T.85)")
    if header.options & ~_OPTIONS_OF_T85:
        found.append(f"the JBIG data has the option flags {header.options:#04x} (T.85)")
    return tuple(found)


def encode(lines: bytes, width: int, height: int, stripe_lines: int = STRIPE_LINES) -> bytes:
    """Return the page as a BIE of T.85 in stripes of `stripe_lines`.

    Raises JbigError for a page without pixels or of another size than its lines have, for stripes of fewer lines than
    `LEAST_STRIPE_LINES`, and without the library.
    """
    across = (width + 7) // 8
    if not LEAST_STRIPE_LINES <= stripe_lines < 1 << 32:
        raise JbigError(f"no JBIG is written in stripes of {stripe_lines} lines")
    if width < 1 or height < 1 or len(lines) != across * height:
        raise JbigError(f"{len(lines)} octets are no page of {width} by {height} pixels")
    if width * height > MAX_PIXELS.value:
        raise JbigError(f"{width} by {height} pixels, more than {MAX_PIXELS.value}")
    library = _library()
    written: list[bytes] = []
    keep = _DataOut(lambda start, count, _: written.append(ctypes.string_at(start, count)))
    pixels = (ctypes.c_ubyte * len(lines)).from_buffer_copy(lines)
    planes = (ctypes.POINTER(ctypes.c_ubyte) * 1)(ctypes.cast(pixels, ctypes.POINTER(ctypes.c_ubyte)))
    state = _new_state()
    library.jbg_enc_init(state, width, height, 1, planes, keep, None)
    try:
        library.jbg_enc_options(state, 0, _TPBON, stripe_lines, _WIDEST_MOVE, 0)
        library.jbg_enc_out(state)
    finally:
        library.jbg_enc_free(state)
    _check_guard(state)
    return b"".join(written)


def decode(bie: bytes, width: int, height: int) -> BilevelPage:
    """Return the page in `bie`, which must have `width` and at most `height` lines.

    Raises JbigError when it has another size, more than one plane or layer, is damaged or ends early, and without the
    library. Memory and time grow with width times height, which `MAX_PIXELS` bounds.
    """
    library = _library()
    octets = ctypes.create_string_buffer(bie, len(bie))
    if read_header(bie).options & _VLENGTH and library.jbg_newlen(octets, len(bie)) != _DONE:
        raise JbigError("the JBIG data says nowhere how many lines it has")
    header = read_header(octets.raw)
    _check_header(header, width, height)
    state = _new_state()
    library.jbg_dec_init(state)
    try:
        library.jbg_dec_maxsize(state, header.width, header.height)
        used = ctypes.c_size_t(0)
        status = library.jbg_dec_in(state, octets, len(bie), ctypes.byref(used))
        if status != _DONE:
            raise JbigError("the JBIG data is damaged or ends early")
        image = library.jbg_dec_getimage(state, 0)
        size = library.jbg_dec_getsize(state)
        if not image or size != (header.width + 7) // 8 * header.height:
            raise JbigError("the JBIG data gives a page of another size than its header says")
        lines = ctypes.string_at(image, size)
    finally:
        library.jbg_dec_free(state)
    _check_guard(state)
    return BilevelPage(header.width, header.height, lines, used.value)


def _check_header(header: BieHeader, width: int, height: int) -> None:
    """Raise JbigError for what the library must not be given."""
    if (header.first_layer, header.last_layer, header.planes) != (0, 0, 1):
        raise JbigError("the JBIG data has more than one plane or resolution layer")
    if header.width != width or not 0 < header.height <= height or not header.stripe_lines:
        raise JbigError(
            f"the JBIG data has {header.width} by {header.height} pixels, the fields say {width} by {height}"
        )
    if width * height > MAX_PIXELS.value:
        raise JbigError(f"{width} by {height} pixels, more than {MAX_PIXELS.value}")


@functools.cache
def _tried() -> bool:
    """Encode and decode a page whose width is no whole number of octets; more than one stripe."""
    width, height = 45, 150
    mask = (1 << width) - 1
    patterns = ((0x2F3A5C81D * (line + 1) ^ (0x1555 << line % 30)) & mask for line in range(height))
    lines = b"".join((pattern << 3).to_bytes(6, "big") for pattern in patterns)
    bie = encode(lines, width, height)
    return not t85_problems(bie) and decode(bie, width, height).lines == lines


def _new_state() -> Any:
    """Return a state for the library to fill; its second half is the guard."""
    state = (ctypes.c_ubyte * _STATE_OCTETS).from_buffer_copy(bytes([_GUARD]) * _STATE_OCTETS)
    ctypes.memset(state, 0, _STATE_OCTETS // 2)
    return state


def _check_guard(state: Any) -> None:
    if bytes(state[_STATE_OCTETS // 2 :]) != bytes([_GUARD]) * (_STATE_OCTETS // 2):
        raise JbigError("this JBIG library is another than is known here")


@functools.cache
def _library() -> ctypes.CDLL:
    """Return the library with the types of its functions; raises JbigError when it is not there.

    By its names, not by `ctypes.util.find_library`, which starts other programs: a worker cannot.
    """
    for name in _NAMES:
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        _declare(library)
        return library
    raise JbigError("JBIG needs the system's library: apt-get install libjbig0")


def _declare(library: ctypes.CDLL) -> None:
    pointer, whole, long = ctypes.c_void_p, ctypes.c_int, ctypes.c_ulong
    planes = ctypes.POINTER(ctypes.POINTER(ctypes.c_ubyte))

    def declare(function: Any, result: Any, *arguments: Any) -> None:
        function.restype, function.argtypes = result, arguments

    declare(library.jbg_enc_init, None, pointer, long, long, whole, planes, _DataOut, pointer)
    declare(library.jbg_enc_options, None, pointer, whole, whole, long, whole, whole)
    declare(library.jbg_enc_out, None, pointer)
    declare(library.jbg_enc_free, None, pointer)
    declare(library.jbg_dec_init, None, pointer)
    declare(library.jbg_dec_maxsize, None, pointer, long, long)
    declare(library.jbg_dec_in, whole, pointer, pointer, ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t))
    declare(library.jbg_dec_getimage, pointer, pointer, whole)
    declare(library.jbg_dec_getsize, long, pointer)
    declare(library.jbg_dec_free, None, pointer)
    declare(library.jbg_newlen, whole, pointer, ctypes.c_size_t)
