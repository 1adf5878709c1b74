// Everything works without this file: it shows the copy buttons and makes them copy.
"use strict";

async function copy(text, source) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
    return;
  }
  // Without TLS there is no clipboard to write to, but a selection can be copied.
  const range = document.createRange();
  range.selectNodeContents(source);
  const selection = window.getSelection();
  selection.removeAllRanges();
  selection.addRange(range);
  if (!document.execCommand("copy")) {
    throw new Error("not copied");
  }
}

const status = document.createElement("p");
status.className = "unseen";
status.setAttribute("role", "status");
document.body.append(status);

for (const button of document.querySelectorAll("button[data-copy]")) {
  const source = document.getElementById(button.dataset.copy);
  const label = button.textContent;
  let reset = 0;
  button.hidden = false;
  button.addEventListener("click", async () => {
    let said = button.dataset.done;
    try {
      await copy(source.textContent, source);
    } catch {
      said = button.dataset.failed;
    }
    status.textContent = "";
    status.textContent = said;
    button.textContent = said === button.dataset.done ? said : label;
    window.clearTimeout(reset);
    reset = window.setTimeout(() => { button.textContent = label; }, 2500);
  });
}
