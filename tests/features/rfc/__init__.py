"""The examples and stated results of the media feature RFCs, as data (`*.toml`) and as tests of it."""
