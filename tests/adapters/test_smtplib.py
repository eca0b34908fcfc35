import asyncio

from conneg.adapters.smtplib import NegotiatingSMTP
from conneg.smtp import ConnegArgument
from tests.net.servers import HOST, Raw, Recorder, listening, scripted


def client(port: int) -> NegotiatingSMTP:
    return NegotiatingSMTP(HOST, port, local_hostname="client.example", timeout=10)


async def test_each_class_gets_what_is_chosen() -> None:
    def send(port: int) -> list[str | None]:
        seen: list[str | None] = []
        with client(port) as smtp:
            sent = smtp.send_negotiated(
                "may@b.example",
                ["june@a.example"],
                lambda text: seen.append(text) or b"Subject: x\r\n\r\nx\r\n",
            )
        assert [one.reply.code for one in sent if one.reply] == [250]
        return seen

    recorder = Recorder()
    async with listening(recorder) as listener:
        seen = await asyncio.to_thread(send, listener.port)
    assert len(recorder.messages) == 1
    assert seen[0] is not None


async def ask(ehlo: tuple[str, ...], refusal: str, argument: ConnegArgument) -> tuple[list[str], int]:
    heard: list[str] = []

    async def script(raw: Raw) -> None:
        raw.say("220 x")
        while line := (await raw.reader.readline()).decode().strip():
            heard.append(line)
            if line.upper() == "QUIT":
                raw.say("221 bye")
            elif line.upper().startswith("EHLO"):
                raw.say(*ehlo)
            else:
                raw.say(refusal if "CONNEG" in line else "250 ok")

    def run(port: int) -> int:
        with client(port) as smtp:
            smtp.ehlo()
            smtp.mail("may@b.example")
            return smtp.rcpt_conneg("june@a.example", argument).reply.code

    async with scripted(script) as port:
        code = await asyncio.to_thread(run, port)
    return [line for line in heard if line.startswith("RCPT")], code


async def test_optional_is_repeated_without_the_parameter() -> None:
    heard, code = await ask(("250-x", "250 CONNEG"), "555 unknown parameter", ConnegArgument.OPTIONAL)
    assert heard == ["RCPT TO:<june@a.example> CONNEG=OPTIONAL", "RCPT TO:<june@a.example>"]
    assert code == 250


async def test_required_is_not_sent_where_it_is_not_listed() -> None:
    assert await ask(("250 x",), "250 ok", ConnegArgument.REQUIRED) == ([], 504)
