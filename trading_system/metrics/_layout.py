"""Where each figure of a pass over a curve lies in the arrays that the kernels fill."""

BLOCK = 128  # the returns of one block stay in the first-level cache
LANES = 16  # figures side by side: they vectorise, and lose less to rounding than one long sum
CHUNK = 64  # drawdowns: a chunk whose highest level is below the peak needs no look at the order of its levels

SUM, SUM2, SUM3, SUM4, GAIN, LOSS, SHORTFALL, N_UP, N_DOWN, LEAST, MOST = range(0, 11 * BLOCK, BLOCK)
N_SUMS = 11
LEVEL, PEAK_AT, WORST, PEAK, TROUGH, RECOVERY, LONGEST, UNDER, SQUARES = range(9)
N_FALLS = 9

PRODUCT, ACTIVE2, ACTIVE_LEAST, ACTIVE_MOST = range(0, 4 * BLOCK, BLOCK)
N_PAIR_SUMS = 4
