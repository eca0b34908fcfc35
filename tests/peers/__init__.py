"""Real peers for tests and benchmarks: private instances of others' servers, on loopback only."""
