"""Random frames: any bits, frames as they should be, and commands that a machine with a DIS allows."""

from hypothesis import strategies as st

from conneg.features.t30 import RFC2880, T30, Conventions, FrameKind, make_frame
from conneg.features.t30.effect import effect, stated

ALL = (15, 16, 17, 18, 19, 20, 27, 31, 36, 37, 41, 42, 43, 44, 45, 68, 69, 71, 73, 74, 75, 76, 77, 78, 79)
ALL += (92, 93, 94, 95, 97, 98, 105, 106, 107, 108, 109, 110, 111)
USUAL = (15, 27, 68)
"""Bits without which most others say nothing: given half of the time, so that these are seen at work."""

bits = st.builds(
    lambda some, usual: frozenset(some | usual),
    st.sets(st.sampled_from(ALL)),
    st.sampled_from([set(), set(USUAL)]),
)
conventions = st.sampled_from(
    [T30, RFC2880, T30._replace(has_large_paper=True), RFC2880._replace(has_large_paper=True)]
)


def normalised(some: frozenset[int], given: Conventions) -> frozenset[int]:
    """Only bits that count, with error correction and units as a valid DIS has them."""
    return stated(effect(some, given).bits, given)


@st.composite
def normal_frames(draw: st.DrawFn, given: Conventions):
    return make_frame(FrameKind.DIS, normalised(draw(bits), given))


@st.composite
def commands(draw: st.DrawFn, allowed: frozenset[int]) -> frozenset[int]:
    """The bits of a DCS that a machine with `allowed` takes (RFC 2880 4.1 to 4.4): one choice in every group."""

    def one_of(*bits_of_choices: tuple[int, ...]) -> set[int]:
        return set(draw(st.sampled_from([one for one in bits_of_choices if set(one) <= allowed])))

    def may(bit: int) -> set[int]:
        return one_of((), (bit,))

    chosen = one_of((), (16,), (31,), (36,), (68,), (78,))
    coding = set(chosen)
    if coding & {36, 68}:
        chosen |= may(69) | may(71) | may(74) | may(75)
        chosen |= may(37) if 36 in coding else set()
        chosen |= may(73) if chosen >= {68, 69} else set()
        resolutions = [(15, 44), (98, 44), (42, 97, 44), (43, 97, 44), (105, 110, 44), (106, 111, 44)]
    else:
        chosen |= may(79) if 78 in coding else set()
        resolutions = [(), (44,), (15,), (15, 44), (41,), (42, 44), (43,), (43, 44)]
        resolutions += [(bit, 44) for bit in range(105, 110)]
    fitting = [one for one in resolutions if set(one) - {44} <= allowed]
    chosen |= set(draw(st.sampled_from(fitting)))
    chosen |= one_of((), (18,)) if 18 in allowed else one_of((), (17,))
    chosen |= one_of((), (19,), (20,)) | one_of((), (76,), (77,))
    mode = {n for n in (92, 93, 94) if n in allowed}
    if mode and draw(st.booleans()):
        chosen |= mode | may(95)
    return frozenset(chosen | ({27} if chosen & {31, 36, 68, 78, 92, 93, 94} else set()))
