"use strict";
// Writing a correction around what must not change: fixed parts are chips between the fields, so that nobody can type
// them away, and each line of the text has fields of its own. What is saved is the whole text.

const Parts = (() => {
  const OPENS = /^[\p{L}\p{N}"'«“‘(¿¡[]/u; // what a blank stands before
  const CLOSES = /[^\s'’(«“‘[]$/u; // what a blank stands behind

  // The nodes of each line: chips, blanks that stay, and texts with the blanks around them.
  function lay(pieces) {
    const lines = [[]];
    for (const [text, kind] of pieces) {
      if (kind === "break") {
        lines[lines.length - 1].push({ kind, text });
        lines.push([]);
      } else lines[lines.length - 1].push({ kind, text });
    }
    return lines.map((line) => {
      const nodes = [];
      line.forEach((node, place) => {
        const isWord = (other) => other?.kind === "word";
        const before = line[place - 1];
        if (node.kind === "text") nodes.push(makeText(node.text, isWord(before) || isWord(line[place + 1])));
        else {
          // Around a part that stands anywhere, there may be text on both sides.
          if ((isWord(node) || isWord(before)) && before?.kind !== "text") nodes.push(makeText("", true));
          nodes.push({ ...node });
          if (isWord(node) && [undefined, "break"].includes(line[place + 1]?.kind)) nodes.push(makeText("", true));
        }
      });
      return nodes;
    });
  }

  function makeText(text, isBesideWord) {
    const core = text.trim();
    const [before, after] = core ? text.split(core, 1).concat(text.slice(text.indexOf(core) + core.length)) : [text, text];
    const isWritten = core !== "" || isBesideWord || text === "";
    return { kind: isWritten ? "text" : "blank", text, core, before: core ? before : " ", after: core ? after : " ",
      empty: core ? before || after : text };
  }

  // Where the next chip stands in a text: one of letters isn't found inside of a word.
  function find(text, chip, from) {
    const edge = /[\p{L}\p{N}_]/u;
    for (let place = text.indexOf(chip, from); place >= 0; place = text.indexOf(chip, place + 1)) {
      const isInside = (edge.test(chip[0]) && edge.test(text[place - 1] || "")) ||
        (edge.test(chip[chip.length - 1]) && edge.test(text[place + chip.length] || ""));
      if (!isInside) return place;
    }
    return text.indexOf(chip, from);
  }

  // What of a text is in each field, and in which order the parts stand; null where a part isn't there.
  function read(lines, text) {
    const values = new Map();
    const chips = new Map();
    let place = 0;
    let field = null;
    const take = (end) => {
      if (field) values.set(field, text.slice(place, end).trim());
      field = null;
    };
    for (const line of lines) {
      const free = line.filter((node) => node.kind === "word").map((node) => node.text);
      for (const node of line) {
        if (node.kind === "text") field = node;
        if (["text", "blank"].includes(node.kind)) continue;
        const among = node.kind === "word" ? free : [node.text];
        const found = among.map((chip) => [find(text, chip, place), chip]).filter(([where]) => where >= 0);
        if (!found.length) return null;
        const [where, chip] = found.sort((one, other) => one[0] - other[0])[0];
        if (node.kind === "word") free.splice(free.indexOf(chip), 1);
        take(where);
        chips.set(node, chip);
        place = where + chip.length;
      }
    }
    take(text.length);
    return { values, chips };
  }

  function begin(box, changed) {
    const lines = lay(JSON.parse(box.dataset.pieces));
    const nodes = lines.flat();
    const texts = nodes.filter((node) => node.kind === "text");
    const { name, partOf, swap, longest, text: translation } = box.dataset;
    box.replaceChildren();
    for (const line of lines) draw(line);

    function draw(line) {
      const row = document.createElement("div");
      row.className = "line";
      const words = line.filter((node) => node.kind === "word");
      for (const node of line) {
        if (node.kind === "text") row.append(makeField(node));
        else if (node.kind === "fixed" || node.kind === "word") row.append(makeChip(node, words));
      }
      if (row.childElementCount) box.append(row);
    }

    function makeField(node) {
      const number = texts.indexOf(node) + 1;
      const field = document.createElement("textarea");
      field.id = number === 1 ? "correction" : `correction-${number}`;
      const isWhole = nodes.length === 1;
      field.className = isWhole ? "piece whole" : node.core || texts.length === 1 ? "piece" : "piece small";
      field.rows = isWhole ? 3 : 1;
      field.maxLength = Number(longest);
      field.lang = box.lang;
      field.spellcheck = true;
      const which = partOf.replace("{number}", number).replace("{total}", texts.length);
      if (texts.length > 1) field.setAttribute("aria-label", `${name}. ${which}`);
      // Lines are the source's: the key goes on to the next field.
      field.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" || event.ctrlKey || event.metaKey || event.isComposing) return;
        event.preventDefault();
        texts[number]?.field.focus();
      });
      field.addEventListener("input", () => {
        // Whoever begins in one of several fields goes on from the translation in the others.
        if (texts.every((other) => other === node || !other.field.value.trim())) fill(translation, node);
      });
      node.field = field;
      return field;
    }

    function makeChip(node, words) {
      const moves = node.kind === "word" && words.length > 1;
      const chip = document.createElement(moves ? "button" : "span");
      chip.className = "fixed";
      node.chip = chip;
      show(node, node.text);
      if (moves) {
        chip.type = "button";
        chip.addEventListener("click", () => {
          const next = words[(words.indexOf(node) + 1) % words.length];
          const mine = node.text;
          show(node, next.text);
          show(next, mine);
          changed();
        });
      }
      return chip;
    }

    function show(node, text) {
      node.text = text;
      node.chip.textContent = text;
      if (node.chip.type === "button") {
        const said = swap.replace("{part}", text);
        node.chip.title = said;
        node.chip.setAttribute("aria-label", said);
      }
    }

    // Put a text into the fields, but for one that is being written in.
    function fill(text, but = null) {
      const found = read(lines, text);
      if (found) for (const [node, chip] of found.chips) if (node.chip) show(node, chip);
      for (const node of texts) if (node !== but) node.field.value = found?.values.get(node) ?? "";
      if (!found && text) restored(text, but);
    }

    // A text that lost a part: all of it that isn't one goes into the longest field.
    function restored(text, but) {
      const rest = nodes.filter((node) => node.chip).reduce((left, node) => left.split(node.text).join(" "), text);
      const field = texts.reduce((one, other) => (other.core.length > one.core.length ? other : one), texts[0]);
      if (field && field !== but) field.field.value = rest.replace(/\s+/g, " ").trim();
    }

    function written(node, isFirst, isLast) {
      const value = node.field.value.replace(/[\r\n\t]+/g, " ");
      const core = value.trim();
      if (!core) return isFirst || isLast ? edge(node, isFirst) : node.empty;
      const before = /^\s/.test(value) ? " " : OPENS.test(core) ? node.before : "";
      const after = /\s$/.test(value) ? " " : CLOSES.test(core) ? node.after : "";
      return (isFirst ? edge(node, true) : before) + core + (isLast ? edge(node, false) : after);
    }

    // Blanks at the ends of a line stay what they were.
    function edge(node, isStart) {
      if (!node.core) return node.text;
      return isStart ? node.before : node.after;
    }

    function join() {
      if (texts.every((node) => !node.field.value.trim())) return "";
      return lines.map((line) => {
        const inner = line.filter((node) => node.kind !== "break");
        return line.map((node) =>
          node.kind === "text" ? written(node, node === inner[0], node === inner[inner.length - 1]) : node.text).join("");
      }).join("");
    }

    return {
      get text() { return join(); },
      set text(given) { fill(given); },
      copy() {
        if (!join()) fill(translation);
        texts[0]?.field.focus();
        changed();
      },
    };
  }

  return { begin };
})();
