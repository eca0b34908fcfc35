"""How the demo's sample documents are made; run `tools/make_samples.py`."""
