// [data-copy="<id>"] copies a field's value, or the text of anything else, and says so; where that is forbidden it selects
// the text instead. [data-copy-link] copies the address of the page.

const chosen = (button) => {
  if ("copyLink" in button.dataset) return location.href;
  const source = document.getElementById(button.dataset.copy);
  if (!source) return null;
  if ("value" in source) source.select();
  else getSelection().selectAllChildren(source);
  return source.value ?? source.textContent;
};

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy], [data-copy-link]");
  const text = button && chosen(button);
  if (text === null) return;
  try {
    await navigator.clipboard.writeText(text);
  } catch (error) {
    if (error instanceof DOMException || error instanceof TypeError) return; // selected: Ctrl + C does the rest
    throw error;
  }
  const word = button.querySelector("span");
  const before = (word.dataset.before ??= word.textContent);
  word.textContent = "Copied";
  setTimeout(() => (word.textContent = before), 2000);
});
