import { sentenceOf } from "../problem.ts";
import { h, setText } from "./dom.ts";
import { mark } from "./mark.ts";

/** The sign-in form. signIn throws a Problem, whose sentence is shown. */
export function signInView(signIn: (name: string, password: string) => Promise<void>, reason: string): HTMLElement {
  const name = h("input", {
    attrs: { id: "name", name: "username", autocomplete: "username", autocapitalize: "none", spellcheck: "false", required: "" },
  });
  const password = h("input", {
    attrs: { id: "password", name: "password", type: "password", autocomplete: "current-password", required: "" },
  });
  const button = h("button", { class: "primary", attrs: { type: "submit" } }, "Sign in");
  const trouble = h("p", { class: "trouble", attrs: { role: "alert" } }, reason);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (button.disabled) return;
    button.disabled = true;
    setText(trouble, "");
    try {
      await signIn(name.value.trim(), password.value);
    } catch (err) {
      setText(trouble, sentenceOf(err));
      password.select();
      password.focus();
    } finally {
      button.disabled = false;
    }
  };
  const form = h(
    "form",
    { on: { submit: (event) => void submit(event) } },
    h("label", { attrs: { for: "name" } }, "Name"),
    name,
    h("label", { attrs: { for: "password" } }, "Password"),
    password,
    trouble,
    button,
  );
  return h(
    "main",
    { class: "door" },
    h(
      "div",
      { class: "card" },
      h("div", { class: "brand" }, mark(), h("h1", {}, "Rambla")),
      h("p", { class: "muted" }, "Every message stored, in order, live."),
      form,
    ),
    h(
      "footer",
      { class: "muted" },
      h("a", { attrs: { href: "/docs" } }, "REST interface"),
      h("a", { attrs: { href: "/licences.txt" } }, "Licences"),
    ),
  );
}
