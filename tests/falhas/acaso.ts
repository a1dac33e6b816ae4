/**
 * O acaso com semente, e a pausa, das duas bancadas.
 *
 * @module
 */

import { uniformInt } from "npm:pure-rand@8.4.2/distribution/uniformInt";
import { xoroshiro128plus } from "npm:pure-rand@8.4.2/generator/xoroshiro128plus";

/** Um gerador de números ao acaso com semente. */
export function sorteio(semente: number) {
  const gerador = xoroshiro128plus(semente);
  const inteiro = (de: number, ate: number): number => uniformInt(gerador, de, ate);
  const um = <T>(itens: readonly T[]): T => itens[inteiro(0, itens.length - 1)]!;
  /** Os mesmos itens, por outra ordem. */
  const embaralhar = <T>(itens: readonly T[]): T[] => {
    const resto = [...itens];
    return itens.map(() => resto.splice(inteiro(0, resto.length - 1), 1)[0]!);
  };
  return { inteiro, um, embaralhar };
}

/** O que {@linkcode sorteio} devolve. */
export type Sorteio = ReturnType<typeof sorteio>;

/** Espera tantos milissegundos. */
export function pausar(ms: number): Promise<void> {
  return new Promise((resolver) => setTimeout(resolver, ms));
}
