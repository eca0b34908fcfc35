"""Unregistered tags of our own, named by a URI as RFC 2506, 3.1.3 has it; nothing else is private to conneg."""

OCTETS_TAG = "u.urn:x-conneg:octets"
"""The size of one part or document in octets, as it stands in a message; no registered tag limits that."""

QUALITY_TAG = "u.urn:x-conneg:quality"
"""How well a lossy coding keeps a picture, on libjpeg's scale from 1 to 100."""
