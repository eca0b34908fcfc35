"""SASL for AUTH (RFC 4954), both sides, without the base64: PLAIN (RFC 4616), LOGIN, SCRAM-SHA-256 (RFC 5802, 7677).

A server's mechanism says step by step what it needs: to send a challenge, to know whether a password is right, to have
a user's keys. Passwords and names are prepared by SASLprep (RFC 4013). Channel binding is not offered.
"""

import base64
import binascii
import hashlib
import hmac
import re
import stringprep
import unicodedata
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Protocol

from conneg.bounds import Bound
from conneg.errors import ConnegError

MECHANISMS: tuple[str, ...] = ("SCRAM-SHA-256", "PLAIN", "LOGIN")
"""Those that are known, the best first."""

MAX_ITERATIONS = Bound(
    name="smtp.scram_iterations",
    value=1_000_000,
    unit="iterations that a server may ask a client for",
    reason="each costs time, and the server is not known yet",
    answer="the exchange is given up",
)

DEFAULT_ITERATIONS = 15_000
_MIN_ITERATIONS = 4096
_MAX_NAME = 255
_MAX_PASSWORD = 1024


class SaslError(ConnegError):
    """A message that is none of the mechanism's, or a server that does not know the password."""


@dataclass(frozen=True, slots=True)
class PasswordClaim:
    """Wants to know whether that is the user's password."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeysWanted:
    """Wants the user's `ScramKeys`, None if there is no such user."""

    username: str


@dataclass(frozen=True, slots=True)
class Challenge:
    """Octets to send to the client."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class Concluded:
    """The exchange is over; `username` is None if it failed."""

    username: str | None


ServerStep = PasswordClaim | KeysWanted | Challenge | Concluded


@dataclass(frozen=True, slots=True)
class ScramKeys:
    """What a server keeps of a password (RFC 5802, 3): enough to check it, too little to use it elsewhere."""

    salt: bytes
    iterations: int
    stored_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)

    def to_text(self) -> str:
        """Return `SCRAM-SHA-256$iterations:salt$stored:server`, as PostgreSQL does (RFC 5803 has the same parts)."""
        salt, stored, server = map(_to_base64, (self.salt, self.stored_key, self.server_key))
        return f"SCRAM-SHA-256${self.iterations}:{salt}${stored}:{server}"

    @classmethod
    def parse(cls, text: str) -> "ScramKeys":
        """Read what `to_text` wrote. Raises `SaslError`."""
        found = _KEYS.fullmatch(text.strip())
        if found is None:
            raise SaslError("not of the form SCRAM-SHA-256$iterations:salt$stored-key:server-key")
        salt, stored, server = (_from_base64(part) for part in found.group(2, 3, 4))
        if len(stored) != 32 or len(server) != 32 or not salt:
            raise SaslError("keys of SCRAM-SHA-256 have 32 octets each, and a salt")
        return cls(salt, int(found[1]), stored, server)


def derive_scram_keys(password: str, *, salt: bytes, iterations: int = DEFAULT_ITERATIONS) -> ScramKeys:
    """Return the keys for a password (RFC 5802, 3). Raises `SaslError` for a password that cannot be prepared."""
    salted = _salted(password, salt, iterations)
    stored = hashlib.sha256(_hmac(salted, b"Client Key")).digest()
    return ScramKeys(salt, iterations, stored, _hmac(salted, b"Server Key"))


class ServerMechanism(Protocol):
    """The server's side of one exchange. Every method may raise `SaslError`, and then the exchange has failed."""

    def begin(self, initial: bytes | None) -> ServerStep:
        """Take the client's initial response, if there is one."""

    def respond(self, response: bytes) -> ServerStep:
        """Take the client's answer to a `Challenge`."""

    def check(self, is_right: bool) -> ServerStep:
        """Take the answer to a `PasswordClaim`."""

    def keys(self, keys: ScramKeys | None) -> ServerStep:
        """Take the answer to `KeysWanted`."""


