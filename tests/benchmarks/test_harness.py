"""The benchmarks' harness: a missing or failing peer stops nothing, turns are fair, and the arithmetic is right."""

import math
import time
from pathlib import Path

import pypdfium2
import pytest
from benchmarks.model import Absent, Benchmark, Contestant, Score, measure
from benchmarks.ours import serve_command
from benchmarks.relay import read_settings
from benchmarks.report import as_json, figure, ratio
from benchmarks.textpdf import write_text_pdf

from tests.peers.programs import MissingPeerError, find

LATER = math.inf


def benchmark(*contestants: Contestant | Absent) -> Benchmark:
    return Benchmark("b", "a benchmark", "things/s", contestants)


def test_contestants_take_turns_and_the_order_rotates() -> None:
    order: list[str] = []

    def entry(name: str) -> Contestant:
        return Contestant(name, "1", lambda: order.append(name) or 1.0)  # type: ignore[func-returns-value]

    measure(benchmark(entry("a"), entry("b")), rounds=3, until=LATER, say=lambda _: None)
    assert order == ["a", "b", "b", "a", "a", "b"]


def test_a_failing_or_absent_contestant_stops_nobody() -> None:
    def fail() -> float:
        raise RuntimeError("no such thing")

    scores = measure(
        benchmark(
            Contestant("ours", "1", lambda: 6.0, ours=True),
            Contestant("broken", "1", fail),
            Absent("gone", "needs gone: apt-get install gone"),
        ),
        rounds=2,
        until=LATER,
        say=lambda _: None,
    )
    ours, broken, gone = scores
    assert ours.rates == [6.0, 6.0]
    assert (broken.rates, broken.median) == ([], None)
    assert broken.problem is not None
    assert "no such thing" in broken.problem
    assert gone.problem == "needs gone: apt-get install gone"
    assert as_json(benchmark(), scores)["scores"][2]["ratio_of_ours"] is None


def test_one_round_is_made_even_out_of_time() -> None:
    (score,) = measure(
        benchmark(Contestant("a", "1", lambda: 1.0)), rounds=5, until=time.monotonic() - 1, say=lambda _: None
    )
    assert score.rates == [1.0]


def test_ratio_is_of_medians_and_of_the_same_work() -> None:
    scores = [
        Score("conneg: long", "", ours=True, rates=[10, 30, 20]),
        Score("peer: long", "", ours=False, rates=[10, 5, 4]),
        Score("conneg: short", "", ours=True, rates=[1]),
        Score("peer: short", "", ours=False, rates=[2]),
        Score("peer: alone", "", ours=False, rates=[2]),
    ]
    assert [ratio(score, scores) for score in scores] == [None, 4.0, None, 0.5, None]


@pytest.mark.parametrize(("rate", "text"), [(12345.6, "12,346"), (12.34, "12.3"), (1.234, "1.23")])
def test_figures_have_three_digits(rate: float, text: str) -> None:
    assert figure(rate) == text


def test_the_text_pdf_has_its_pages_and_its_text(tmp_path: Path) -> None:
    write_text_pdf(tmp_path / "text.pdf", 3)
    document = pypdfium2.PdfDocument(tmp_path / "text.pdf")
    try:
        assert len(document) == 3
        text = document[2].get_textpage().get_text_bounded()
        assert "Section 3" in text
        assert len(text) > 2000
    finally:
        document.close()


def test_postfix_settings_are_read_without_their_comments() -> None:
    settings = read_settings()
    assert settings["in_flow_delay"] == "0"
    assert not any(" " in name or "#" in value for name, value in settings.items())


def test_a_missing_program_is_told_with_its_package() -> None:
    with pytest.raises(MissingPeerError, match="apt-get install no-such-program"):
        find("no-such-program")


def test_the_gateways_configuration_is_accepted(tmp_path: Path) -> None:
    config = pytest.importorskip("conneg.gateway.config", exc_type=ImportError)
    *_, path = serve_command(tmp_path, listen=("127.0.0.1", 2525), next_hop=("127.0.0.1", 2526))
    read = config.read_config(Path(path))
    assert read.server.listen == ("127.0.0.1:2525",)
    assert read.destination[0].host == "127.0.0.1:2526"
