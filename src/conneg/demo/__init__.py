"""The main job on real input: three servers on loopback, one message, and each recipient's best form of it."""