class ClientMechanism(Protocol):
    """The client's side of one exchange."""

    name: str

    def initial(self) -> bytes | None:
        """Return what goes with AUTH, None if the server speaks first."""

    def respond(self, challenge: bytes) -> bytes:
        """Answer a challenge. Raises `SaslError`."""

    def conclude(self) -> None:
        """The server says that it has succeeded. Raises `SaslError` if it has not shown that it knows the password."""


def server_mechanism(name: str, *, nonce: Callable[[], bytes], decoy_secret: bytes) -> ServerMechanism | None:
    """Return a mechanism by its name; None if it is not known.

    `nonce` gives printable octets without comma; of `decoy_secret` the salt of users that there are not is made.
    """
    match name.upper():
        case "PLAIN":
            return _PlainServer()
        case "LOGIN":
            return _LoginServer()
        case "SCRAM-SHA-256":
            return _ScramServer(nonce(), decoy_secret)
        case _:
            return None


def client_mechanism(
    offered: Collection[str], username: str, password: str, *, nonce: Callable[[], bytes]
) -> ClientMechanism | None:
    """Return the best of the mechanisms that the server offers; None if none is known."""
    match next((name for name in MECHANISMS if name in offered), None):
        case "SCRAM-SHA-256":
            return _ScramClient(username, password, nonce())
        case "PLAIN":
            return _PlainClient(username, password)
        case "LOGIN":
            return _LoginClient(username, password)
        case _:
            return None


def prepare(text: str) -> str:
    """Return `text` by SASLprep (RFC 4013). Raises `SaslError` for what it prohibits, and if nothing is left."""
    if text.isascii() and text.isprintable():
        return text
    mapped = "".join(
        " " if stringprep.in_table_c12(char) else char for char in text if not stringprep.in_table_b1(char)
    )
    prepared = unicodedata.normalize("NFKC", mapped)
    if text and not prepared:
        raise SaslError("a user name or password of which nothing is left")  # RFC 4616, 2; RFC 5802, 5.1
    if any(prohibited(char) for char in prepared for prohibited in _PROHIBITED):
        raise SaslError("a character that no user name or password may have")
    if any(map(stringprep.in_table_d1, prepared)):
        # RFC 3454, 6: what is written from right to left begins and ends so, and has nothing else in it
        ends = stringprep.in_table_d1(prepared[0]) and stringprep.in_table_d1(prepared[-1])
        if not ends or any(map(stringprep.in_table_d2, prepared)):
            raise SaslError("text from right to left that is mixed with other text")
    return prepared


class _PasswordServer:
    """What PLAIN and LOGIN share: a claim, and the answer to it."""

    _username = ""

    def _claim(self, username: bytes, password: bytes) -> PasswordClaim:
        if not 0 < len(username) <= _MAX_NAME or not 0 < len(password) <= _MAX_PASSWORD:
            raise SaslError("a user name or password that is empty or too long")
        try:
            self._username = prepare(username.decode("utf-8"))
            return PasswordClaim(self._username, prepare(password.decode("utf-8")))
        except UnicodeDecodeError:
            raise SaslError("a user name or password that is not UTF-8") from None

    def check(self, is_right: bool) -> ServerStep:
        return Concluded(self._username if is_right and self._username else None)

    def keys(self, keys: ScramKeys | None) -> ServerStep:
        raise SaslError("no keys are wanted")


class _PlainServer(_PasswordServer):
    """message = [authzid] NUL authcid NUL passwd ; RFC 4616, 2"""

    def begin(self, initial: bytes | None) -> ServerStep:
        return Challenge(b"") if initial is None else self.respond(initial)

    def respond(self, response: bytes) -> ServerStep:
        parts = response.split(b"\0")
        if len(parts) != 3 or parts[0] not in (b"", parts[1]):
            raise SaslError("not [authzid] NUL name NUL password, or in another user's name")
        return self._claim(parts[1], parts[2])


