// [data-copy="<id of a field>"] copies the field's value and says so; where that is forbidden it selects the text instead.

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  const field = button && document.getElementById(button.dataset.copy);
  if (!field) return;
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
  } catch (error) {
    if (error instanceof DOMException || error instanceof TypeError) return; // selected: Ctrl + C does the rest
    throw error;
  }
  const word = button.querySelector("span");
  word.textContent = "Copied";
  setTimeout(() => (word.textContent = "Copy"), 2000);
});
