"""Messages for the tests of `conneg.mail`: trees of parts written out by hand, so that every octet is known."""

import base64
import binascii
from dataclasses import dataclass, field

from hypothesis import strategies as st


@dataclass(frozen=True)
class Leaf:
    """A part without parts: what its body means and how it is written."""

    media_type: str
    body: bytes
    encoding: str = "7bit"
    fields: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Multi:
    """A multipart: its children, and what stands before, between and after them."""

    subtype: str
    children: tuple["Leaf | Multi", ...]
    preamble: bytes = b""
    epilogue: bytes = b""
    is_closed: bool = True
    padding: bytes = b""


@dataclass
class Writer:
    """Writes a tree as octets."""

    eol: bytes = b"\r\n"
    count: int = field(default=0)

    def write(self, node: Leaf | Multi, head: bytes = b"") -> bytes:
        if isinstance(node, Leaf):
            header = [head, b"Content-Type: " + node.media_type.encode(), self.eol]
            header += [b"Content-Transfer-Encoding: " + node.encoding.encode(), self.eol]
            header += [extra + self.eol for extra in node.fields]
            return b"".join([*header, self.eol, self._encode(node)])
        self.count += 1
        boundary = b"=_b%d" % self.count
        content_type = b'Content-Type: multipart/%s;%s boundary="%s"' % (
            node.subtype.encode(),
            self.eol,
            boundary,
        )
        pieces = [head, content_type, self.eol, self.eol]
        pieces += [node.preamble + self.eol if node.preamble else b""]
        for number, child in enumerate(node.children):
            pieces += [
                self.eol if number else b"",
                b"--",
                boundary,
                node.padding,
                self.eol,
                self.write(child),
            ]
        if node.is_closed:
            pieces += [self.eol, b"--", boundary, b"--", self.eol, node.epilogue]
        return b"".join(pieces)

    def _encode(self, leaf: Leaf) -> bytes:
        match leaf.encoding:
            case "base64":
                return base64.encodebytes(leaf.body).rstrip(b"\n").replace(b"\n", self.eol)
            case "quoted-printable":
                return binascii.b2a_qp(leaf.body, istext=False).replace(b"\n", self.eol)
            case _:
                return leaf.body


# No line of a 7bit body may look like a delimiter, and none ends in a CR that would join with the line end after it.
_texts = st.text(alphabet="abc XYZ.,=\n", max_size=60).map(lambda text: text.encode())
leaves = st.one_of(
    st.builds(Leaf, st.sampled_from(["text/plain", "text/html; charset=utf-8", "image/x-1"]), _texts),
    st.builds(Leaf, st.just("image/tiff"), st.binary(max_size=200), st.just("base64")),
    st.builds(Leaf, st.just("text/plain"), st.binary(max_size=200), st.just("quoted-printable")),
)
_outsides = st.sampled_from([b"", b"This is a multi-part message.", b"-- \nnot a delimiter", b"--=_b"])


def _multis(children: st.SearchStrategy) -> st.SearchStrategy:
    return st.builds(
        Multi,
        st.sampled_from(["mixed", "alternative", "related", "x-unknown"]),
        st.lists(children, min_size=1, max_size=4).map(tuple),
        _outsides,
        _outsides,
        st.booleans(),
        st.sampled_from([b"", b" ", b" \t"]),
    )


trees = st.recursive(leaves, _multis, max_leaves=8)
eols = st.sampled_from([b"\r\n", b"\n"])
HEAD = b"From: scan@office.example\r\nTo: june@ifax1.example\r\nMIME-Version: 1.0\r\n"


@st.composite
def messages(draw: st.DrawFn) -> tuple[Leaf | Multi, bytes]:
    """A tree and the message that it is written as."""
    tree, eol = draw(trees), draw(eols)
    return tree, Writer(eol).write(tree, HEAD.replace(b"\r\n", eol))


def tree_leaves(tree: Leaf | Multi) -> list[Leaf]:
    """Return the leaves in order."""
    return (
        [tree] if isinstance(tree, Leaf) else [leaf for child in tree.children for leaf in tree_leaves(child)]
    )
