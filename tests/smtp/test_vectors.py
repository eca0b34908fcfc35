"""Vectors V-1 to V-25 of the wire protocol's digest, each by its id."""

import re

import pytest

from conneg.features import feature_set, hash_name
from conneg.smtp import (
    CapabilityFlag,
    ConnegArgument,
    Reply,
    ServerConfig,
    Verdict,
    is_not_supported,
    read_capability,
    read_reply_lines,
    write_capability_reply,
)
from conneg.smtp.command import CommandError, RcptCommand, read_rcpt

from .dialogue import K_7, greeted, say

CAP1 = "(& (color=Binary) (image-coding=[MH,MR]))"
RULES = ServerConfig("mx.example").rules
REQUIRED, OPTIONAL = ConnegArgument.REQUIRED, ConnegArgument.OPTIONAL


def rcpt(parameters: str) -> RcptCommand:
    return read_rcpt(f"TO:<a@b.example>{parameters}", RULES)


@pytest.mark.shows("G-3", "A5-1", "A5-2", "V-1", "V-2", "V-3", "V-4", "V-5")
@pytest.mark.parametrize(
    ("vector", "parameters", "argument"),
    [
        ("V-1", " CONNEG=REQUIRED", REQUIRED),
        ("V-2", " CONNEG", REQUIRED),
        ("V-3", " conneg=Optional", OPTIONAL),
        ("V-4", " CONNEG = REQUIRED", REQUIRED),
        ("V-5", " CONNEG = OPTIOANL", OPTIONAL),
        ("V-4 with tabs", "\tCONNEG\t=\tREQUIRED", REQUIRED),
    ],
)
def test_parameter(vector: str, parameters: str, argument: ConnegArgument) -> None:
    assert rcpt(parameters).conneg is argument


@pytest.mark.shows("A5-5", "V-6", "V-7", "V-8", "V-10")
@pytest.mark.parametrize(
    ("vector", "parameters", "code"),
    [
        ("V-6", " CONNEG=MAYBE", 501),
        ("V-7", " CONNEG=", 501),
        ("V-8", " CONNEG CONNEG=OPTIONAL", 501),
        ("V-10", " CONNEGX=1", 555),
    ],
)
def test_wrong_parameter(vector: str, parameters: str, code: int) -> None:
    with pytest.raises(CommandError) as caught:
        rcpt(parameters)
    assert caught.value.reply.code == code
    assert caught.value.reply.enhanced == "5.5.4"


@pytest.mark.shows("A5-4", "V-9")
def test_v_9_among_dsn_parameters() -> None:
    command = rcpt(" NOTIFY=SUCCESS CONNEG=OPTIONAL ORCPT=rfc822;a@b.example")
    assert command.conneg is OPTIONAL
    assert command.notify == {"SUCCESS"}
    assert command.orcpt == "rfc822;a@b.example"


def same(found: str | None, wanted: str) -> bool:
    return found is not None and hash_name(found) == hash_name(wanted)


@pytest.mark.shows("A5-7", "A5-8", "A5-9", "A5-10", "A6-4", "V-11", "V-12", "V-13", "V-15", "V-16")
@pytest.mark.parametrize(
    ("vector", "lines", "flags"),
    [
        ("V-11", ["250-<a@b> ok", f"250 CONNEG {CAP1}"], set()),
        (
            "V-12",
            [
                "250-2.1.5 <a@b> ok",
                "250-2.1.5 CONNEG (& (color=Binary)",
                "250 2.1.5 CONNEG (image-coding=[MH,MR]))",
            ],
            set(),
        ),
        ("V-13", ["250-2.1.5<a@b> ok", "250 2.1.5 CONNEG(&(color=Binary)(image-coding=[MH,MR]))"], set()),
        (
            "V-15",
            ["250-ok", "250-CONNEG (& (color=Binary) (image-co", "250 CONNEG ding=[MH,MR]))"],
            {CapabilityFlag.CUT_IN_ELEMENT},
        ),
        (
            "V-16",
            ["250-ok", "250-CONNEG (& (color=Binary)", "250 (image-coding=[MH,MR]))"],
            {CapabilityFlag.UNPREFIXED},
        ),
    ],
)
def test_capability_is_read(vector: str, lines: list[str], flags: set[CapabilityFlag]) -> None:
    read = read_capability(read_reply_lines(lines))
    assert read is not None
    assert same(read.expression, CAP1)
    assert read.flags == flags


@pytest.mark.shows("V-14")
def test_v_14_no_capability() -> None:
    reply = read_reply_lines(["250 <a@b> recipient ok"])
    assert reply.is_positive
    assert read_capability(reply) is None


@pytest.mark.shows("A6-5", "V-17")
def test_v_17_no_usable_capability() -> None:
    read = read_capability(read_reply_lines(["250-ok", "250 CONNEG accepted"]))
    assert read is not None
    assert read.expression is None
    assert read.flags == {CapabilityFlag.UNREADABLE}


