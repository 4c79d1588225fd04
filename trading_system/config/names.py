"""Names that a run file may use and that a later floor gives a meaning, so that a wrong one is found without any of its libraries."""

from __future__ import annotations

_CALENDARS = """
24/5 24/7 AIXK ARCX ASEX ASX BATS BMF BSE BVB BVMF CBOT CFE CME CMES COMEX FWB HKEX ICE ICEUS IEPA JKT JPX LSE LUXSE
NASDAQ NYFE NYMEX NYSE OOTC OSE SIX SSE TASE TSX XAMS XASE XASX XBDA XBEL XBKK XBOG XBOM XBRA XBRU XBSE XBUD XBUE XCBF
XCSE XCYS XDUB XDUS XEEE XETR XEUR XFRA XHAM XHEL XHKG XICE XIDX XIST XJSE XKAR XKLS XKRX XLIM XLIS XLIT XLJU XLON
XLUX XMAD XMEX XMIL XMOS XNAS XNYS XNZE XOSL XPAR XPHS XPRA XRIS XSAU XSES XSGO XSHG XSTO XSTU XSWX XTAE XTAI XTAL
XTKS XTSE XTSX XWAR XWBO XZAG us_futures
"""
CALENDARS = tuple(_CALENDARS.split())
"""Calendars of exchange-calendars, aliases included, and 24/7 and 24/5."""

_COLUMNS = """
epoch datetime date time symbol open high low close adj_close volume dividend split funding prev_adj_ratio
bid_open bid_high bid_low bid_close ask_open ask_high ask_low ask_close
"""
COLUMNS = tuple(_COLUMNS.split())
"""Our columns, which ``data.columns`` gives a header each."""
