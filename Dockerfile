# One program, compiled, for one-shot runs: no network, no root, nothing to write but results.
#   docker build -t trading-system .
#   docker run --rm trading-system --help
# docs/DEPLOYMENT.md says how it is used. `python -m tests.containers` carries these very lines out without a container engine.

ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS base
# Kernels are compiled while the image is built, for `generic`: the baseline of the architecture. Machine code for the builder's own
# processor would be refused, and compiled again in every container, on any other one; a higher level gains nothing here (measured).
# The same three values must hold when the code is used, so that they stand in the stage that both others begin with.
ENV NUMBA_CPU_NAME=generic \
    NUMBA_CPU_FEATURES="" \
    TRADING_SYSTEM_CACHE=/opt/trading-system/cache

FROM base AS build
WORKDIR /src
COPY pyproject.toml README.md ./
COPY trading_system ./trading_system
COPY EXAMPLE_CONFIGS ./EXAMPLE_CONFIGS
RUN python3 -m venv --without-pip /opt/trading-system/venv
RUN python3 -m pip --python /opt/trading-system/venv/bin/python install . && \
    find /opt/trading-system/venv -type d -name tests -prune -exec rm -r {} +
# every example, then rules on a single symbol, for which the engine has machine code of its own
RUN for file in EXAMPLE_CONFIGS/*.yaml; do /opt/trading-system/venv/bin/trading-system backtest "$file" --out /tmp/warm || exit 1; done
RUN for rule in ma_crossover equity_momentum crypto_momentum mean_reversion multi_timeframe; do \
      printf 'data: {source: sample, path: us5, end: 2006-12-29}\nstrategies: [{name: one, type: %s, universe: [IBM]}]\n' $rule > /tmp/one.yaml && \
      /opt/trading-system/venv/bin/trading-system backtest /tmp/one.yaml --out /tmp/warm || exit 1; done
RUN rm -rf /opt/trading-system/cache/data/bars /tmp/warm && chmod -R a-w /opt/trading-system

FROM base AS run
COPY --from=build /opt/trading-system /opt/trading-system
RUN mkdir /configs /data /results && chown 10001:10001 /results
ENV PATH=/opt/trading-system/venv/bin:${PATH} \
    PYTHONDONTWRITEBYTECODE=1 \
    TRADING_SYSTEM_RESULTS=/results
USER 10001:10001
WORKDIR /results
ENTRYPOINT ["trading-system"]
CMD ["--help"]
