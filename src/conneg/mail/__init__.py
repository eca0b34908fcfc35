"""Values of a message: mailbox, envelope, header fields, the tree of parts, splicing, reports, trace fields.

Pure: no file, socket, clock or log. The content is octets throughout, and what is not replaced is never
changed.
"""

from conneg.mail.address import AddressError, Mailbox, parse_mailbox
from conneg.mail.body import decode_body, octets_in_base64, write_base64, write_quoted_printable
from conneg.mail.citation import Citation, citation_parts, cite
from conneg.mail.cover import write_cover
from conneg.mail.dkim import MAX_DKIM_SIGNATURES, DkimSignature, dkim_signatures
from conneg.mail.envelope import Envelope, EnvelopeError, Recipient
from conneg.mail.fields import (
    Field,
    FieldError,
    Fields,
    read_fields,
    write_content_features,
    write_features_field,
    write_field,
)
from conneg.mail.originator import from_mailbox
from conneg.mail.outline import Outline, outline
from conneg.mail.parts import Part, has_utf8_header, read_parts
from conneg.mail.protection import ProtectedPart, Protection, find_protected, protection_of
from conneg.mail.report import Action, RecipientReport, write_dsn
from conneg.mail.sevenbits import in_seven_bits, is_seven_bits, needs_eight_bits
from conneg.mail.signed import SignedEntity, read_signed, write_signed
from conneg.mail.splice import NewPart, Previous, SpliceError, prepend_fields, replace_body, splice
from conneg.mail.trace import count_received, count_received_in, write_received
from conneg.mail.words import read_parameters, read_words, write_parameter, write_words
from conneg.mail.xtext import read_xtext, write_xtext

__all__ = [
    "MAX_DKIM_SIGNATURES",
    "Action",
    "AddressError",
    "Citation",
    "DkimSignature",
    "Envelope",
    "EnvelopeError",
    "Field",
    "FieldError",
    "Fields",
    "Mailbox",
    "NewPart",
    "Outline",
    "Part",
    "Previous",
    "ProtectedPart",
    "Protection",
    "Recipient",
    "RecipientReport",
    "SignedEntity",
    "SpliceError",
    "citation_parts",
    "cite",
    "count_received",
    "count_received_in",
    "decode_body",
    "dkim_signatures",
    "find_protected",
    "from_mailbox",
    "has_utf8_header",
    "in_seven_bits",
    "is_seven_bits",
    "needs_eight_bits",
    "octets_in_base64",
    "outline",
    "parse_mailbox",
    "prepend_fields",
    "protection_of",
    "read_fields",
    "read_parameters",
    "read_parts",
    "read_signed",
    "read_words",
    "read_xtext",
    "replace_body",
    "splice",
    "write_base64",
    "write_content_features",
    "write_cover",
    "write_dsn",
    "write_features_field",
    "write_field",
    "write_parameter",
    "write_quoted_printable",
    "write_received",
    "write_signed",
    "write_words",
    "write_xtext",
]
