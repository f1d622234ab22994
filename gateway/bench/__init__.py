"""Benchmarks behind `tillgate bench`: what the house does, measured beside a reference on the same machine.

Rules of the room: figures are ratios first, since a machine's own speed moves by the hour; runs of ours and of the
reference alternate and the median counts; both do the same work in the same tables with the same indexes; JSON out.
"""
