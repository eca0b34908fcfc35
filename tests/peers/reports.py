"""Reports of others read: RFC 3464's fields, whoever wrote them."""

import email
import email.policy
import re

DSN_MAIL = ("RET=HDRS", "ENVID=QQ314+2B159")
DSN_RCPT = ("NOTIFY=SUCCESS", "ORCPT=rfc822;boss@example.com")
"""What a sender asks for who wants to hear of success."""


def check_report(content: bytes, reporter: str, action: str, *, envelope_id: str = "QQ314+159") -> None:
    """It is `reporter`'s, says `action`, and names what the sender named (RFC 3464, 2.2 and 2.3)."""
    report = email.message_from_bytes(content, policy=email.policy.default)
    assert report.get_content_type() == "multipart/report"
    fields = {
        "Original-Envelope-Id": re.escape(envelope_id),
        "Original-Recipient": "rfc822; ?boss@example.com",
        "Reporting-MTA": f"dns; ?{re.escape(reporter)}",
        "Action": f"{action}.*",
    }
    text = report.as_string()
    for name, value in fields.items():
        assert re.search(f"^{name}: {value}$", text, re.MULTILINE | re.IGNORECASE), text