class _LoginServer(_PasswordServer):
    """Name and password asked for one after the other (draft-murchison-sasl-login-00)."""

    def __init__(self) -> None:
        self._name: bytes | None = None

    def begin(self, initial: bytes | None) -> ServerStep:
        return Challenge(b"Username:") if initial is None else self.respond(initial)

    def respond(self, response: bytes) -> ServerStep:
        if self._name is None:
            self._name = response
            return Challenge(b"Password:")
        return self._claim(self._name, response)


class _ScramServer:
    """RFC 5802, 5 and 7; a user that there is not is led on to the end with a made-up salt."""

    def __init__(self, nonce: bytes, decoy_secret: bytes) -> None:
        self._nonce = nonce
        self._decoy_secret = decoy_secret
        self._username = ""
        self._first_bare = self._first_of_server = self._binding = b""
        self._keys: ScramKeys | None = None
        self._is_decoy = self._is_proved = False

    def begin(self, initial: bytes | None) -> ServerStep:
        return Challenge(b"") if initial is None else self.respond(initial)

    def respond(self, response: bytes) -> ServerStep:
        if self._is_proved:
            return Concluded(self._username)
        return self._finish(response) if self._keys is not None else self._start(response)

    def check(self, is_right: bool) -> ServerStep:
        raise SaslError("no password is to be checked")

    def keys(self, keys: ScramKeys | None) -> ServerStep:
        self._is_decoy = keys is None
        self._keys = keys or self._decoy()
        self._first_of_server = b"r=%s,s=%s,i=%d" % (
            self._nonce,
            base64.b64encode(self._keys.salt),
            self._keys.iterations,
        )
        return Challenge(self._first_of_server)

    def _start(self, response: bytes) -> ServerStep:
        found = _CLIENT_FIRST.fullmatch(response)
        if found is None:
            raise SaslError("not a client's first message of SCRAM, or channel binding is wanted")
        header, authzid, bare, name, nonce = found.groups()
        username = _read_name(name)
        if authzid is not None and _read_name(authzid) != username:
            raise SaslError("in another user's name")
        self._binding = header
        self._username = username
        self._first_bare = bare
        self._nonce = nonce + self._nonce
        return KeysWanted(username)

    def _finish(self, response: bytes) -> ServerStep:
        found = _CLIENT_FINAL.fullmatch(response)
        if found is None or self._keys is None:
            raise SaslError("not a client's final message of SCRAM")
        without_proof, binding, nonce, proof = found.groups()
        is_ours = nonce == self._nonce and _from_base64(binding.decode("ascii")) == self._binding
        message = b",".join((self._first_bare, self._first_of_server, without_proof))
        signature = _hmac(self._keys.stored_key, message)
        key = _xor(_from_base64(proof.decode("ascii")), signature)
        is_right = hmac.compare_digest(hashlib.sha256(key).digest(), self._keys.stored_key)
        if not is_ours or not is_right or self._is_decoy:
            return Concluded(None)
        self._is_proved = True
        return Challenge(b"v=" + base64.b64encode(_hmac(self._keys.server_key, message)))

    def _decoy(self) -> ScramKeys:
        digest = _hmac(self._decoy_secret, self._username.encode("utf-8"))
        return ScramKeys(digest[:16], DEFAULT_ITERATIONS, _hmac(digest, b"stored"), _hmac(digest, b"server"))


class _PlainClient:
    name = "PLAIN"

    def __init__(self, username: str, password: str) -> None:
        self._message = b"\0%s\0%s" % (prepare(username).encode("utf-8"), prepare(password).encode("utf-8"))

    def initial(self) -> bytes | None:
        return self._message

    def respond(self, challenge: bytes) -> bytes:
        return self._message

    def conclude(self) -> None:
        """The server need not show anything."""


class _LoginClient:
    name = "LOGIN"

    def __init__(self, username: str, password: str) -> None:
        self._answers = [prepare(username).encode("utf-8"), prepare(password).encode("utf-8")]

    def initial(self) -> bytes | None:
        return None

    def respond(self, challenge: bytes) -> bytes:
        if not self._answers:
            raise SaslError("a third challenge of LOGIN")
        return self._answers.pop(0)

    def conclude(self) -> None:
        """The server need not show anything."""


