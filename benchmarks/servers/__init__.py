"""Servers under load, each a process of its own; each prints the port it listens on."""
