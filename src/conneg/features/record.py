"""Values made of parts, without the cost of `dataclasses`.

Importing that module, and making classes with it, would be half of what importing `conneg.features` costs.
"""


class Record:
    """Equal to another of its class if all parts named in `__match_args__` are; hashed and shown by them.

    A record is made once and never changed; its attributes are `Final`, which the type checker enforces.
    """

    __slots__ = ()
    __match_args__: tuple[str, ...] = ()

    def parts(self) -> tuple[object, ...]:
        """Return the values of the parts that count, in the order of `__match_args__`."""
        return tuple(getattr(self, name) for name in self.__match_args__)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return isinstance(other, type(self)) and self.parts() == other.parts()

    def __hash__(self) -> int:
        return hash((type(self).__name__, self.parts()))

    def __repr__(self) -> str:
        shown = ", ".join(
            f"{name}={part!r}" for name, part in zip(self.__match_args__, self.parts(), strict=True)
        )
        return f"{type(self).__name__}({shown})"
