(() => {
"use strict";
// ---------------------------------------------------------------- what is drawn
const data = JSON.parse(document.getElementById("series").textContent);
const KINDS = { f8: Float64Array, f4: Float32Array, i4: Int32Array, i1: Int8Array, u2: Uint16Array };
const unpack = ({ type, data: text }) => {
  const raw = atob(text), bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return new KINDS[type](bytes.buffer);
};
const rowsOf = (first, n, step) => { // the bar at which each point is drawn
  if (step === 1) return Int32Array.from({ length: n }, (_, i) => first + i);
  const places = [0, Math.floor(step / 3), Math.floor((2 * step) / 3), step - 1], out = [];
  for (let start = 0; start < n; start += step) for (const place of places) out.push(first + Math.min(start + place, n - 1));
  return Int32Array.from(out);
};
const rows = rowsOf(0, data.bars, data.step), stamps = unpack(data.stamps);
const stampAt = row => stamps[nearest(rows, row)];
const DAY = 864e5;
const when = stamp => new Date(data.intraday ? stamp * 1e3 : stamp * DAY);
const dated = stamp => {
  const text = when(stamp).toISOString();
  return data.intraday ? text.slice(0, 16).replace("T", " ") + "Z" : text.slice(0, 10);
};
const nearest = (sorted, value) => { // place of the closest entry
  let low = 0, high = sorted.length - 1;
  while (low < high) { const middle = (low + high) >> 1; if (sorted[middle] < value) low = middle + 1; else high = middle; }
  return low > 0 && value - sorted[low - 1] <= sorted[low] - value ? low - 1 : low;
};
// ---------------------------------------------------------------- words
const fixed = (value, digits) => value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
const signed = text => text.replace("-", "\u2212");
const money = (value, digits = 2) => signed(fixed(value, digits));
const percent = (value, digits = 2) => signed(fixed(100 * value, digits)) + " %";
const ratio = value => signed(fixed(value, 2));
const price = value => signed(fixed(value, Math.abs(value) >= 10 ? 2 : Math.abs(value) >= 0.1 ? 4 : 6));
const short = value => {
  const size = Math.abs(value);
  for (const [unit, mark] of [[1e9, "bn"], [1e6, "m"], [1e4, "k"]]) if (size >= unit) return signed(String(+(value / (mark === "k" ? 1e3 : unit)).toPrecision(4))) + "\u2009" + mark;
  return signed(String(+value.toPrecision(4)));
};
// ---------------------------------------------------------------- elements
const NS = "http://www.w3.org/2000/svg";
const shape = (name, attributes, text) => {
  const element = document.createElementNS(NS, name);
  for (const key in attributes) element.setAttribute(key, attributes[key]);
  if (text !== undefined) element.textContent = text;
  return element;
};
const element = (name, text, attributes = {}) => {
  const made = document.createElement(name);
  for (const key in attributes) made.setAttribute(key, attributes[key]);
  if (text !== undefined) made.textContent = text;
  return made;
};
let paper = 0; // how wide charts are drawn while the page is printed
const widthOf = plot => paper || Math.max(plot.clientWidth, 280);
const R = value => Math.round(value * 10) / 10;
// ---------------------------------------------------------------- scales
const niceStep = (span, count) => {
  const rough = span / count, power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 2.5, 5, 10].find(step => step * power >= rough) * power;
};
const linearTicks = (low, high, count) => {
  const step = niceStep(high - low || 1, count), out = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) out.push(i * step + 0);
  return out;
};
const logTicks = (low, high, count) => {
  const out = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++)
    for (const step of [1, 2, 5]) { const tick = step * 10 ** power; if (tick >= low && tick <= high) out.push(tick); }
  if (out.length < 4) return linearTicks(low, high, count).filter(tick => tick > 0);
  return out.length <= 2 * count ? out : out.filter(tick => Number.isInteger(+Math.log10(tick).toFixed(9)));
};
const UNITS = [ // key of a date, and how its first bar is written
  ...[20, 10, 5, 2, 1].map(n => [date => Math.floor(date.getUTCFullYear() / n), text => text.slice(0, 4)]),
  ...[6, 3, 1].map(n => [date => date.getUTCFullYear() * 12 + Math.floor(date.getUTCMonth() / n) * n, text => text.slice(0, 7)]),
  ...[14, 7, 2, 1].map(n => [date => Math.floor((date / DAY + 3) / n), text => text.slice(0, 10)]),
  ...[360, 120, 60, 15, 5, 1].map(n => [date => Math.floor(date / 6e4 / n), text => text.slice(5, 16).replace("T", " ")]),
];
const timeTicks = (x0, x1, most) => {
  const a = nearest(rows, x0), b = nearest(rows, x1), hop = Math.max(1, Math.floor((b - a) / 3000));
  let found = [];
  for (const [key, text] of UNITS) {
    const ticks = [];
    let last = null;
    for (let i = a; i <= b; i += hop) {
      const date = when(stamps[i]), now = key(date);
      if (now !== last && (last !== null || i === 0)) ticks.push([rows[i], text(date.toISOString())]);
      last = now;
      if (ticks.length > most) break;
    }
    if (ticks.length > most) break;
    if (ticks.length >= found.length) found = ticks;
  }
  return found;
};
// ---------------------------------------------------------------- a chart over time
const M = { top: 10, right: 14, bottom: 24, left: 62 };
class TimeChart {
  constructor(figure, options) {
    Object.assign(this, { figure, join: true, low: null, high: null, marks: () => [], height: 300, domain: [0, Math.max(data.bars - 1, 1)], log: false }, options);
    this.view = this.domain;
    this.plot = figure.querySelector(".plot");
    this.readout = element("span", "", { class: "readout", "aria-hidden": "true" });
    this.plot.append(this.readout);
    this.at = null;
    const reset = figure.querySelector(".reset");
    reset.addEventListener("click", () => this.zoom(this.domain));
    this.reset = reset;
    const box = figure.querySelector(".log");
    if (box) box.addEventListener("change", () => { this.log = box.checked; this.draw(); });
    this.draw();
  }
  zoom(view) {
    const [a, b] = view, least = Math.min(5, this.domain[1] - this.domain[0]);
    if (b - a < least) return;
    for (const chart of this.group || [this]) { chart.view = [Math.max(a, chart.domain[0]), Math.min(b, chart.domain[1])]; chart.draw(); }
  }
  points(series) { // what is seen of a series: all points, or of each pixel the first, lowest, highest, last
    const { rows: places, values } = series, [x0, x1] = this.view, out = [];
    let a = Math.max(nearest(places, x0) - 1, 0), b = Math.min(nearest(places, x1) + 1, values.length - 1);
    if (b - a <= 2.5 * this.inner) { for (let i = a; i <= b; i++) out.push(i); return out; }
    let column = null, first = 0, low = 0, high = 0, last = 0;
    const flush = () => { for (const i of [...new Set([first, ...(low < high ? [low, high] : [high, low]), last])]) out.push(i); };
    for (let i = a; i <= b; i++) {
      if (Number.isNaN(values[i])) continue;
      const now = Math.floor(this.x(places[i]));
      if (now !== column) { if (column !== null) flush(); column = now; first = low = high = i; }
      if (values[i] < values[low]) low = i;
      if (values[i] > values[high]) high = i;
      last = i;
    }
    if (column !== null) flush();
    return out;
  }
  x(row) { return M.left + (row - this.view[0]) / (this.view[1] - this.view[0] || 1) * this.inner; }
  row(x) { return this.view[0] + (x - M.left) / this.inner * (this.view[1] - this.view[0]); }
  y(value) {
    const f = this.logged ? Math.log : v => v, [low, high] = this.range;
    return M.top + (1 - (f(value) - f(low)) / (f(high) - f(low))) * (this.tall - M.top - M.bottom);
  }
  fit(seen) { // lowest and highest value in view, with the fixed ends
    let low = Infinity, high = -Infinity;
    this.series.forEach((series, k) => { for (const i of seen[k]) { const v = series.values[i]; if (v < low) low = v; if (v > high) high = v; } });
    for (const [, value] of this.extra ? this.extra(this.view) : []) { if (value < low) low = value; if (value > high) high = value; }
    if (low > high) [low, high] = [0, 1];
    this.logged = this.log && low > 0;
    if (!this.logged) { if (this.low !== null) low = Math.min(low, this.low); if (this.high !== null) high = Math.max(high, this.high); }
    if (high - low <= 1e-9 * Math.max(Math.abs(low), Math.abs(high))) { const half = Math.abs(low) * 0.05 || 0.5; low -= this.low === low ? 0 : half; high += half; }
    const room = 0.04 * (high - low);
    this.range = this.logged ? [low * 0.98, high * 1.02] : [this.low === low ? low : low - room, this.high === high ? high : high + room];
  }
  draw() {
    const wide = widthOf(this.plot);
    this.wide = wide; this.tall = wide < 600 ? Math.round(this.height * 0.8) : this.height;
    this.inner = wide - M.left - M.right;
    const seen = this.series.map(series => this.points(series));
    this.fit(seen);
    const svg = shape("svg", { viewBox: `0 0 ${wide} ${this.tall}`, role: "slider", tabindex: "0", "aria-label": this.figure.querySelector("h3").textContent, "aria-roledescription": "chart", "aria-valuemin": 0, "aria-valuemax": data.bars - 1, "aria-valuenow": this.at ?? 0, "aria-valuetext": this.at === null ? this.figure.querySelector("figcaption span").textContent : this.said(this.at) });
    const bottom = this.tall - M.bottom, count = Math.max(3, Math.floor((bottom - M.top) / 46));
    for (const tick of (this.logged ? logTicks : linearTicks)(...this.range, count)) {
      const y = R(this.y(tick));
      svg.append(shape("line", { class: tick === 0 && this.range[0] < 0 ? "zero" : "grid", x1: M.left, x2: wide - M.right, y1: y, y2: y }), shape("text", { x: M.left - 8, y: y + 4, "text-anchor": "end" }, this.tick(tick)));
    }
    const dates = timeTicks(...this.view, Math.max(2, Math.floor(this.inner / 84)));
    if (dates.length > 1 && this.x(dates[1][0]) - this.x(dates[0][0]) < 72) dates.shift(); // the part of a month or year it begins with
    for (const [row, text] of dates) {
      const x = R(this.x(row));
      svg.append(shape("line", { class: "grid", x1: x, x2: x, y1: bottom, y2: bottom + 4 }), shape("text", { x: Math.min(x, wide - 30), y: this.tall - 6, "text-anchor": x < M.left + 20 ? "start" : "middle" }, text));
    }
    const clip = `clip-${this.figure.dataset.chart}`, inside = shape("g", { "clip-path": `url(#${clip})` });
    const clipping = shape("clipPath", { id: clip });
    clipping.append(shape("rect", { x: M.left, y: 0, width: this.inner, height: this.tall }));
    this.series.forEach((series, k) => this.curve(inside, series, seen[k]));
    for (const mark of this.marks(this)) inside.append(mark);
    this.line = shape("line", { class: "cursor", y1: M.top, y2: bottom, visibility: "hidden" });
    this.box = shape("rect", { class: "picked", y: M.top, height: bottom - M.top, visibility: "hidden" });
    inside.append(this.box, this.line);
    svg.append(clipping, inside);
    const focused = this.svg && document.activeElement === this.svg;
    const old = this.svg;
    this.svg = svg;
    if (old) old.replaceWith(svg); else this.plot.append(svg);
    this.listen(svg);
    if (focused) svg.focus({ preventScroll: true });
    this.reset.hidden = this.view[0] === this.domain[0] && this.view[1] === this.domain[1];
    if (this.at !== null) this.point(this.at);
  }
  curve(group, series, seen) {
    let path = "", pen = false, start = 0, end = 0, fill = "";
    const floor = R(this.y(Math.max(Math.min(0, this.range[1]), this.range[0])));
    for (const i of seen) {
      const v = series.values[i];
      if (Number.isNaN(v) || (this.logged && v <= 0)) { if (!this.join) pen = false; continue; }
      const x = R(this.x(series.rows[i])), y = R(this.y(v));
      path += `${pen ? "L" : "M"}${x} ${y}`;
      if (!fill) { fill = `M${x} ${floor}`; start = x; }
      fill += `L${x} ${y}`; end = x; pen = true;
    }
    if (series.area && fill && start !== end) group.append(shape("path", { class: `area ${series.kind}`, d: `${fill}L${end} ${floor}Z` }));
    if (seen.length === 1 && path) path += "h.01";
    if (path) group.append(shape("path", { class: `line ${series.kind}`, d: path, "stroke-linecap": "round" }));
  }
  said(row) {
    const texts = [dated(stampAt(row))];
    for (const series of this.series) {
      const i = nearest(series.rows, row), v = series.values[i];
      if (Math.abs(series.rows[i] - row) <= Math.max(data.step, 1)) texts.push(`${series.name} ${Number.isNaN(v) ? "no value" : this.form(v)}`);
    }
    return texts.concat(this.more ? this.more(row) : []).join("  \u00b7  ");
  }
  point(row) {
    row = Math.round(Math.min(Math.max(row, this.view[0]), this.view[1]));
    this.at = row;
    const x = R(this.x(row)), text = this.said(row);
    for (const key of ["x1", "x2"]) this.line.setAttribute(key, x);
    this.line.setAttribute("visibility", "visible");
    this.readout.textContent = text;
    this.svg.setAttribute("aria-valuenow", row);
    this.svg.setAttribute("aria-valuetext", text);
  }
  leave() { this.at = null; this.line.setAttribute("visibility", "hidden"); this.readout.textContent = ""; }
  listen(svg) {
    let from = null;
    const inside = event => { const box = svg.getBoundingClientRect(); return Math.min(Math.max((event.clientX - box.left) * this.wide / box.width, M.left), this.wide - M.right); };
    svg.addEventListener("pointerdown", event => { if (event.button === 0 && event.pointerType !== "touch") { from = inside(event); svg.setPointerCapture(event.pointerId); } });
    svg.addEventListener("pointermove", event => {
      const x = inside(event);
      this.point(this.row(x));
      if (from === null) return;
      this.box.setAttribute("visibility", "visible");
      this.box.setAttribute("x", Math.min(from, x));
      this.box.setAttribute("width", Math.abs(x - from));
    });
    svg.addEventListener("pointerup", event => {
      const x = inside(event), start = from;
      from = null;
      this.box.setAttribute("visibility", "hidden");
      if (start !== null && Math.abs(x - start) > 6) this.zoom([this.row(Math.min(x, start)), this.row(Math.max(x, start))]);
      else this.point(this.row(x));
    });
    svg.addEventListener("pointercancel", () => { from = null; this.box.setAttribute("visibility", "hidden"); });
    svg.addEventListener("pointerleave", () => { if (from === null && document.activeElement !== svg) this.leave(); });
    svg.addEventListener("blur", () => { if (this.svg === svg) this.leave(); });
    svg.addEventListener("dblclick", () => this.zoom(this.domain));
    svg.addEventListener("keydown", event => this.key(event));
  }
  key(event) {
    const [a, b] = this.view, at = this.at ?? a, hop = event.shiftKey ? Math.max(1, Math.round((b - a) / 20)) : Math.max(1, Math.floor(data.step / 3));
    const moves = { ArrowLeft: at - hop, ArrowRight: at + hop, ArrowDown: at - hop, ArrowUp: at + hop, PageDown: at - (b - a) / 10, PageUp: at + (b - a) / 10, Home: a, End: b };
    if (event.key in moves) this.point(moves[event.key]);
    else if (event.key === "+" || event.key === "=") this.zoom([at - (b - a) / 4, at + (b - a) / 4]);
    else if (event.key === "-") this.zoom([a - (b - a) / 2, b + (b - a) / 2]);
    else if (event.key === "Escape") this.zoom(this.domain);
    else return;
    event.preventDefault();
  }
}
// ---------------------------------------------------------------- the charts
const figures = {};
for (const figure of document.querySelectorAll("figure[data-chart]")) figures[figure.dataset.chart] = figure;
const series = (array, name, kind = "run", area = false) => ({ rows, values: unpack(array), name, kind, area });
const charts = [], together = [];
const add = (name, options) => {
  if (!figures[name]) return;
  const chart = new TimeChart(figures[name], { ...options, group: together });
  charts.push(chart);
  together.push(chart);
};
const fallMarks = chart => data.falls.flatMap((fall, k) => {
  const row = fall.rows[1];
  if (row === null || row < chart.view[0] || row > chart.view[1]) return [];
  const x = R(Math.min(Math.max(chart.x(row), M.left + 9), chart.wide - M.right - 9)), y = R(Math.min(chart.y(fall.depth) + 12, chart.tall - M.bottom - 9)), group = shape("g", { class: "mark" });
  group.append(shape("circle", { cx: x, cy: y, r: 8 }), shape("text", { x, y: y + 4 }, String(k + 1)));
  return [group];
});
const rolling = name => [...(data.rolling["benchmark_" + name] ? [series(data.rolling["benchmark_" + name], "Benchmark", "benchmark")] : []), series(data.rolling[name], "Strategy")];
add("equity", { series: [...(data.benchmark ? [series(data.benchmark, "Benchmark", "benchmark")] : []), series(data.equity, "Strategy")], form: money, tick: short, height: 360 });
add("drawdown", { series: [series(data.drawdown, "Drawdown", "fall", true)], form: percent, tick: v => percent(v, 0), high: 0, marks: fallMarks, height: 240 });
add("sharpe", { series: rolling("sharpe"), form: ratio, tick: short, height: 230 });
add("volatility", { series: rolling("volatility"), form: percent, tick: v => signed(String(+(100 * v).toPrecision(4))) + " %", low: 0, height: 230 });
add("exposure", { series: [series(data.gross, "Gross", "run", true), ...(data.gross.data === data.net.data ? [] : [series(data.net, "Net", "benchmark")])], form: v => percent(v, 1), tick: v => percent(v, 0), low: 0, height: 230 });
// ---------------------------------------------------------------- how often which return
const drawHistogram = () => {
  const figure = figures.histogram;
  if (!figure) return;
  const plot = figure.querySelector(".plot"), { edges, counts } = data.histogram;
  const wide = widthOf(plot), tall = wide < 600 ? 220 : 260, inner = wide - M.left - M.right, bottom = tall - M.bottom;
  const low = edges[0], high = edges[edges.length - 1], most = Math.max(...counts);
  const x = v => M.left + (v - low) / (high - low) * inner, y = v => M.top + (1 - v / most) * (bottom - M.top);
  const svg = shape("svg", { viewBox: `0 0 ${wide} ${tall}`, role: "img", "aria-label": figure.querySelector("figcaption span").textContent });
  for (const tick of linearTicks(0, most, 4)) svg.append(shape("line", { class: "grid", x1: M.left, x2: wide - M.right, y1: R(y(tick)), y2: R(y(tick)) }), shape("text", { x: M.left - 8, y: R(y(tick)) + 4, "text-anchor": "end" }, fixed(tick, 0)));
  for (const tick of linearTicks(low, high, Math.max(3, Math.floor(inner / 90)))) svg.append(shape("text", { x: R(x(tick)), y: tall - 6, "text-anchor": "middle" }, signed(String(+(100 * tick).toPrecision(4))) + " %"));
  counts.forEach((count, i) => {
    const bar = shape("rect", { class: `column ${edges[i + 1] <= 0 ? "fall" : ""}`, x: R(x(edges[i])) + 0.5, y: R(y(count)), width: Math.max(R(x(edges[i + 1]) - x(edges[i])) - 1, 0.5), height: R(bottom - y(count)) });
    bar.append(shape("title", {}, `${percent(edges[i])} to ${percent(edges[i + 1])}: ${fixed(count, 0)}`));
    svg.append(bar);
  });
  const marks = [[data.var, "5 % quantile", 0], [data.cvar, "mean below", 18]].filter(([value]) => value !== null && value !== undefined);
  for (const [value, text, down] of marks) { // the line further left begins below the label of the other
    const at = R(x(value));
    svg.append(shape("line", { class: "quantile", x1: at, x2: at, y1: M.top + down, y2: bottom }));
    if (at > M.left + 125) svg.append(shape("text", { x: at - 5, y: M.top + down + 12, "text-anchor": "end" }, `${text} ${percent(value)}`));
  }
  plot.replaceChildren(svg);
};
// ---------------------------------------------------------------- trades on the closes of a symbol
let trades = null;
const readTrades = () => {
  const found = data.trades, out = {};
  for (const key of Object.keys(found)) out[key] = found[key] && found[key].data !== undefined ? unpack(found[key]) : found[key];
  return out;
};
const closesOf = entry => {
  const levels = unpack(entry.close), a = entry.log ? Math.log(entry.low) : entry.low, b = entry.log ? Math.log(entry.high) : entry.high;
  return Float64Array.from(levels, level => { const v = a + (b - a) * level / 65534; return level > 65534 ? NaN : entry.log ? Math.exp(v) : v; });
};
const exitOf = i => trades.exit[i] < 0 ? data.bars - 1 : trades.exit[i];
const sideOf = i => trades.side[i] > 0 ? "long" : "short";
const tradeMarks = (chart, mine) => mine.flatMap(i => {
  const a = trades.entry[i], b = exitOf(i);
  if (b < chart.view[0] || a > chart.view[1]) return [];
  const up = trades.side[i] > 0 ? 1 : -1, kind = trades.pnl[i] > 0 ? "won" : "lost";
  const x0 = R(chart.x(a)), x1 = R(chart.x(b)), y0 = R(chart.y(trades.entry_price[i] * trades.scale[i])), y1 = R(chart.y(trades.exit_price[i] * trades.scale[i]));
  const out = [shape("path", { class: kind, d: `M${x0} ${y0}L${x1} ${y1}` }), shape("polygon", { class: kind, points: `${x0},${y0} ${x0 - 4.5},${y0 + 8 * up} ${x0 + 4.5},${y0 + 8 * up}` })];
  if (trades.exit[i] >= 0) out.push(shape("circle", { class: kind, cx: x1, cy: y1, r: 3 }));
  return out;
});
const tradeTable = (symbol, mine) => {
  const head = ["No.", "Side", "Entered", "Price", "Left", "Price", "Quantity", "Result", "Return", "R", "Exit reason", "Strategy"];
  const table = element("table"), body = element("tbody"), row = element("tr");
  table.append(element("caption", `Trades in ${symbol}: prices as they were, result in money after all costs`));
  head.forEach((text, k) => row.append(element("th", text, { scope: "col", class: [1, 2, 4, 10, 11].includes(k) ? "text" : "" })));
  const top = element("thead");
  top.append(row);
  for (const i of mine) {
    const open = trades.exit[i] < 0, line = element("tr");
    const cells = [sideOf(i), dated(trades.entered[i]), price(trades.entry_price[i]), open ? "still open" : dated(trades.left[i]), price(trades.exit_price[i]), fixed(trades.quantity[i], trades.quantity[i] % 1 ? 6 : 0), money(trades.pnl[i]), percent(trades.return[i]), Number.isNaN(trades.r[i]) ? "\u2013" : ratio(trades.r[i]), open ? "open" : trades.reasons[trades.reason[i]] ?? "", trades.strategies[trades.strategy[i]]].map(text => text.replace("\u2212", "-"));
    line.append(element("th", String(trades.number[i]), { scope: "row" }));
    cells.forEach((text, k) => line.append(element("td", text, { class: [0, 1, 3, 9, 10].includes(k) ? "text" : "" })));
    body.append(line);
  }
  table.append(top, body);
  return table;
};
let priceChart = null;
const showSymbol = number => {
  const figure = figures.prices, entry = data.symbols[number];
  trades ??= readTrades();
  const mine = [];
  for (let i = 0; i < trades.symbol.length; i++) if (trades.symbol[i] === number) mine.push(i);
  const options = {
    series: [{ rows: rowsOf(entry.first, entry.bars, entry.step), values: closesOf(entry), name: "Close", kind: "run" }],
    domain: [entry.first, Math.max(entry.first + entry.bars - 1, entry.first + 1)], form: price, tick: short, height: 340, log: entry.log && entry.high > 4 * entry.low,
    marks: chart => tradeMarks(chart, mine),
    extra: ([a, b]) => mine.filter(i => exitOf(i) >= a && trades.entry[i] <= b).flatMap(i => [[0, trades.entry_price[i] * trades.scale[i]], [0, trades.exit_price[i] * trades.scale[i]]]),
    more: row => mine.filter(i => trades.entry[i] <= row && row <= exitOf(i)).map(i => `trade ${trades.number[i]}, ${sideOf(i)}, result ${money(trades.pnl[i])}`),
  };
  if (priceChart) { Object.assign(priceChart, options, { view: options.domain, at: null }); priceChart.draw(); }
  else { priceChart = new TimeChart(figure, options); charts.push(priceChart); }
  let fold = figure.querySelector("details");
  if (!fold) { fold = element("details"); figure.append(fold); }
  const summary = element("summary", `Trades in ${entry.symbol}: ${fixed(mine.length, 0)}`), box = element("div", undefined, { class: "scroll", role: "group", tabindex: "0", "aria-label": `Trades in ${entry.symbol}` });
  fold.replaceChildren(summary, box);
  const fill = () => { if (fold.open && !box.firstChild) box.append(tradeTable(entry.symbol, mine)); };
  fold.ontoggle = fill;
  fill();
};
const picker = document.getElementById("symbol");
if (picker && figures.prices && data.symbols.length) {
  picker.addEventListener("change", () => showSymbol(+picker.value));
  showSymbol(+picker.value);
}
drawHistogram();
// ---------------------------------------------------------------- tables that can be sorted
const numeric = text => { const value = parseFloat(text.replace(/[,\s%]/g, "").replace("\u2212", "-")); return Number.isNaN(value) ? -Infinity : value; };
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0], heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, k) => {
    const button = element("button", head.textContent, { type: "button", title: "sort by this column" });
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") !== "descending", lines = [...body.rows];
      const order = k === 0 ? (a, b) => a.cells[0].textContent.localeCompare(b.cells[0].textContent) : (a, b) => numeric(a.cells[k].textContent) - numeric(b.cells[k].textContent);
      lines.sort((a, b) => down ? order(b, a) : order(a, b));
      heads.forEach(other => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      body.append(...lines);
    });
  });
}
// ---------------------------------------------------------------- light and dark, and the width of the page
const theme = document.getElementById("theme"), root = document.documentElement, prefers = matchMedia("(prefers-color-scheme: dark)");
const dark = () => root.dataset.theme ? root.dataset.theme === "dark" : prefers.matches;
const label = () => { theme.textContent = dark() ? "Light" : "Dark"; theme.setAttribute("aria-label", dark() ? "Light colours" : "Dark colours"); };
theme.hidden = false;
theme.addEventListener("click", () => { root.dataset.theme = dark() ? "light" : "dark"; label(); });
prefers.addEventListener("change", label);
label();
let width = document.body.clientWidth, waiting = 0;
const redraw = () => { charts.forEach(chart => chart.draw()); drawHistogram(); };
addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(() => { if (document.body.clientWidth !== width) { width = document.body.clientWidth; redraw(); } }, 120); });
const printed = wide => () => { paper = wide; redraw(); };
addEventListener("beforeprint", printed(760));
addEventListener("afterprint", printed(0));
root.dataset.drawn = "yes";
})();
