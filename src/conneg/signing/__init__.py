"""Signatures of our own: S/MIME made again over what was converted, DKIM over what goes out.

Needs `conneg[gateway]`. Private keys are read and used here, in the process of the caller, and go nowhere else.
"""

from conneg.signing.dkim import DEFAULT_FIELDS, DkimSigner
from conneg.signing.errors import SignatureError, SigningError
from conneg.signing.keys import Identity, read_dkim_key, read_identity
from conneg.signing.smime import LeftAlone, Opened, SmimeSigner, open_signed

__all__ = [
    "DEFAULT_FIELDS",
    "DkimSigner",
    "Identity",
    "LeftAlone",
    "Opened",
    "SignatureError",
    "SigningError",
    "SmimeSigner",
    "open_signed",
    "read_dkim_key",
    "read_identity",
]
