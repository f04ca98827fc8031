"use strict";
(() => {
  const form = document.querySelector(".filters");
  if (form) {
    const source = document.getElementById("filter-source");
    const outcome = document.getElementById("filter-outcome");
    const cards = [...document.querySelectorAll(".card")];
    const tags = new Map(cards.map((card) => [card, JSON.parse(card.dataset.tags)]));
    // One card at a time is in the order of the Tab key; keys go from it to its neighbours.
    const reach = (card) => {
      for (const each of cards) each.tabIndex = each === card ? 0 : -1;
    };
    const show = () => {
      for (const card of cards) {
        card.hidden = (source.value && card.dataset.source !== source.value)
          || (outcome.value && !tags.get(card).includes(outcome.value));
      }
      const shown = cards.filter((card) => !card.hidden);
      document.getElementById("filter-count").textContent = `${shown.length} of ${cards.length} examples`;
      document.querySelector(".none").hidden = shown.length > 0;
      reach(shown[0]);
    };
    const steps = { j: 1, ArrowDown: 1, ArrowRight: 1, k: -1, ArrowUp: -1, ArrowLeft: -1 };
    document.querySelector(".cards").addEventListener("keydown", (event) => {
      if (!(event.key in steps) || event.ctrlKey || event.altKey || event.metaKey) return;
      const shown = cards.filter((card) => !card.hidden);
      const next = shown[shown.indexOf(event.target.closest(".card")) + steps[event.key]];
      event.preventDefault();
      if (!next) return;
      reach(next);
      next.focus({ preventScroll: true });
      next.scrollIntoView({ block: "nearest" });
    });
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("change", show);
    form.hidden = false;
    show();
  }
  addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details")) details.open = true;
  });
})();
