/**
 * As mensagens com o teclado: o diagrama é uma paragem só do Tab; dentro dele, as setas passam de
 * uma mensagem a outra, e a apontada, ou a focada, vem inteira no painel "mensagem".
 *
 * @module
 */

import type { Foto } from "../tipos.ts";
import type { Diagrama, Seta } from "./diagrama.ts";
import type { Estado } from "./historico.ts";
import { dizer, fazer, mudar } from "./nos.ts";
import { destino, emJson, nomeDe } from "./palavras.ts";

/** Caracteres de uma mensagem no painel. */
const PAINEL_MAX = 20_000;

/** As teclas, e quantas mensagens andam. */
const TECLAS: { readonly [tecla: string]: number } = {
  ArrowDown: 1,
  ArrowRight: 1,
  ArrowUp: -1,
  ArrowLeft: -1,
  PageDown: 10,
  PageUp: -10,
  Home: -Infinity,
  End: Infinity,
};

/** Liga o teclado e o rato do diagrama; `aoApontar` sabe a mensagem, por qualquer dos dois. */
export function ligarFoco(diagrama: Diagrama, aoApontar: (estado: Estado) => void): void {
  const { svg } = diagrama;
  const setaDe = (alvo: EventTarget | null): Seta | undefined => {
    const grupo = alvo instanceof Element ? alvo.closest<SVGGElement>("[data-id]") : null;
    return grupo === null ? undefined : diagrama.setas.get(Number(grupo.dataset["id"]));
  };
  svg.addEventListener("pointerover", ({ target }) => {
    const seta = setaDe(target);
    if (seta) aoApontar(seta.estado);
  });
  svg.addEventListener("focusin", ({ target }) => {
    const seta = setaDe(target);
    for (const outra of diagrama.setas.values()) {
      mudar(outra.grupo, { "aria-selected": outra === seta ? "true" : undefined });
    }
    mudar(svg, { tabindex: seta ? -1 : 0 });
    if (seta) aoApontar(seta.estado);
  });
  svg.addEventListener("focusout", () => mudar(svg, { tabindex: 0 }));
  svg.addEventListener("keydown", (tecla) => {
    const passo = TECLAS[tecla.key];
    if (passo === undefined) return;
    tecla.preventDefault();
    const setas = [...diagrama.setas.values()].sort((a, b) =>
      a.estado.viagem.n - b.estado.viagem.n
    );
    const onde = setas.findIndex(({ grupo }) => grupo === document.activeElement);
    const daqui = onde < 0 && passo < 0 ? setas.length : onde;
    const seta = setas[Math.min(setas.length - 1, Math.max(0, daqui + passo))];
    seta?.grupo.focus();
    seta?.grupo.scrollIntoView({ block: "nearest" });
  });
}

/** Mostra uma mensagem inteira no painel. */
export function mostrarMensagem(painel: HTMLElement, estado: Estado, foto: Foto | undefined): void {
  const { de, para, mensagem } = estado.viagem;
  const titulo = `${mensagem.tipo}: ${nomeDe(de, foto)} → ${nomeDe(para, foto)}`;
  const inteira = emJson(mensagem, PAINEL_MAX);
  const [forte, quando, json] = painel.children;
  if (forte && quando && json) {
    dizer(forte, titulo);
    dizer(quando, destino(estado));
    dizer(json, inteira);
    return;
  }
  painel.replaceChildren(
    fazer("strong", {}, titulo),
    fazer("span", {}, destino(estado)),
    fazer("code", {}, inteira),
  );
}
