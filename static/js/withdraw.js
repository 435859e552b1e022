// The withdrawal form: what will be received, and what is wrong, before anything is sent. The server decides.

import { formatUnits, NotAnAmount, parseUnits } from "./money.js";

const form = document.getElementById("withdraw-form");
if (form) start();

function start() {
  const field = document.getElementById("id_amount");
  const output = document.getElementById("will-receive");
  const hint = form.querySelector("[data-amount-hint]");
  const fee = parseUnits(form.dataset.fee);
  const least = parseUnits(form.dataset.min);
  const empty = output.textContent;
  const all = form.querySelector("[data-fill-all]");
  const available = () => parseUnits(document.querySelector("[data-free]").textContent.trim());

  function problem(amount) {
    if (amount > available()) return `You have ${formatUnits(available(), 0)} ${form.dataset.asset} available.`;
    if (amount < least) return `The smallest withdrawal is ${formatUnits(least, 0)} ${form.dataset.asset}.`;
    return "";
  }

  function draw() {
    let text = empty;
    let message = "";
    if (field.value.trim()) {
      try {
        const amount = parseUnits(field.value);
        message = problem(amount);
        text = amount > fee ? formatUnits(amount - fee) : "0";
      } catch (error) {
        if (!(error instanceof NotAnAmount)) throw error;
        message = error.message;
      }
    }
    output.textContent = text;
    hint.textContent = message;
  }

  all.hidden = false;
  all.addEventListener("click", () => {
    field.value = formatUnits(available(), 0);
    draw();
  });
  field.addEventListener("input", draw);
  // A form that is sent twice is one withdrawal anyway (its client id); this only saves the wait.
  form.addEventListener("submit", () => (document.getElementById("withdraw-button").disabled = true));
  addEventListener("pageshow", () => (document.getElementById("withdraw-button").disabled = false));
  draw();
}
