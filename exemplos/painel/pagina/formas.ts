/**
 * A forma de cada família de mensagens: quem não distingue as cores distingue as formas.
 *
 * @module
 */

import { familia, FAMILIAS } from "../../../ferramentas/diagrama/familias.ts";
import type { Conteudo } from "../../../ferramentas/diagrama/setas.ts";
import { desenhar, fazer, pintar } from "./nos.ts";

/** Caminhos à volta de (0, 0), na ordem de FAMILIAS. */
const FORMAS = [
  "M-6 0a6 6 0 1 0 12 0a6 6 0 1 0-12 0Z",
  "M-6 5.5L0-6.5L6 5.5Z",
  "M0-7.5L6.5 0L0 7.5L-6.5 0Z",
  "M-5.5-5.5H5.5V5.5H-5.5Z",
  "M-3.3-8H3.3L8-3.3V3.3L3.3 8H-3.3L-8 3.3V-3.3Z",
  "M-6-3.5L-3.5-6L0-2.5L3.5-6L6-3.5L2.5 0L6 3.5L3.5 6L0 2.5L-3.5 6L-6 3.5L-2.5 0Z",
  "M-2.5 0a2.5 2.5 0 1 0 5 0a2.5 2.5 0 1 0-5 0Z",
  "M-7-2.5H1V-6L7 0L1 6V2.5H-7Z",
] as const;

/** A forma e a cor de uma mensagem. */
export function formaDe(mensagem: Conteudo): { readonly d: string; readonly cor: string } {
  const n = FAMILIAS.indexOf(familia(mensagem));
  return { d: FORMAS[n]!, cor: FAMILIAS[n]!.cor };
}

/** A legenda: cada família com a sua forma, a sua cor e o seu nome. */
export function encherLegenda(lista: HTMLElement): void {
  const porConfirmar = fazer("li", { class: "legenda-por-confirmar" }, "◌ ainda não confirmado");
  lista.replaceChildren(
    ...FAMILIAS.map(({ nome, cor }, n) => {
      const forma = desenhar(
        "svg",
        { viewBox: "-9 -9 18 18", "aria-hidden": "true" },
        desenhar("path", { class: "forma", d: FORMAS[n] }),
      );
      const item = fazer("li", {}, forma, nome);
      pintar(item, cor);
      return item;
    }),
    porConfirmar,
  );
}
