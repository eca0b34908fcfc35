"""Tests of the benchmarks' harness, not of speed."""
