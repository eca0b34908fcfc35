"""Text with `format=flowed` (RFC 3676) into paragraphs of one line each. Pure.

A line that ends in a space flows on into the next one of the same quote depth; a space before a line that begins with
`>`, `From ` or a space is stuffing. What comes out is laid out like any other text.
"""

SIGNATURE = "-- "
"""The line above a signature, which is no flowed line though it ends in a space (RFC 3676, 4.3)."""


def unflow(text: str, *, delsp: bool) -> str:
    """Return the text with its flowed lines joined; with `delsp` the space at their ends goes (RFC 3676, 4.1)."""
    done: list[str] = []
    paragraph: list[str] | None = None
    depth_before = 0
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        depth = len(line) - len(line.lstrip(">"))
        words = line[depth:].removeprefix(" ")
        if paragraph is not None and (depth != depth_before or words == SIGNATURE):
            done.append("".join(paragraph))  # a flowed line before another depth: its paragraph ends (4.5)
            paragraph = None
        if paragraph is None:
            paragraph = [_quoted(depth)]
        depth_before = depth
        if words.endswith(" ") and words != SIGNATURE:
            paragraph.append(words[:-1] if delsp else words)
        else:
            done.append("".join([*paragraph, words]))
            paragraph = None
    if paragraph is not None:
        done.append("".join(paragraph))
    return "\n".join(done)


def _quoted(depth: int) -> str:
    return ">" * depth + " " if depth else ""