@pytest.mark.shows("A6-3", "V-18")
def test_v_18_an_address_that_begins_like_the_keyword() -> None:
    read = read_capability(read_reply_lines(["250-CONNEG@example.com ok", "250 CONNEG (color=Binary)"]))
    assert read is not None
    assert read.expression == "(color=Binary)"
    assert read.fragments == ("(color=Binary)",)


@pytest.mark.shows("A5-11", "A5-14", "V-19")
def test_v_19_the_first_digit_wins() -> None:
    reply = read_reply_lines(["404 5.3.3 CONNEG"])
    assert reply.verdict is Verdict.TRANSIENT
    assert read_capability(reply) is None


@pytest.mark.shows("A5-12", "V-20", "V-21")
def test_v_20_and_v_21_not_supported() -> None:
    assert is_not_supported(read_reply_lines(["504 <June@ifax1.jp> recipient ok"]))
    assert is_not_supported(read_reply_lines(["555 5.5.4 Unsupported option: CONNEG=OPTIONAL"]))
    assert not is_not_supported(read_reply_lines(["501 5.1.3 bad address"]))
    assert not is_not_supported(read_reply_lines(["550 5.1.1 no such user"]))


@pytest.mark.shows("A6-2", "V-22")
def test_v_22_codes_differ() -> None:
    reply = read_reply_lines(["250-ok", "250-CONNEG (color=Binary)", "251 CONNEG (x=1)"])
    assert reply.verdict is Verdict.POSITIVE
    read = read_capability(reply)
    assert read is not None
    assert read.expression is None
    assert read.flags == {CapabilityFlag.MIXED_CODES, CapabilityFlag.UNREADABLE}


@pytest.mark.shows("S-5", "S-6", "S-7", "4S-5", "4S-7", "V-23")
def test_v_23_the_capability_of_6_1() -> None:
    first = Reply(250, ("<June@ifax1.jp> recipient ok",), "2.1.5")
    plain = write_capability_reply(first, K_7, enhanced=False).decode().split("\r\n")
    assert plain == ["250-<June@ifax1.jp> recipient ok", f"250 CONNEG {K_7}", ""]
    assert len(plain[1]) + 2 <= 512
    enhanced = write_capability_reply(first, K_7, enhanced=True).decode().split("\r\n")
    assert [line[:10] for line in enhanced[:-1]] == ["250-2.1.5 ", "250 2.1.5 "]


@pytest.mark.shows("S-2", "S-3", "A5-11", "A5-12", "A5-18", "V-24")
def test_v_24_offline() -> None:
    session = greeted()
    say(session, "EHLO client.example", "MAIL FROM:<a@b>")
    (refused,) = say(session, "RCPT TO:<June@ifax1.jp> CONNEG=REQUIRED", recipient="unavailable")
    assert refused.startswith("404 4.3.3 CONNEG ")
    (accepted,) = say(session, "RCPT TO:<June@ifax1.jp> CONNEG=OPTIONAL", recipient="unavailable")
    assert accepted.startswith("250 2.1.5 <June@ifax1.jp> ")


LONG = (
    "(| " + " ".join(f'(& (type="image/x-{n}") (dpi<={n}) (u.a"b=[{n},{n + 1}]))' for n in range(100)) + ")"
)
LONG = LONG.replace('u.a"b', "u.tag")


@pytest.mark.shows("S-6", "S-8", "A5-9", "A5-20", "V-25")
@pytest.mark.parametrize("enhanced", [False, True])
@pytest.mark.parametrize("capability", [K_7, CAP1, LONG, f"(& {K_7} {K_7})", "(a=1)"])
def test_v_25_lines_are_short_and_join_to_the_same(capability: str, enhanced: bool) -> None:
    first = Reply(250, ("<June@ifax1.jp> recipient ok",), "2.1.5")
    octets = write_capability_reply(first, capability, enhanced=enhanced)
    assert octets.endswith(b"\r\n")
    lines = octets[:-2].split(b"\r\n")
    assert all(len(line) + 2 <= 512 for line in lines)
    prefix = b"250-2.1.5 CONNEG " if enhanced else b"250-CONNEG "
    assert all(line.startswith(prefix) for line in lines[1:-1])
    assert lines[-1].startswith(prefix.replace(b"-", b" ", 1))
    joined = " ".join(line.decode().partition("CONNEG ")[2] for line in lines[1:])
    assert hash_name(joined) == hash_name(capability)
    assert feature_set(joined).equivalent(feature_set(capability))
    read = read_capability(read_reply_lines([line.decode() for line in lines]))
    assert read is not None
    assert read.expression == joined
    assert not read.flags


@pytest.mark.shows("A6-1")
def test_v_25_no_cut_inside_an_element() -> None:
    octets = write_capability_reply(Reply(250, ("ok",)), LONG, enhanced=False)
    pieces = [line.partition("CONNEG ")[2] for line in octets.decode().split("\r\n")[1:-1]]
    elements = re.compile(r'"[^"]*"|:-|[<>]?=|[^][ ()",;=<>!&|]+|[][(),;<>!&|]')
    assert [e for piece in pieces for e in elements.findall(piece)] == elements.findall(LONG)
