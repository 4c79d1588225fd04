"""Costs, orders, fills and trades of a run of a single line; `_kernels_lane.py` says when."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from trading_system.engine.layout import FILLED, OPEN, PART_FILLED, REJECTED, LaneArrays
from trading_system.kernels import engine_helper, engine_routine

WORST = 4  # rows that one bar adds to a log at most


@engine_helper
def lots(q: float, whole: int) -> Any:
    """A quantity (>= 0) in lots: whole units, or as it is."""
    return np.floor(q + 1e-9) if whole else q


@engine_helper
def lane_price(x: LaneArrays, side: float, reference: float) -> Any:
    """Price at which a market order fills."""
    return reference * (1.0 + side * x.rules[0]["slippage"])


@engine_helper
def lane_commission(x: LaneArrays, q: float, price: float) -> Any:
    """Commission of a fill of q units."""
    rule = x.rules[0]
    return max(rule["minimum"], q * price * rule["bps"] / 1e4 + q * rule["per_share"] + rule["per_trade"])


@engine_routine
def lane_order(x: LaneArrays, t: int, side: float, kind: int, cause: int, q: float) -> Any:
    """Write an open order; its number comes back."""
    s = x.state[0]
    k = s["n_orders"]
    order = x.orders[k if x.rules[0]["keeps_logs"] else k % WORST]
    order["id"], order["row"], order["line"], order["side"], order["kind"], order["cause"] = k, t, 0, int(side), kind, cause
    order["quantity"], order["filled"], order["status"], order["end"] = q, 0.0, OPEN, 0
    order["fill_row"], order["fill_price"] = -1, math.nan
    s["n_orders"] = k + 1
    return k


@engine_routine
def lane_end(x: LaneArrays, k: int, status: int, code: int) -> None:
    """An order that did not (wholly) fill."""
    order = x.orders[k if x.rules[0]["keeps_logs"] else k % WORST]
    order["status"] = PART_FILLED if status == REJECTED and order["filled"] > 0.0 else status
    order["end"] = code


@engine_routine
def lane_refuse(x: LaneArrays, t: int, code: int) -> None:
    """A signal that becomes no order; consecutive refusals for one reason are one row with a count."""
    s, keeps = x.state[0], x.rules[0]["keeps_logs"]
    s["signals"] += 1
    if s["refused_row"] == t - 1 and s["refused_code"] == code:
        row = x.refusals[s["refusal"]]
        row["last_row"] = t
        row["count"] += 1
    else:
        k = s["n_refusals"] if keeps else 0
        row = x.refusals[k]
        row["line"], row["code"], row["first_row"], row["last_row"], row["count"] = 0, code, t, t, 1
        s["refusal"], s["refused_code"] = k, code
        s["n_refusals"] += 1
    s["refused_row"] = t


@engine_routine
def lane_trade(x: LaneArrays, exit_row: int, out_price: float, reason: int, gross: float, still_open: int) -> None:
    """Write the trade that ended at `exit_row`, or stands at the end of the run."""
    s = x.state[0]
    row = x.trades[s["n_trades"] if x.rules[0]["keeps_logs"] else 0]
    side, entry = float(s["side"]), s["value_in"] / s["quantity_in"]
    pnl = gross - s["commission"] - s["slippage"] + 0.0  # no financing, no dividends
    worst, top = s["lowest"], s["highest"]
    if side < 0.0:
        worst, top = s["highest"], s["lowest"]
    row["line"], row["side"], row["entry_row"], row["entry_price"] = 0, s["side"], s["entry_row"], entry
    row["exit_row"], row["exit_price"], row["quantity"] = exit_row, out_price, s["quantity_in"]
    row["gross_pnl"], row["commission"], row["slippage"] = gross, s["commission"], s["slippage"]
    row["financing"], row["dividends"], row["pnl"] = 0.0, 0.0, pnl
    row["return_pct"], row["initial_risk"], row["r_multiple"] = pnl / s["value_in"], s["risk"], pnl / s["risk"]
    row["mae"] = min(0.0, side * (worst / entry - 1.0)) + 0.0 if abs(worst) < math.inf else 0.0  # + 0.0: never a zero below 0
    row["mfe"] = max(0.0, side * (top / entry - 1.0)) + 0.0 if abs(top) < math.inf else 0.0
    row["bars_held"], row["entry_reason"], row["exit_reason"], row["open"] = s["bars"], s["reason"], reason, still_open


@engine_routine
def lane_fill(x: LaneArrays, t: int, k: int, q: float, reference: float, price: float, reason: int) -> None:
    """Execute q > 0 units of order k: cash, position, trade and logs."""
    s, keeps = x.state[0], x.rules[0]["keeps_logs"]
    order = x.orders[k if keeps else k % WORST]
    side = float(order["side"])
    commission = lane_commission(x, q, price)
    held = s["quantity"]
    if held == 0.0:
        s["side"], s["entry_row"], s["reason"], s["bars"] = order["side"], t, order["cause"], 0
        s["quantity_in"], s["value_in"], s["quantity_out"], s["value_out"] = 0.0, 0.0, 0.0, 0.0
        s["gross"], s["commission"], s["slippage"] = 0.0, 0.0, 0.0
        s["risk"], s["highest"], s["lowest"] = math.nan, -math.inf, math.inf
        s["stop"], s["target"] = math.nan, math.nan
    if held * side >= 0.0:
        s["quantity_in"] += q
        s["value_in"] += q * price
        s["quantity"] = held + side * q
    else:
        s["quantity_out"] += q
        s["value_out"] += q * price
        s["quantity"] = 0.0 if q >= abs(held) else held + side * q
    s["gross"] -= side * q * reference
    s["commission"] += commission
    s["slippage"] += abs(price - reference) * q
    s["cash"] -= side * q * price + commission
    order["filled"] += q
    order["fill_row"], order["fill_price"], order["status"] = t, price, FILLED
    log = x.fills[s["n_fills"] if keeps else 0]
    log["order"], log["row"], log["line"], log["side"] = k, t, 0, order["side"]
    log["quantity"], log["reference"], log["price"], log["commission"] = q, reference, price, commission
    s["n_fills"] += 1
    if s["quantity"] == 0.0:
        s["highest"] = max(s["highest"], reference)
        s["lowest"] = min(s["lowest"], reference)
        lane_trade(x, t, s["value_out"] / s["quantity_out"], reason, s["gross"], 0)
        s["n_trades"] += 1
