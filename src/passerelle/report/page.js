"use strict";
(() => {
  const form = document.querySelector(".filters");
  if (form) {
    const source = document.getElementById("filter-source");
    const outcome = document.getElementById("filter-outcome");
    const cards = [...document.querySelectorAll(".card")];
    const show = () => {
      let count = 0;
      for (const card of cards) {
        const fits = (!source.value || card.dataset.source === source.value)
          && (!outcome.value || card.dataset.outcome === outcome.value);
        card.hidden = !fits;
        count += fits;
      }
      document.getElementById("filter-count").textContent = `${count} of ${cards.length} examples`;
      document.querySelector(".none").hidden = count > 0;
    };
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("change", show);
    form.hidden = false;
    show();
  }
  addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details")) details.open = true;
  });
})();
