/**
 * Pedidos que esperam a sua vez e depois uma confirmação: cada um com o seu tamanho, o seu prazo
 * e uma resposta só, e uma conta do que todos ocupam.
 *
 * ```ts
 * import { abrirFila } from "./fila.ts";
 *
 * const fila = abrirFila<{ tamanho: number; nome: string }>(100);
 * const um = fila.receber({ tamanho: 60, nome: "um" });
 * if (fila.receber({ tamanho: 60, nome: "demais" }).cabe) throw new Error("coube demais");
 * fila.numerar(um, 7);
 * const [confirmado] = fila.confirmar(9);
 * if (confirmado?.[1].pedido.nome !== "um") throw new Error("confirmou outro");
 * ```
 *
 * @module
 */

/** Um pedido na fila. */
export interface NaFila<P> {
  readonly pedido: P;
  /** Se cabia quando chegou; um que não cabe só falta responder-lhe. */
  readonly cabe: boolean;
  /** Se já teve a sua resposta. */
  respondido: boolean;
  /** Se espera confirmação: enquanto isso ocupa memória, respondido ou não. */
  numerado: boolean;
}

/** Os pedidos em curso, e a conta deles; ver {@linkcode abrirFila}. */
export interface Fila<P> {
  /** Os que esperam a sua vez, na ordem em que chegaram. */
  readonly espera: ReadonlySet<NaFila<P>>;
  /** Os que esperam confirmação, em ordem de número. */
  readonly numerados: ReadonlyMap<number, NaFila<P>>;
  /** Quantos ainda não tiveram resposta. */
  readonly semResposta: number;
  /** Um pedido chega. */
  receber(pedido: P): NaFila<P>;
  /** Um pedido deixa de esperar a sua vez. */
  tirar(item: NaFila<P>): void;
  /** Um pedido teve a sua vez, e com ela um número, maior que os anteriores. */
  numerar(item: NaFila<P>, numero: number): void;
  /** Está confirmado tudo até um número: devolve os que ainda esperam resposta, em ordem. */
  confirmar(ate: number): [number, NaFila<P>][];
  /** A resposta de um, que é uma só: `false`, se já a teve. */
  responder(item: NaFila<P>): boolean;
}

/** Uma fila em que cabem pedidos até certo tamanho, somado o de todos. */
export function abrirFila<P extends { readonly tamanho: number }>(maximo: number): Fila<P> {
  const espera = new Set<NaFila<P>>();
  const numerados = new Map<number, NaFila<P>>();
  let ocupado = 0;
  const fila = {
    espera,
    numerados,
    semResposta: 0,
    receber(pedido: P): NaFila<P> {
      fila.semResposta++;
      ocupado += pedido.tamanho;
      const item = { pedido, cabe: ocupado <= maximo, respondido: false, numerado: false };
      if (item.cabe) espera.add(item);
      return item;
    },
    tirar: (item: NaFila<P>) => void espera.delete(item),
    numerar(item: NaFila<P>, numero: number) {
      espera.delete(item);
      item.numerado = true;
      numerados.set(numero, item);
    },
    confirmar(ate: number) {
      const confirmados: [number, NaFila<P>][] = [];
      for (const [numero, item] of numerados) {
        if (numero > ate) break;
        numerados.delete(numero);
        item.numerado = false;
        if (item.respondido) ocupado -= item.pedido.tamanho;
        else confirmados.push([numero, item]);
      }
      return confirmados;
    },
    responder(item: NaFila<P>) {
      if (item.respondido) return false;
      item.respondido = true;
      fila.semResposta--;
      if (!item.numerado) ocupado -= item.pedido.tamanho;
      return true;
    },
  };
  return fila;
}
