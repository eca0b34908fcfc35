"""Whose signatures the gateway makes: the keys that the configuration names, read once at start."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from conneg.errors import BoundExceededError
from conneg.gateway.config import Config
from conneg.gateway.signature_sections import DkimSection, SmimeSection
from conneg.mail import (
    MAX_DKIM_SIGNATURES,
    DkimSignature,
    Fields,
    dkim_signatures,
    prepend_fields,
    read_fields,
)
from conneg.signing import DkimSigner, SigningError, SmimeSigner, read_dkim_key, read_identity

Seal = Callable[[bytes, bool], bytes]
"""Puts signatures on content as it goes out; the second argument says whether it is other than what came in."""


@dataclass(frozen=True, slots=True)
class Signatures:
    """The signers of S/MIME and of DKIM; both may be none."""

    smime: tuple[SmimeSigner, ...] = ()
    dkim: tuple[DkimSigner, ...] = ()

    def dkim_for(self, fields: Fields, *, is_ours: bool) -> tuple[DkimSigner, ...]:
        """Return who signs a message with this header; nobody one that is not from a client of ours: anybody may write
        our domain into From.
        """
        return tuple(signer for signer in self.dkim if is_ours and signer.signs_for(fields))


def seal_with(signers: tuple[DkimSigner, ...], clock: Callable[[], float] = time.time) -> Seal | None:
    """Return what puts the signatures of these signers on top of content; None if there are none."""
    if not signers:
        return None

    def seal(content: bytes, is_changed: bool) -> bytes:
        at = clock()
        wanted = [signer for signer in signers if is_changed or not signer.only_changed]
        return prepend_fields(content, *(signer.field_for(content, at=at) for signer in wanted))

    return seal


def read_header(content: bytes) -> Fields:
    """Return the message's header; an empty one where it is too long to be read, so that nobody signs for it."""
    try:
        return read_fields(content)
    except BoundExceededError:
        return Fields((), 0, 0)


def may_have_dkim(content: bytes) -> bool:
    """Whether a DKIM-Signature field may be in the header: a look that costs less than reading it."""
    return b"\ndkim-signature" in b"\n" + content[: content.find(b"\r\n\r\n")].lower()


def dkim_notes(header: Fields, signers: Sequence[DkimSigner], *, is_changed: bool) -> list[str]:
    """Say whose DKIM signatures cover the body, whether they still can, and who signs it on the way out.

    The old fields stay whatever becomes of the content, as RFC 6376, 4.2 asks of who signs again.
    """
    covering = [signature for signature in dkim_signatures(header) if signature.covers_body]
    notes = [_covered(signature, is_changed) for signature in covering]
    more = len(header.named("DKIM-Signature")) - MAX_DKIM_SIGNATURES.value
    if more > 0:
        notes.append(f"{more} more DKIM-Signature fields are not read")
    signing = [signer for signer in signers if is_changed or not signer.only_changed]
    notes += [
        f"signed on the way out: DKIM of {signer.domain} (selector {signer.selector})" for signer in signing
    ]
    if is_changed and covering and not signing:
        notes.append(
            "no DKIM signature takes its place: no key for its author, or it is not from a client of ours"
        )
    return notes


def _covered(signature: DkimSignature, is_changed: bool) -> str:
    what = f"the DKIM signature of {signature.domain} (selector {signature.selector})"
    if signature.body_octets is not None:
        what = f"{what}, the first {signature.body_octets} octets of the body,"
    if is_changed:
        return f"the content was covered by {what} and is changed, so that no longer holds; its field stays"
    return f"the content is covered by {what} and not changed"


def open_signatures(config: Config) -> Signatures:
    """Read the keys that `config` names. Raises `conneg.signing.SigningError`: which file, and what is wrong."""
    return Signatures(
        tuple(_smime_signer(section) for section in config.smime),
        tuple(_dkim_signer(section) for section in config.dkim),
    )


def _smime_signer(section: SmimeSection) -> SmimeSigner:
    identity = read_identity(section.certificate, section.key, section.intermediates)
    known = {address.lower() for address in identity.addresses}
    strange = [address for address in section.addresses if "@" in address and address not in known]
    if known and strange:
        raise SigningError(
            f"{section.certificate}: the certificate is for {', '.join(sorted(known))}, not for {strange[0]}"
        )
    return SmimeSigner(section.addresses, identity)


def _dkim_signer(section: DkimSection) -> DkimSigner:
    signer = DkimSigner(
        domain=section.domain,
        selector=section.selector,
        key=read_dkim_key(section.key),
        authors=section.from_domains or (section.domain,),
        only_changed=section.sign == "changed",
    )
    return signer if section.fields is None else replace(signer, fields=section.fields)
