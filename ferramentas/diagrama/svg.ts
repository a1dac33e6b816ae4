/**
 * Coordenadas, durações e textos como um SVG os quer.
 *
 * ```ts
 * import { casas, escapar } from "./svg.ts";
 *
 * if (casas(1.26) !== "1.3") throw new Error("são décimos");
 * if (escapar("<a>\n") !== "&lt;a&gt;\\n") throw new Error("não escapou");
 * ```
 *
 * @module
 */

import { visivel } from "../../lib/texto.ts";

/** Uma coordenada com até uma casa. */
export function casas(n: number): string {
  return String(Math.round(n * 10) / 10);
}

export function milissegundos(ms: number): string {
  const digitos = ms < 10 ? 2 : 1;
  return ms.toLocaleString("pt-BR", {
    minimumFractionDigits: digitos,
    maximumFractionDigits: digitos,
  });
}

export function duracao(ms: number): string {
  return ms < 1000
    ? `${ms < 10 ? milissegundos(ms) : Math.round(ms)} ms`
    : `${(ms / 1000).toLocaleString("pt-BR", { maximumFractionDigits: 1 })} s`;
}

const ESCAPES: { readonly [letra: string]: string } = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Um texto qualquer como XML o aceita, com os caracteres invisíveis à vista. */
export function escapar(texto: string): string {
  return visivel(texto.toWellFormed()).replace(/[\ufffe\uffff]/g, "\ufffd")
    .replace(/[&<>"']/g, (letra) => ESCAPES[letra]!);
}
