"use strict";
// Marking errors on the words of a translation, with the mouse, a finger or the keyboard.
// Places are counted in code points, as the server counts them.

const Marks = (() => {
  const codePoints = (text) => Array.from(text).length;

  function cut(text, language) {
    // Words as readers see them: punctuation stands alone, so that it can be marked too.
    const parts = [];
    let pieces;
    try {
      pieces = [...new Intl.Segmenter(language, { granularity: "word" }).segment(text)].map((part) => part.segment);
    } catch {
      pieces = text.match(/\s+|[^\s]+/gu) || [];
    }
    let start = 0;
    for (const piece of pieces) {
      const end = start + codePoints(piece);
      parts.push({ piece, start, end, isBlank: !piece.trim() });
      start = end;
    }
    return parts;
  }

  // A fixed part, such as <image>, is one word; what lies between two is cut into words.
  function cutAround(text, language, fixed) {
    const letters = Array.from(text);
    const parts = [];
    let place = 0;
    const between = (end) => {
      for (const part of cut(letters.slice(place, end).join(""), language)) {
        parts.push({ ...part, start: part.start + place, end: part.end + place });
      }
    };
    for (const [start, end] of fixed) {
      between(start);
      parts.push({ piece: letters.slice(start, end).join(""), start, end, isBlank: false, isFixed: true });
      place = end;
    }
    between(letters.length);
    return parts;
  }

  function begin(box, changed) {
    const text = box.dataset.text;
    const length = codePoints(text);
    const parts = cutAround(text, box.lang, JSON.parse(box.dataset.fixed));
    const words = [];
    let spans = [];
    let from = null;
    let to = null;
    let current = 0;
    let dragging = false;

    box.replaceChildren();
    for (const part of parts) {
      if (part.isBlank) {
        box.append(part.piece);
        continue;
      }
      const button = document.createElement("button");
      button.type = "button";
      button.className = part.isFixed ? "word fixed" : "word";
      button.textContent = part.piece;
      button.tabIndex = words.length ? -1 : 0;
      button.setAttribute("aria-pressed", "false");
      words.push({ button, start: part.start, end: part.end });
      box.append(button);
    }
    const place = (button) => words.findIndex((word) => word.button === button);

    function choose(first, last) {
      from = first;
      to = last;
      paint();
    }

    function paint() {
      const [low, high] = from === null ? [1, 0] : [Math.min(from, to), Math.max(from, to)];
      words.forEach((word, index) => {
        const over = spans.filter((span) => span.start < word.end && span.end > word.start);
        word.button.classList.toggle("major", over.some((span) => span.severity === "major"));
        word.button.classList.toggle("minor", over.length > 0 && over.every((span) => span.severity !== "major"));
        word.button.setAttribute("aria-pressed", String(index >= low && index <= high));
      });
      list();
    }

    function list() {
      const marks = document.getElementById("marks");
      const template = document.getElementById("mark");
      const letters = Array.from(text);
      marks.replaceChildren();
      spans.forEach((span) => {
        const row = template.content.cloneNode(true).firstElementChild;
        const omitted = span.start === span.end;
        row.querySelector(".what").textContent =
          omitted ? document.getElementById("omitted").innerHTML : letters.slice(span.start, span.end).join("");
        row.dataset.severity = span.severity || "minor";
        const severity = row.querySelector(".severity");
        const category = row.querySelector(".category");
        severity.value = span.severity || "minor";
        category.value = span.category || "";
        severity.addEventListener("change", () => { span.severity = severity.value; paint(); changed(); });
        category.addEventListener("change", () => { span.category = category.value || null; changed(); });
        row.querySelector(".remove").addEventListener("click", () => remove(span));
        marks.append(row);
      });
      document.getElementById("no-marks").hidden = spans.length > 0;
    }

    function remove(span) {
      spans = spans.filter((other) => other !== span);
      paint();
      changed();
      words[current]?.button.focus({ preventScroll: true });
    }

    function mark(severity) {
      if (from === null) return;
      const low = words[Math.min(from, to)];
      const high = words[Math.max(from, to)];
      const same = spans.find((span) => span.start === low.start && span.end === high.end);
      if (same) same.severity = severity;
      else spans.push({ start: low.start, end: high.end, severity, category: null });
      spans.sort((one, other) => one.start - other.start);
      from = to = null;
      paint();
      changed();
    }

    function omit() {
      if (spans.some((span) => span.start === span.end)) return;
      spans.push({ start: length, end: length, severity: "major", category: "dropped" });
      paint();
      changed();
    }

    function unmark() {
      const word = words[current];
      const over = spans.filter((span) => span.start < word.end && span.end > word.start);
      if (!over.length) return;
      spans = spans.filter((span) => !over.includes(span));
      paint();
      changed();
    }

    function focus(index) {
      words[current].button.tabIndex = -1;
      current = Math.max(0, Math.min(words.length - 1, index));
      words[current].button.tabIndex = 0;
      words[current].button.focus();
    }

    box.addEventListener("pointerdown", (event) => {
      const index = place(event.target);
      if (index < 0) return;
      dragging = event.pointerType === "mouse";
      const extend = from !== null && (event.shiftKey || (event.pointerType !== "mouse" && from === to && from !== index));
      current = index;
      choose(extend ? from : index, index);
    });
    box.addEventListener("pointerover", (event) => {
      const index = place(event.target);
      if (dragging && event.buttons && index >= 0) choose(from, index);
    });
    window.addEventListener("pointerup", () => { dragging = false; });
    box.addEventListener("keydown", (event) => {
      const index = place(event.target);
      if (index < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (step) {
        const start = event.shiftKey && from !== null ? from : null;
        focus(index + step);
        choose(start === null ? (event.shiftKey ? index : current) : start, current);
      } else if (event.key === "Enter" || event.key === " ") choose(index, index);
      else if (event.key === "Backspace" || event.key === "Delete") unmark();
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
    document.querySelectorAll("[data-mark]").forEach((button) =>
      button.addEventListener("click", () => mark(button.dataset.mark)));
    document.getElementById("omission").addEventListener("click", omit);

    return {
      mark,
      get spans() { return spans.map((span) => ({ ...span })); },
      set spans(given) { spans = (given || []).map((span) => ({ ...span })); from = to = null; paint(); },
    };
  }

  return { begin };
})();
