/**
 * A console de cada servidor, linha a linha, como ele a mostrou até ao instante que se vê.
 *
 * @module
 */

import type { Foto, Quem } from "../tipos.ts";
import { type Historico, type LinhaDeConsole, quantosAte } from "./historico.ts";
import { dizer, fazer } from "./nos.ts";

/** Linhas que se desenham de cada console. */
const LINHAS_MAX = 120;

/** Uma console e a última linha que tem. */
interface Console {
  readonly no: HTMLElement;
  readonly nome: HTMLElement;
  readonly lista: HTMLOListElement;
  /** A primeira e a última linha desenhadas, para só juntar as novas. */
  ultima: number;
}

/** As consoles, por servidor. */
export interface Consoles {
  readonly no: HTMLElement;
  readonly todas: Map<Quem, Console>;
}

/** Prepara as consoles dentro de um nó da página. */
export function criarConsoles(no: HTMLElement): Consoles {
  return { no, todas: new Map() };
}

/** Mostra o que cada console dizia num instante. */
export function mostrarConsoles(
  { no, todas }: Consoles,
  foto: Foto,
  { linhas }: Historico,
  instante: number,
): void {
  const quais = foto.servidores.map(({ quem }) => quem);
  if ([...todas.keys()].join() !== quais.join()) {
    todas.clear();
    for (const quem of quais) todas.set(quem, fazerConsole(quem));
    no.replaceChildren(...[...todas.values()].map((uma) => uma.no));
  }
  const ate = quantosAte(linhas, instante, ({ quando }) => quando);
  for (const { quem, nome, endereco } of foto.servidores) {
    const uma = todas.get(quem)!;
    dizer(uma.nome, `${nome} · ${endereco}`);
    const suas: LinhaDeConsole[] = [];
    for (let n = ate - 1; n >= 0 && suas.length < LINHAS_MAX; n--) {
      if (linhas[n]!.quem === quem) suas.push(linhas[n]!);
    }
    mostrarConsole(uma, suas.reverse());
  }
}

function fazerConsole(quem: Quem): Console {
  const nome = fazer("h3");
  const lista = fazer("ol", { tabindex: 0, "aria-label": `Console do ${quem.toUpperCase()}` });
  const no = fazer("section", { class: "console", id: `console-${quem}` }, nome, lista);
  return { no, nome, lista, ultima: -1 };
}

function mostrarConsole(uma: Console, suas: readonly LinhaDeConsole[]): void {
  const ultima = suas.at(-1)?.n ?? 0;
  if (ultima === uma.ultima) return;
  const { lista } = uma;
  const noFundo = lista.scrollHeight - lista.scrollTop - lista.clientHeight < 30;
  const novas = ultima > uma.ultima ? suas.filter(({ n }) => n > uma.ultima) : suas;
  const itens = novas.map(({ texto, erro }) =>
    fazer("li", erro ? { class: "erro", title: "em stderr" } : {}, texto)
  );
  if (ultima > uma.ultima) lista.append(...itens);
  else lista.replaceChildren(...itens);
  while (lista.childElementCount > LINHAS_MAX) lista.firstElementChild!.remove();
  uma.ultima = ultima;
  if (noFundo) lista.scrollTop = lista.scrollHeight;
}