class _ScramClient:
    name = "SCRAM-SHA-256"

    def __init__(self, username: str, password: str, nonce: bytes) -> None:
        name = prepare(username).replace("=", "=3D").replace(",", "=2C").encode("utf-8")
        self._password = password
        self._nonce = nonce
        self._first_bare = b"n=%s,r=%s" % (name, nonce)
        self._expected: bytes | None = None
        self._is_verified = False

    def initial(self) -> bytes | None:
        return b"n,," + self._first_bare

    def respond(self, challenge: bytes) -> bytes:
        if self._expected is None:
            return self._answer(challenge)
        if not hmac.compare_digest(challenge, self._expected):
            raise SaslError("the server's signature is wrong")
        self._is_verified = True
        return b""

    def conclude(self) -> None:
        if not self._is_verified:
            raise SaslError("it has not signed")

    def _answer(self, challenge: bytes) -> bytes:
        found = _SERVER_FIRST.fullmatch(challenge)
        if found is None or not found[1].startswith(self._nonce) or found[1] == self._nonce:
            raise SaslError("not a server's first message of SCRAM")
        iterations = int(found[3])
        if not _MIN_ITERATIONS <= iterations <= MAX_ITERATIONS.value:
            raise SaslError(f"{iterations} iterations are too few or too many")
        salted = _salted(self._password, _from_base64(found[2].decode("ascii")), iterations)
        key = _hmac(salted, b"Client Key")
        without_proof = b"c=biws,r=" + found[1]
        message = b",".join((self._first_bare, challenge, without_proof))
        proof = _xor(key, _hmac(hashlib.sha256(key).digest(), message))
        self._expected = b"v=" + base64.b64encode(_hmac(_hmac(salted, b"Server Key"), message))
        return without_proof + b",p=" + base64.b64encode(proof)


_PROHIBITED = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)
_KEYS = re.compile(r"SCRAM-SHA-256\$([1-9][0-9]{0,6}):([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+):([A-Za-z0-9+/=]+)")
_SASLNAME = rb"(?:[^\x00,=]|=2C|=3D){1,1000}"
_NONCE = rb"[\x21-\x2b\x2d-\x7e]{1,500}"
_BASE64 = rb"[A-Za-z0-9+/]{1,500}={0,2}"
# the header "n" or "y": channel binding is not used, or the client thinks that it is not offered (RFC 5802, 7)
_CLIENT_FIRST = re.compile(
    rb"([ny],(?:a=(" + _SASLNAME + rb"))?,)(n=(" + _SASLNAME + rb"),r=(" + _NONCE + rb")(?:,[^\x00]*)?)"
)
_CLIENT_FINAL = re.compile(
    rb"(c=(" + _BASE64 + rb"),r=(" + _NONCE + rb")(?:,[^\x00]*)?),p=(" + _BASE64 + rb")"
)
_SERVER_FIRST = re.compile(rb"r=(" + _NONCE + rb"),s=(" + _BASE64 + rb"),i=([1-9][0-9]{0,8})(?:,[^\x00]*)?")


def _read_name(name: bytes) -> str:
    try:
        text = name.decode("utf-8").replace("=2C", ",").replace("=3D", "=")
    except UnicodeDecodeError:
        raise SaslError("a user name that is not UTF-8") from None
    if len(text) > _MAX_NAME:
        raise SaslError("a user name that is too long")
    return prepare(text)


def _salted(password: str, salt: bytes, iterations: int) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", prepare(password).encode("utf-8"), salt, iterations)


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")


def _xor(one: bytes, other: bytes) -> bytes:
    if len(one) != len(other):
        raise SaslError("a proof of the wrong length")
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def _to_base64(octets: bytes) -> str:
    return base64.b64encode(octets).decode("ascii")


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise SaslError("not base64") from None
