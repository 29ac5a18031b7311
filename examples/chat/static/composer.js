// The field where a message is written, and the picture that goes with it. It hands both over and forgets them.

import { byId } from "./dom.js";
import { kilobytes, prepare } from "./pictures.js";

// While somebody types, a mark goes out this often, ms.
const TYPING_EVERY = 1500;

export class Composer {
  constructor({ onSend, onTyping, onProblem }) {
    this.onProblem = onProblem;
    this.text = byId("text");
    this.button = byId("send");
    this.tray = byId("picture");
    this.preview = byId("picture-preview");
    this.note = byId("picture-note");
    this.file = byId("picture-file");
    this.picture = null; // Blob
    this.preparing = 0; // so that the last picture chosen wins
    this.lastTyping = 0;

    byId("composer").addEventListener("submit", (event) => {
      event.preventDefault();
      const text = this.text.value.trim();
      if (text === "" && this.picture === null) return;
      onSend(text, this.picture);
      this.lastTyping = 0;
      this.text.value = "";
      this.dropPicture();
      this.settle();
      this.text.focus();
    });
    this.text.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      if (!this.button.disabled) byId("composer").requestSubmit();
    });
    this.text.addEventListener("input", () => {
      this.settle();
      const now = Date.now();
      if (this.text.value !== "" && now - this.lastTyping > TYPING_EVERY) {
        this.lastTyping = now;
        onTyping();
      }
    });
    byId("picture-pick").addEventListener("click", () => this.file.click());
    this.file.addEventListener("change", () => {
      if (this.file.files.length > 0) void this.take(this.file.files[0]);
      this.file.value = "";
    });
    byId("picture-remove").addEventListener("click", () => {
      this.dropPicture();
      this.settle();
      this.text.focus();
    });
    this.text.addEventListener("paste", (event) => this.takeFrom(event.clipboardData, event));
    const area = document.querySelector(".talk");
    area.addEventListener("dragover", (event) => {
      if (!event.dataTransfer.types.includes("Files") || this.text.disabled) return;
      event.preventDefault();
      area.classList.add("dropping");
    });
    area.addEventListener("dragleave", (event) => {
      if (!area.contains(event.relatedTarget)) area.classList.remove("dropping");
    });
    area.addEventListener("drop", (event) => {
      area.classList.remove("dropping");
      if (!this.text.disabled) this.takeFrom(event.dataTransfer, event);
    });
    this.settle();
  }

  /** Opens the field for a conversation, with what was left unsent in it; `null` closes it. */
  open(placeholder, draft) {
    const closed = placeholder === null;
    this.text.disabled = closed;
    byId("picture-pick").disabled = closed;
    this.text.placeholder = placeholder ?? "";
    this.text.value = draft;
    this.lastTyping = 0;
    this.dropPicture();
    this.settle();
  }

  draft() {
    return this.text.value;
  }

  takeFrom(transfer, event) {
    const file = [...transfer.files].find((each) => each.type.startsWith("image/"));
    if (file === undefined) return;
    event.preventDefault();
    void this.take(file);
  }

  async take(file) {
    const turn = ++this.preparing;
    this.tray.hidden = false;
    this.preview.hidden = true;
    this.note.textContent = "Preparing the picture…";
    try {
      const { blob, width, height, from } = await prepare(file);
      if (turn !== this.preparing) return;
      this.dropPicture();
      this.picture = blob;
      this.preview.src = URL.createObjectURL(blob);
      this.preview.hidden = false;
      const shrunk = blob.size < from ? `, made smaller from ${kilobytes(from)}` : "";
      this.note.textContent = `${width} × ${height}, ${kilobytes(blob.size)}${shrunk}`;
      this.tray.hidden = false;
      this.text.focus();
    } catch (error) {
      if (turn !== this.preparing) return;
      this.dropPicture();
      this.onProblem(error.message);
    }
    this.settle();
  }

  dropPicture() {
    this.preparing++;
    if (this.picture !== null) URL.revokeObjectURL(this.preview.src);
    this.picture = null;
    this.preview.removeAttribute("src");
    this.tray.hidden = true;
  }

  settle() {
    this.button.disabled = this.text.disabled || (this.text.value.trim() === "" && this.picture === null);
    this.text.style.height = "";
    const lines = this.text.scrollHeight;
    if (lines > 44) this.text.style.height = `${Math.min(lines, 154)}px`;
  }
}
