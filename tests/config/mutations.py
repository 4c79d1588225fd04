"""Seeded damage to run and strategy files: deletions, duplicates, wrong types, ranges, nesting, unicode, YAML traps, typos."""

from __future__ import annotations

import random
from typing import Any

RUN: dict[str, Any] = {
    "data": {
        "source": "csv",
        "path": "data/equities",
        "timeframe": "1h",
        "stamp": "open",
        "calendar": {"equity": "XNYS", "crypto": "24/7"},
        "timezone": "America/New_York",
        "adjust": "splits_and_dividends",
        "prices": "raw",
        "columns": {"close": "Last Price", "volume": "Vol."},
        "asset_class": {"NO": "equity", "BTC/USDT": "crypto"},
        "start": "2010-01-04",
        "end": "2020-12-31",
        "benchmark": "SPY",
        "actions": "data/actions.csv",
        "quality": {"impossible": "drop", "jump": "warn", "max_jump": "0.5", "split_suspect": "error"},
    },
    "splits": {
        "train": ["2010-01-04", "2016-12-30"],
        "validation": ["2017-01-03", "2018-12-31"],
        "holdout": ["2019-01-02", "2020-12-31"],
    },
    "strategies": [
        {"config": "strategy.yaml", "allocation": "0.5"},
        {
            "name": "reversion",
            "type": "mean_reversion",
            "asset_class": "crypto",
            "universe": ["BTC/USDT", "010", "NULL", "1e3"],
            "params": {"lookback": "20", "entry": "-2.0", "nested": {"list": ["1", "true", "null", "text"]}},
            "sizing": {"method": "kelly", "kelly_fraction": "0.25", "kelly_cap": "0.1", "kelly_min_trades": "20"},
            "costs": {"commission_tiers": [{"from_notional": "0", "bps": "10"}, {"from_notional": "1e6", "bps": "8"}]},
            "allocation": "0.5",
        },
    ],
    "portfolio": {
        "starting_equity": "100000",
        "limits": {"max_positions": "16", "max_gross_exposure": "1.0", "max_drawdown": "0.25", "resume": "never"},
        "volatility_scaling": {"mode": "off", "lookback": "20", "baseline": "252", "floor": ".33"},
        "correlation_guard": {"min_positions": "4", "average_threshold": "0.70", "candidate_threshold": "0.75"},
        "ranking": {"breakout": "0.5", "momentum": "0.3", "diversification": "2e-1"},
        "risk_free": "0.01",
    },
    "execution": {"fill": "next_open", "stop_evaluation": "intrabar", "lot": {"equity": "whole"}, "delist_after": "10"},
    "validation": {},
    "output": {"path": "results", "formats": ["csv"]},
    "seed": "42",
}
STRATEGY: dict[str, Any] = {
    "name": "momentum",
    "type": "equity_momentum",
    "asset_class": "equity",
    "universe": ["AAPL", "NO", "TRUE", "BRK.B"],
    "params": {"trend_ma": "50", "fast_breakout": "20", "stop_atr": "2.5", "flag": "true", "nothing": "null"},
    "sizing": {"method": "risk_per_trade", "risk": "0.0075"},
    "limits": {"max_positions": "8", "max_gross_exposure": "0.8", "max_position_notional": "0.10"},
    "capacity": {"max_fraction_of_adv": "0.005", "when_exceeded": "reject"},
    "costs": {"commission_bps": "1", "slippage": {"model": "full", "base_bps": "8"}, "borrow_rate": "0.01"},
}
_WORDS = (
    "yes No ON off y n true FALSE null ~ 010 0x1F 0o17 0b1 1_000 1,000 1e3 1e-3 .5 5. +1 -1 -0 0 0.0 1 2 1.0 16.0 1e400 -1e400 "
    "9223372036854775807 9223372036854775808 99999999999999999999999999 .inf -.inf .nan nan inf 16:00 1:30:00 12:60 2010-01-04 "
    "2010-1-4 2010-02-30 2020-12-31 20100104 2010-W01-1 0000-00-00 9999-12-31 2010-01-04T00:00:00 50% 0.5% '1' \"0.5\" 'NO' \"\" '' "
    "[] {} [1] [a,b] [[]] [{}] {a:b} {a:_1} {1:_2} [1,2,3] all never csv html sample us5 equities50 drop error warn off regime "
    "intrabar close whole equity crypto fx ../../etc/passwd /etc/passwd ./strategy.yaml strategy.yaml missing.yaml run.yaml . .. ~/x "
    '*.csv &a_1 *a !!int_1 !x_y !!python/object/apply:os.system_[ls] <<  = @x `x %x |_a >-_b "\\0" "\\u202e" "\\ud800" "a\\nb" '
    "é 株 🚀 １２ ٣ −1 1 000 \u00a0 ' \" [ ] { } , : # - ? ! a:_b a_#b my_rule.py:Rule package.module:Class"
)
VALUES = _WORDS.split(" ")
KEYS = [
    "",
    "~",
    "null",
    "<<",
    "1",
    "true",
    "no",
    "'quoted'",
    '"\\0"',
    "?",
    "- a",
    "é",
    "株",
    "[a]",
    "{b: 1}",
    "a b",
    "source",
    "x" * 300,
]
SNIPPETS = [
    "&a ",
    "*a",
    "!!str ",
    "!x ",
    "<<: *a",
    "---\n",
    "...\n",
    "%YAML 1.1\n",
    "\t",
    "\0",
    "\x1b",
    "\u2028",
    "\ufeff",
    "#",
    ": ",
    "- ",
]
SNIPPETS += [
    "'",
    '"',
    "[",
    "]",
    "{",
    "}",
    ",",
    "|",
    ">",
    "\r",
    "\n\n",
    "? ",
    "\u00a0",
    "é",
    "🚀",
    "\x85",
    "\x7f",
    "=",
    "@",
    "`",
]


