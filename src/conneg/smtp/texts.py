"""The replies that a server's core gives by itself, without asking its driver."""

from conneg.smtp.lines import BadLine
from conneg.smtp.reply import Reply

GO_AHEAD = Reply(354, ("okay, send data",))
OK = Reply(250, ("ok",), "2.0.0")
GOODBYE = Reply(221, ("goodbye",), "2.0.0")
HELP = Reply(214, ("EHLO HELO MAIL RCPT DATA BDAT RSET NOOP VRFY AUTH STARTTLS QUIT; see RFC 5321",), "2.0.0")
UNKNOWN = Reply(500, ("command not recognised",), "5.5.2")
READY_FOR_TLS = Reply(220, ("ready to start TLS",), "2.0.0")
ALREADY_SECURE = Reply(503, ("TLS is there already",), "5.5.1")
BEHIND_STARTTLS = Reply(421, ("nothing may be sent behind STARTTLS before TLS is there",), "4.7.0")
NOT_IMPLEMENTED = Reply(502, ("command not implemented",), "5.5.1")
BARE = Reply(500, (f"{BadLine.BARE.value}",), "5.5.2")
LONG = Reply(500, (f"{BadLine.LONG.value}",), "5.5.2")
NOT_UTF8 = Reply(500, ("a command is ASCII, or UTF-8 with SMTPUTF8",), "5.5.2")
HELLO_FIRST = Reply(503, ("EHLO first",), "5.5.1")
NESTED_MAIL = Reply(503, ("a transaction is open; RSET ends it",), "5.5.1")
MAIL_FIRST = Reply(503, ("MAIL first",), "5.5.1")
RCPT_FIRST = Reply(503, ("RCPT first",), "5.5.1")
NO_VALID_RECIPIENTS = Reply(554, ("no valid recipients",), "5.5.1")
NO_ARGUMENT = Reply(501, ("this command has no argument",), "5.5.4")
BAD_HELLO = Reply(501, ("syntax: EHLO and one host name or address literal",), "5.5.4")
TOO_MANY_RECIPIENTS = Reply(452, ("too many recipients in one transaction",), "4.5.3")
TOO_MANY_ERRORS = Reply(421, ("too many errors",), "4.7.0")
HIDES_AN_END = Reply(
    554, ("content with a bare CR or LF, or a dot behind NUL, is refused; lines end with CRLF",), "5.6.0"
)
"""One text for all of it: which comes first must not depend on how the stream is cut."""
ENDLESS = Reply(421, ("the message has been refused and does not end",), "4.3.0")


LHLO_HERE = Reply(500, ("this is LMTP: LHLO in place of EHLO",), "5.5.1")
NO_DATA_HERE = Reply(503, ("BDAT and DATA do not mix; and BINARYMIME needs BDAT",), "5.5.1")
BAD_BDAT = Reply(501, ("syntax: BDAT octets [LAST]",), "5.5.4")
BDAT_FAILED = Reply(503, ("a chunk was refused; RSET",), "5.5.1")
TLS_FIRST = Reply(530, ("STARTTLS first",), "5.7.0")
AUTH_FIRST = Reply(530, ("authentication required",), "5.7.0")
AUTHENTICATED = Reply(235, ("authenticated",), "2.7.0")
AUTH_FAILED = Reply(535, ("the user name or password is wrong",), "5.7.8")
AUTH_UNAVAILABLE = Reply(454, ("authentication is not available now; try again later",), "4.7.0")
AUTH_AGAIN = Reply(503, ("authenticated already",), "5.5.1")
AUTH_CANCELLED = Reply(501, ("authentication cancelled",), "5.7.0")
AUTH_LONG = Reply(500, ("line of an authentication exchange too long",), "5.5.6")
BAD_AUTH = Reply(501, ("syntax: AUTH mechanism [initial response in base64]",), "5.5.4")
NOT_BASE64 = Reply(501, ("not base64",), "5.5.2")
NO_SUCH_MECHANISM = Reply(504, ("mechanism not supported",), "5.5.4")
NEEDS_ENCRYPTION = Reply(538, ("this mechanism needs TLS",), "5.7.11")
TOO_MANY_AUTH_FAILURES = Reply(421, ("too many failed authentications",), "4.7.0")
TOO_MANY_IDLE_COMMANDS = Reply(421, ("too many commands that lead to nothing",), "4.7.0")
TOO_MANY_REFUSED = Reply(421, ("too many unknown recipients",), "4.7.0")
TOO_MANY_TRANSACTIONS = Reply(421, ("too many messages in one session; open another",), "4.7.0")
BAD_XCLIENT = Reply(501, ("syntax: XCLIENT attribute=value ...",), "5.5.4")


def chunk_taken(octets: int) -> Reply:
    """Return the reply to a chunk that was not the last one (RFC 3030, 2)."""
    return Reply(250, (f"{octets} octets received",), "2.0.0")


def too_large(max_message_octets: int) -> Reply:
    """Return the refusal of a message above the size that is offered (RFC 1870, 6)."""
    return Reply(552, (f"more than {max_message_octets} octets",), "5.3.4")
