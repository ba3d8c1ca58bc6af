import { render } from "preact";
import { App } from "./app";
import { Speech, chooseLanguage } from "./words";

const root = document.getElementById("app");
if (root) {
  const speech = new Speech(chooseLanguage(location.search, navigator.languages));
  document.documentElement.lang = speech.language;
  render(<App speech={speech} />, root);
}
