"use strict";
// A plot of any two columns of the table #explore, drawn from its numbers; without this script the table is there.
(() => {
  const table = document.getElementById("explore");
  const box = document.getElementById("explorer");
  if (!table || !box) return;
  const NS = "http://www.w3.org/2000/svg";
  const HEIGHT = 400, LEFT = 62, RIGHT = 16, TOP = 16, BOTTOM = 50;
  const titles = [...table.tHead.rows[0].cells].slice(1).map((cell) => cell.textContent.trim());
  const number = (text) => (text === undefined || text === "" ? null : Number(text));
  const arms = [...table.tBodies[0].rows].map((row) => {
    const cells = [...row.cells].slice(1);
    const { arm, kind } = cells[0].dataset;
    const texts = cells.map((cell) => [...cell.childNodes].map((node) => node.textContent.trim()).join(" ").trim());
    const values = cells.map(({ dataset: d }) => ({ at: number(d.value), low: number(d.low), high: number(d.high) }));
    return { name: arm, kind, title: row.cells[0].firstChild.textContent.trim(), texts, values };
  });
  const selects = ["x", "y"].map((axis) => document.getElementById(`explore-${axis}`));
  const said = document.getElementById("explore-said");

  const make = (parent, tag, attributes, text) => {
    const element = document.createElementNS(NS, tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    if (text !== undefined) element.textContent = text;
    parent.append(element);
    return element;
  };
  const short = (value) => String(Number(value.toPrecision(3)));

  // Scores are on a plain axis, which shares don't leave between 0 and 100; amounts on a logarithmic one, with a place for nothing.
  const scale = (values, title, from, to) => {
    const ends = values.flatMap((v) => [v.at, v.low, v.high]).filter((v) => v !== null);
    if (/\((%|points)\)/.test(title)) {
      const least = Math.max(0, Math.min(...ends) - 3);
      const most = Math.min(title.includes("%") ? 100 : Infinity, Math.max(...ends) + 3);
      const power = 10 ** Math.floor(Math.log10(most - least));
      const step = [0.2, 0.5, 1].map((part) => part * power).find((each) => (most - least) / each <= 5.5) || 2 * power;
      const low = Math.floor(least / step) * step, high = Math.ceil(most / step) * step;
      const ticks = [];
      for (let tick = Math.ceil(low / step) * step; tick <= high; tick += step) ticks.push(tick);
      return { ticks, at: (v) => from + ((v - low) / (high - low || 1)) * (to - from) };
    }
    const some = ends.filter((v) => v > 0);
    if (!some.length) return { ticks: [0], at: () => (from + to) / 2 };
    const isFree = ends.some((v) => v <= 0);
    const low = Math.log10(Math.min(...some)) - 0.15, high = Math.log10(Math.max(...some)) + 0.15;
    const start = isFree ? from + 0.12 * (to - from) : from;
    const at = (v) => (v <= 0 ? from + 0.03 * (to - from) : start + ((Math.log10(v) - low) / (high - low)) * (to - start));
    const marks = high - low > 2 ? [1] : high - low > 0.8 ? [1, 3] : [1, 1.5, 2, 3, 5, 7];
    const ticks = isFree ? [0] : [];
    for (let power = Math.floor(low); power <= high; power++) {
      for (const mark of marks) {
        const tick = mark * 10 ** power;
        if (Math.log10(tick) >= low && Math.log10(tick) <= high) ticks.push(tick);
      }
    }
    return { ticks, at };
  };

  const SHAPES = {
    none: "M-5 0A5 5 0 1 0 5 0A5 5 0 1 0 -5 0Z", machine: "M-4.5 -4.5H4.5V4.5H-4.5Z",
    "human-translation": "M0 -6L6 0L0 6L-6 0Z", native: "M-5.5 -4.5H5.5L0 5.5Z", elsewhere: "M-5.5 4.5H5.5L0 -5.5Z",
    repaired: "M-2 -6H2V-2H6V2H2V6H-2V2H-6V-2H-2Z",
  };

  // Beside a point where nothing is covered, else where least is; always inside the frame.
  const place = (x, y, width, taken, right) => {
    const sides = [0, 14, 28, 42, 56].flatMap((far) => [-far, far].flatMap((up) => [[9, 4 + up], [-9 - width, 4 + up]]));
    const found = [...sides, [-width / 2, -10], [-width / 2, 19]]
      .map(([dx, dy]) => {
        const left = Math.min(Math.max(x + dx, LEFT + 2), right - width);
        const spot = { left, right: left + width, top: y + dy - 11, bottom: y + dy + 3, y: y + dy };
        const covered = taken.reduce((sum, other) => sum
          + Math.max(0, Math.min(spot.right, other.right) - Math.max(spot.left, other.left))
          * Math.max(0, Math.min(spot.bottom, other.bottom) - Math.max(spot.top, other.top)), 0);
        const isOutside = spot.top < TOP || spot.bottom > HEIGHT - BOTTOM;
        return [covered + Math.abs(dy) / 4 + (isOutside ? 1e4 : 0), spot];
      });
    return found.reduce((best, each) => (each[0] < best[0] ? each : best))[1];
  };

  const draw = () => {
    const [x, y] = selects.map((select) => Number(select.value));
    const shown = arms.filter((arm) => arm.values[x].at !== null && arm.values[y].at !== null);
    const width = Math.max(280, box.clientWidth), right = width - RIGHT, bottom = HEIGHT - BOTTOM;
    const svg = document.createElementNS(NS, "svg");
    svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    svg.setAttribute("role", "group");
    svg.setAttribute("aria-label", `${titles[y]} against ${titles[x]}`);
    box.replaceChildren(svg);
    if (!shown.length) {
      make(svg, "text", { x: width / 2, y: HEIGHT / 2, "text-anchor": "middle" }, "No arm has both.");
      return;
    }
    const across = scale(shown.map((arm) => arm.values[x]), titles[x], LEFT, right);
    const up = scale(shown.map((arm) => arm.values[y]), titles[y], bottom, TOP);
    let free = -Infinity;
    for (const tick of across.ticks) {
      const at = across.at(tick);
      make(svg, "path", { class: "grid", d: `M${at} ${TOP}V${bottom}` });
      if (at - 22 < free) continue;
      make(svg, "text", { x: at, y: bottom + 17, "text-anchor": "middle" }, short(tick));
      free = at + 22;
    }
    for (const tick of up.ticks) {
      make(svg, "path", { class: "grid", d: `M${LEFT} ${up.at(tick)}H${right}` });
      make(svg, "text", { x: LEFT - 7, y: up.at(tick) + 4, "text-anchor": "end" }, short(tick));
    }
    make(svg, "text", { x: (LEFT + right) / 2, y: HEIGHT - 8, "text-anchor": "middle" }, titles[x]);
    make(svg, "text", { x: 14, y: (TOP + bottom) / 2, "text-anchor": "middle",
      transform: `rotate(-90 14 ${(TOP + bottom) / 2})` }, titles[y]);
    const points = shown.map((arm) => ({ arm, x: across.at(arm.values[x].at), y: up.at(arm.values[y].at) }));
    const taken = points.map((p) => ({ left: p.x - 6, right: p.x + 6, top: p.y - 6, bottom: p.y + 6 }));
    for (const point of points) {
      const { arm } = point;
      const words = `${arm.title}: ${titles[y]} ${arm.texts[y]}; ${titles[x]} ${arm.texts[x]}`;
      const group = make(svg, "g", { class: `point kind-${arm.kind in SHAPES ? arm.kind : "none"}`, tabindex: 0, role: "img", "aria-label": words });
      make(group, "title", {}, words);
      const { low, high } = arm.values[y];
      if (low !== null && high !== null) {
        make(group, "path", { class: "interval", d: `M${point.x} ${up.at(low)}V${up.at(high)}` });
      }
      make(group, "path", { d: SHAPES[arm.kind] || SHAPES.none, transform: `translate(${point.x} ${point.y})` });
      const label = make(group, "text", {}, arm.name);
      const spot = place(point.x, point.y, label.getComputedTextLength(), taken, right);
      taken.push(spot);
      label.setAttribute("x", spot.left);
      label.setAttribute("y", spot.y);
      if (Math.abs(spot.y - 4 - point.y) > 20) {
        const end = spot.left > point.x ? spot.left - 2 : spot.right + 2;
        make(group, "path", { class: "lead", d: `M${point.x} ${point.y}L${end} ${spot.y - 4}` });
      }
      for (const event of ["pointerenter", "focus"]) group.addEventListener(event, () => { said.textContent = words; });
    }
  };

  selects.forEach((select, axis) => {
    titles.forEach((title, column) => select.add(new Option(title, String(column))));
    const wanted = select.dataset.first;
    const found = titles.findIndex((title) => title.startsWith(wanted));
    select.value = String(found < 0 ? 1 - axis : found);
    select.addEventListener("change", draw);
  });
  document.querySelector(".explorer").hidden = false;
  draw();
  addEventListener("resize", draw);
})();
