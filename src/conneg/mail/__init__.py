"""Values of a message: mailbox, envelope, header fields, the tree of parts, splicing, reports, trace fields.

Pure: no file, socket, clock or log. The content is octets throughout, and what is not replaced is never
changed.
"""

from conneg.mail.address import AddressError, Mailbox, parse_mailbox
from conneg.mail.body import decode_body, write_base64, write_quoted_printable
from conneg.mail.citation import Citation, citation_parts, cite
from conneg.mail.cover import write_cover
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
from conneg.mail.outline import Outline, outline
from conneg.mail.parts import Part, has_utf8_header, read_parts
from conneg.mail.report import Action, RecipientReport, write_dsn
from conneg.mail.sevenbits import in_seven_bits, is_seven_bits
from conneg.mail.splice import NewPart, Previous, SpliceError, prepend_fields, replace_body, splice
from conneg.mail.trace import count_received, count_received_in, write_received
from conneg.mail.words import read_parameters, read_words, write_parameter, write_words
from conneg.mail.xtext import read_xtext, write_xtext

__all__ = [
    "Action",
    "AddressError",
    "Citation",
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
    "Recipient",
    "RecipientReport",
    "SpliceError",
    "citation_parts",
    "cite",
    "count_received",
    "count_received_in",
    "decode_body",
    "has_utf8_header",
    "in_seven_bits",
    "is_seven_bits",
    "outline",
    "parse_mailbox",
    "prepend_fields",
    "read_fields",
    "read_parameters",
    "read_parts",
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
    "write_words",
    "write_xtext",
]
