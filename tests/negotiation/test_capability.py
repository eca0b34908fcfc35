"""Reading capabilities (design 4; fax schema, 2 and 5), classes of them, and the strategies of Appendix A."""

from typing import ClassVar

import pytest

from conneg.errors import ConnegError
from conneg.features import FeatureSyntaxError, feature_set
from conneg.negotiation import (
    CapabilityError,
    Provenance,
    Strategy,
    baseline,
    batches,
    capability_classes,
    profile_expression,
    read_capability,
)
from tests.negotiation.samples import COLOUR, DESK_USER, JUNE, K7, MONO, PHONE_USER, said


def test_a_capability_keeps_its_text_and_who_said_it() -> None:
    capability = read_capability(
        f" {K7}\n", Provenance.REPLY, "mx.ifax1.jp", obtained_at=1_030_000_000.0, authenticated=True
    )
    assert capability.expression == K7
    assert capability.provenance is Provenance.REPLY
    assert capability.source == "mx.ifax1.jp"
    assert capability.obtained_at == 1_030_000_000.0
    assert capability.authenticated


@pytest.mark.parametrize("text", ["", "fax", "(color=", "(& (color=Binary)", "accepted"])
def test_what_cannot_be_read_is_an_error(text: str) -> None:
    with pytest.raises(ConnegError):
        read_capability(text, Provenance.REPLY, "peer")


def test_what_refers_to_something_undefined_says_nothing() -> None:
    with pytest.raises(CapabilityError, match=r"h\.SBB5REAOMHC09CP2GM4V07PQP0"):
        said("(& (color=Binary) (h.SBB5REAOMHC09CP2GM4V07PQP0))")
    capability = said('(| (type="text/plain") (!(h.SBB5REAOMHC09CP2GM4V07PQP0)))')
    assert capability.features.equivalent(feature_set('(type="text/plain")'))


def test_profiles_have_names_but_not_on_the_wire() -> None:
    for name in ("S", "s", "profile S", "C"):
        assert read_capability(name, Provenance.DIRECTORY, "test").is_page_device
    assert profile_expression("nobody") is None
    with pytest.raises(FeatureSyntaxError):
        read_capability("S", Provenance.REPLY, "peer")


def test_the_baseline_is_profile_s() -> None:
    """RFC 3965, 4: A4, MH, 204x98 and 204x196."""
    capability = baseline()
    assert capability.provenance is Provenance.BASELINE
    assert capability.features.accepts(feature_set_point("204/98"))
    assert capability.features.accepts(feature_set_point("204/196"))
    assert not capability.features.accepts(feature_set_point("204/391"))


def feature_set_point(ratio: str):  # type: ignore[no-untyped-def]
    from conneg.features import collection

    return collection(
        f"""(& (image-file-structure=TIFF-minimal) (color=Binary) (image-coding=MH) (dpi=204) (MRC-mode=0)
        (dpi-xyratio={ratio}) (size-x=2150/254) (paper-size=A4) (type="image/tiff"))"""
    )


def test_a_reader_of_any_tiff_reads_the_minimal_one() -> None:
    capability = said("(& (image-file-structure=TIFF) (color=Binary))")
    assert not (capability.features & feature_set("(image-file-structure=TIFF-minimal)")).is_empty


@pytest.mark.parametrize(
    ("expression", "answer"),
    [
        (K7, True),
        ('(& (image-file-structure=TIFF) (type=["image/tiff","image/tiff-fx"]))', True),
        ('(| (image-file-structure=TIFF) (type="text/plain"))', False),
        ('(& (image-file-structure=TIFF) (type=["image/tiff","application/pdf"]))', False),
        ("(color=Binary)", False),
        ('(type="image/tiff")', False),
        ("(& (image-file-structure=TIFF) (dpi=200) (dpi=300))", False),
    ],
)
def test_a_page_device_takes_page_images_and_nothing_else(expression: str, answer: bool) -> None:
    assert said(expression).is_page_device is answer


def test_the_demo_recipients() -> None:
    assert [c.is_page_device for c in (JUNE, MONO, COLOUR, PHONE_USER, DESK_USER)] == [
        True,
        True,
        True,
        False,
        False,
    ]


def test_classes_partition_the_recipients_by_meaning() -> None:
    capabilities = {
        "a": said("(dpi=[200,300])"),
        "b": said("(color=Binary)"),
        "c": said("(| (dpi=300) (dpi=200))"),
        "d": said("(!(| (dpi<=199) (& (dpi>=200) (!(dpi=200)) (!(dpi=300))) (!(dpi=[200..300]))))"),
        "e": said("(| (& (dpi=200) (color=Binary)) (& (color=Binary) (!(dpi=200))))"),
    }
    classes = capability_classes(capabilities)
    assert [c.recipients for c in classes] == [("a", "c", "d"), ("b", "e")]
    assert [c.capability for c in classes] == [capabilities["a"], capabilities["b"]]


def test_many_distinct_capabilities_are_still_told_apart() -> None:
    capabilities = {f"u{n}": said(f"(dpi={n % 500 + 1})") for n in range(1000)}
    classes = capability_classes(capabilities)
    assert len(classes) == 500
    assert classes[7].recipients == ("u7", "u507")


class TestStrategies:
    """Draft Appendix A."""

    CAPABILITIES: ClassVar = {"june": JUNE, "may": said(K7), "mono": MONO, "phone": PHONE_USER}

    def test_single_recipient(self) -> None:
        assert [b.recipients for b in batches(self.CAPABILITIES, Strategy.SINGLE)] == [
            ("june",), ("may",), ("mono",), ("phone",),
        ]  # fmt: skip

    def test_partial_batching_is_the_default(self) -> None:
        assert [b.recipients for b in batches(self.CAPABILITIES)] == [("june", "may"), ("mono",), ("phone",)]

    def test_common_content_is_what_all_accept(self) -> None:
        first, second = batches(self.CAPABILITIES, Strategy.COMMON)
        assert first.recipients == ("june", "may", "mono")
        assert JUNE.features.contains(first.capability.features)
        assert MONO.features.contains(first.capability.features)
        assert first.capability.is_page_device
        assert second.recipients == ("phone",)

    def test_the_common_capability_names_all_who_spoke(self) -> None:
        shared = batches({"june": JUNE, "mono": MONO}, Strategy.COMMON)[0].capability
        assert shared.source == "ifax1.jp, RFC 3965, 4"
        assert not shared.authenticated
        assert read_capability(shared.expression, Provenance.DIRECTORY, "x").features.equivalent(
            shared.features
        )
