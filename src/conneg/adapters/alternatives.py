"""The best that a message holds for a capability: of alternatives one, each part as it stands, nothing converted."""

from collections.abc import Mapping

from conneg.adapters.values import RecipientClass
from conneg.features import FeatureSet, feature_set
from conneg.mail import Part, outline, read_parts, splice
from conneg.negotiation import (
    AsItIs,
    ByPart,
    Capability,
    Drop,
    MessageOffer,
    OfferedPart,
    make_plan,
    profile_expression,
)


class Alternatives:
    """Chooses among the alternatives of one message; an instance is what a client's adapter takes as `choose`.

    A part is described by its Content-Features field (RFC 2912), else by the entry for its media type in `features`
    (an expression, or the name of a TIFF-FX profile such as `S`), else by its type alone. A device that takes only page
    images gets the one alternative that is a TIFF file of its kind. Raises what `conneg.mail.read_parts` and
    `conneg.features.feature_set` raise for content or descriptions that cannot be read.
    """

    def __init__(self, content: bytes, features: Mapping[str, str] | None = None) -> None:
        self._content = content
        self._root = read_parts(content)
        self._outline = outline(self._root, content)
        self._features = {name.lower(): text for name, text in (features or {}).items()}
        self._parts = tuple(
            self._offered(leaf) for leaf in self._outline.leaves if leaf.id not in self._outline.signatures
        )

    def __call__(self, recipients: RecipientClass) -> bytes | None:
        """Return the content for this class of recipients, None if no alternative is accepted."""
        capability = recipients.capability
        if capability is None:
            return self._content
        offer = MessageOffer(self._parts, FeatureSet.nothing(), alternatives=self._outline.alternatives)
        match make_plan(offer, capability):
            case AsItIs():
                return self._content
            case ByPart(actions=actions):
                return self._without([action.part_id for action in actions if isinstance(action, Drop)])
            case _:
                return self._page_images(capability) if capability.is_page_device else None

    def _page_images(self, capability: Capability) -> bytes | None:
        """Return the message with only that alternative which is accepted, if there is nothing but alternatives."""
        for group in self._outline.alternatives:
            if sum(len(self._outline.members(member)) for member in group) != len(self._parts):
                continue
            for chosen in reversed(group):
                parts = tuple(part for part in self._parts if part.id == chosen)
                alone = MessageOffer(parts, FeatureSet.nothing())
                if parts and isinstance(make_plan(alone, capability), AsItIs):
                    return self._without([member for member in group if member != chosen])
        return None

    def _without(self, part_ids: list[str]) -> bytes:
        return splice(self._content, self._root, {part_id: [] for part_id in part_ids})

    def _offered(self, leaf: Part) -> OfferedPart:
        described = leaf.fields.get("Content-Features") or self._features.get(leaf.media_type)
        text = f'(type="{leaf.media_type}")'
        if described is not None:
            text = f"(& {text} {profile_expression(described) or described})"
        return OfferedPart(
            id=leaf.id,
            media_type=leaf.media_type,
            label=leaf.filename or leaf.media_type,
            octets=leaf.body_end - leaf.body_start,
            features=feature_set(text, lenient=True),
            offer=FeatureSet.nothing(),
            protection=self._outline.protections.get(leaf.id),
        )
