/**
 * Um atraso que se escolhe: um deslizador de 0 a 10 s com o valor ao lado.
 *
 * @module
 */

import { dizer, fazer, mudar } from "./nos.ts";
import { atraso } from "./palavras.ts";

/** O maior atraso, e o passo, em milissegundos. */
const MS = { max: 10_000, passo: 250 } as const;

/** Quanto tempo, depois de alguém lhe mexer, manda a mão e não a foto. */
const MAO_MS = 1_200;

/** Um deslizador e como se acerta pelo que a foto diz. */
export interface Deslizador {
  readonly no: HTMLElement;
  readonly acertar: (ms: number) => void;
}

/** Faz um; `aoEscolher` sabe o valor quando a mão o larga. */
export function fazerDeslizador(nome: string, aoEscolher: (ms: number) => void): Deslizador {
  const barra = fazer("input", { type: "range", min: 0, max: MS.max, step: MS.passo, value: 0 });
  mudar(barra, { "aria-label": nome, title: `${nome} (0 a 10 s)` });
  const valor = fazer("span", { class: "valor" }, atraso(0));
  const no = fazer("span", { class: "deslizador" }, barra, valor);
  let mexido = -MAO_MS;
  const dito = (ms: number) => {
    dizer(valor, atraso(ms));
    mudar(barra, { "aria-valuetext": atraso(ms) });
  };
  barra.addEventListener("input", () => {
    mexido = performance.now();
    dito(Number(barra.value));
  });
  barra.addEventListener("change", () => {
    mexido = performance.now();
    aoEscolher(Number(barra.value));
  });
  const acertar = (ms: number) => {
    if (performance.now() - mexido < MAO_MS || Number(barra.value) === ms) return;
    barra.value = String(ms);
    dito(ms);
  };
  return { no, acertar };
}