class Damage:
    """One seeded mutation of one document."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    def text(self, base: dict[str, Any]) -> str:
        """A damaged version of `base` as YAML text."""
        document = _copy(base)
        for _ in range(self.rng.choice([0, 1, 1, 1, 1, 2, 3])):
            self.tree(document)
        text = emit(document, self.rng)
        if self.rng.random() < 0.25:
            text = self.characters(text)
        return text

    def tree(self, document: Any) -> None:
        """Change one place of the tree."""
        holder, key = self.rng.choice(list(_places(document)))
        change = self.rng.choice(
            [self._value] * 4
            + [self._range] * 2
            + [self._delete, self._typo, self._key, self._wrap, self._swap, self._double, self._insert]
        )
        change(document, holder, key)

    def _value(self, document: Any, holder: Any, key: Any) -> None:
        holder[key] = self.rng.choice(VALUES).replace("_", " ") if self.rng.random() < 0.8 else self._number()

    def _number(self) -> str:
        return (
            f"{self.rng.choice(['', '', '-'])}{self.rng.choice([0, 1, 0.5, 1.5, 2, 3, 20, 59, 253, 0.001, 1e6, 1e7, 1e20]):g}"
        )

    def _range(self, document: Any, holder: Any, key: Any) -> None:
        numbers = [(other, name) for other, name in _places(document) if str(other[name])[:1] in tuple("-.0123456789")]
        holder, key = self.rng.choice(numbers or [(holder, key)])
        holder[key] = self._number()

    def _delete(self, document: Any, holder: Any, key: Any) -> None:
        del holder[key]

    def _typo(self, document: Any, holder: Any, key: Any) -> None:
        word = str(holder[key]) if isinstance(holder, list) or self.rng.random() < 0.4 else key
        at = self.rng.randrange(len(word)) if word else 0
        wrong = self.rng.choice(
            [
                word[:at] + word[at + 1 :],
                word[:at] + word[at : at + 1] * 2 + word[at + 1 :],
                word.upper(),
                word.replace("_", "-"),
                word + " ",
            ]
        )
        if isinstance(holder, list) or (word is not key and not isinstance(holder[key], dict | list)):
            holder[key] = wrong
        elif word is key:
            holder[wrong] = holder.pop(key)

    def _key(self, document: Any, holder: Any, key: Any) -> None:
        if isinstance(holder, dict):
            holder[self.rng.choice(KEYS)] = holder.pop(key)

    def _wrap(self, document: Any, holder: Any, key: Any) -> None:
        value = holder[key]
        kind = self.rng.randrange(4)
        if kind == 3:
            for _ in range(self.rng.choice([3, 30, 60])):
                value = [value]
        holder[key] = [[value], {"config": value}, {str(key): value}, value][kind]

    def _swap(self, document: Any, holder: Any, key: Any) -> None:
        other, name = self.rng.choice(list(_places(document)))
        holder[key] = _copy(other[name])

    def _double(self, document: Any, holder: Any, key: Any) -> None:
        if isinstance(holder, list):
            holder.append(_copy(holder[key]))
        else:
            holder[Twin(key)] = _copy(holder[key])

    def _insert(self, document: Any, holder: Any, key: Any) -> None:
        if isinstance(holder, list):
            holder.insert(key, self.rng.choice(VALUES).replace("_", " "))
        else:
            holder[self.rng.choice(KEYS)] = self.rng.choice(VALUES).replace("_", " ")

    def characters(self, text: str) -> str:
        """Change the text itself: a character, a line, the end, the encoding's edge."""
        at = self.rng.randrange(len(text) + 1)
        lines = text.split("\n")
        line = self.rng.randrange(len(lines))
        kind = self.rng.randrange(7)
        if kind == 0:
            return text[:at] + text[at + self.rng.choice([1, 1, 2, 10]) :]
        if kind == 1:
            return text[:at] + self.rng.choice(SNIPPETS) + text[at:]
        if kind == 2:
            return "\n".join([*lines[: line + 1], *lines[line:]])
        if kind == 3:
            return "\n".join([*lines[:line], self.rng.choice([" ", "  ", "\t", "-"]) + lines[line], *lines[line + 1 :]])
        if kind == 4:
            return text[:at]
        if kind == 5:
            return "\n".join([*lines[:line], lines[line].strip(), *lines[line + 1 :]])
        return self.rng.choice(["\ufeff", "---\n", "# note\n", "\n\n"]) + text


class Twin(str):
    """A key that is written as another but is not equal to it: a duplicate in the text."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)


def emit(value: Any, rng: random.Random, indent: int = 0) -> str:
    """YAML text, block and flow style mixed; scalars stand as they are."""
    if isinstance(value, dict) and value and (indent == 0 or rng.random() < 0.6):
        return "".join(_line(f"{' ' * indent}{key}:", item, rng, indent + 2) for key, item in value.items())
    if isinstance(value, list) and value and indent and rng.random() < 0.6:
        return "".join(_line(f"{' ' * indent}-", item, rng, indent + 2) for item in value)
    return " " * indent + flow(value) + "\n"


def _line(head: str, item: Any, rng: random.Random, indent: int) -> str:
    body = emit(item, rng, indent)
    if isinstance(item, dict | list) and item and body.rstrip("\n") != " " * indent + flow(item):
        return f"{head}\n{body}"
    return f"{head} {body.lstrip(' ')}"


def flow(value: Any) -> str:
    """Flow style."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(flow(item) for item in value) + "]"
    return str(value)


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value


def _places(value: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        found.append((value, key))
        if isinstance(item, dict | list):
            found += _places(item)
    return found
