"""Content negotiation for mail libraries that others wrote; each library is imported by its own module only."""
