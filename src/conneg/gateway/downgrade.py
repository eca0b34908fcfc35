"""The man in the middle of the draft's section 8: an answer over an unauthenticated channel that leads to a worse form
than an authenticated source has led to expect is not believed without a word.

What was expected is what the directory says over an authenticated channel, or else what the next hop said in an earlier
session that was authenticated.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from conneg.directory import Directory, Known
from conneg.gateway.grouping import Capabilities, plan_for
from conneg.gateway.heard import Heard
from conneg.gateway.renditions import MessageRenditions
from conneg.gateway.sections import DestinationSection
from conneg.negotiation import Capability, Provenance, worse_by
from conneg.spool import SpooledRecipient

_WORDS = {
    "form": "another kind of document",
    "colour": "less colour",
    "resolution": "a lower resolution",
    "chroma": "coarser colour",
    "lossless": "a lossy coding",
    "type": "a less suited type",
    "paper": "other paper",
    "pix-x": "fewer pixels",
    "pix-y": "fewer pixels",
}


@dataclass(frozen=True, slots=True)
class Downgrade:
    """A recipient whose next hop said what leads to a worse form than `expected` does; `reason` says it in a line."""

    recipient: SpooledRecipient
    expected: Capability
    reason: str


class DowngradeGuard:
    """Holds answers against what was expected of the same recipients."""

    def __init__(self, directory: Directory, heard: Heard, *, lookup_seconds: float) -> None:
        self._directory = directory
        self._heard = heard
        self._lookup_seconds = lookup_seconds

    async def downgrades(
        self, capabilities: Capabilities, policy: DestinationSection, renditions: MessageRenditions
    ) -> list[Downgrade]:
        """Return who is worse off by an unauthenticated answer; authenticated ones are remembered."""
        said = {
            recipient.forward_path: capability
            for recipient, capability in capabilities
            if capability is not None and capability.provenance is Provenance.REPLY
        }
        if proven := {path: one for path, one in said.items() if one.authenticated}:
            await self._heard.keep(proven)
        doubtful = [
            (recipient, capability)
            for recipient, capability in capabilities
            if capability is None or _may_be_forged(capability)
        ]
        expected = await self._expected(
            [recipient.forward_path for recipient, _ in doubtful],
            [path for path, one in said.items() if not one.authenticated],
        )
        found = []
        for recipient, capability in doubtful:
            best = expected.get(recipient.forward_path)
            if best is None or (capability is not None and capability.features == best.features):
                continue
            now = await plan_for(capability, policy, renditions)
            then = await plan_for(best, policy, renditions)
            losses = worse_by(now, then, await renditions.offer())
            if losses:
                words = ", ".join(dict.fromkeys(_WORDS[loss] for loss in losses))
                whence = "says nothing" if capability is None else f"{capability.source} says"
                found.append(
                    Downgrade(
                        recipient,
                        best,
                        f"what {whence} over an unauthenticated channel means {words} "
                        f"than what {best.source} said over an authenticated one",
                    )
                )
        return found

    async def _expected(
        self, forward_paths: Sequence[str], answered: Sequence[str]
    ) -> Mapping[str, Capability]:
        """Return what was expected of them; of all but those `answered` for, the directory knows nothing."""
        expected = await self._heard.find(forward_paths)
        answers = await self._directory.lookup(answered, self._lookup_seconds) if answered else {}
        for forward_path, answer in answers.items():
            if isinstance(answer, Known) and answer.capability.authenticated:
                expected[forward_path] = answer.capability
        return expected


def _may_be_forged(capability: Capability) -> bool:
    """Whether it is the next hop's word over an unauthenticated channel, or what is assumed since it said nothing."""
    if capability.provenance is Provenance.REPLY:
        return not capability.authenticated
    return capability.provenance is Provenance.BASELINE
