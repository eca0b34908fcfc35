"""conneg: ESMTP content negotiation, media feature sets, and the mail gateway built on them.

The layers, lowest first: `conneg.features` (media feature sets), `conneg.mail` (values of a message),
`conneg.smtp` (the dialogue, sans-IO) and `conneg.negotiation` (who gets what), then one package for each
kind of outside world (`directory`, `spool`, `content`, `net`), then `gateway`, then `cli` and `demo`.
`docs/architecture.md` tells the trip of a message through them.
"""

__version__ = "0.1.0"
