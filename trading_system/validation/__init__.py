"""An experiment against luck: the statistics, as plain functions of arrays.

Chance is an argument. Whoever draws takes `rng: numpy.random.Generator`; kernels take the draws, or one 64-bit key per
resample, so that a resample does not depend on which others are made, in what chunks, or on how many threads.
"""
