/**
 * O relógio, os temporizadores e o acaso, como parâmetros: um programa que só os toma daqui
 * pode ser testado com um relógio que não anda sozinho e um acaso que se repete.
 *
 * ```ts
 * import { DE_VERDADE, esperaDaTentativa, esperar } from "./tempo.ts";
 *
 * const inicio = DE_VERDADE.agora();
 * await esperar(DE_VERDADE, esperaDaTentativa(DE_VERDADE, 3, 1, 20)); // de 4 a 8 ms
 * if (DE_VERDADE.agora() - inicio < 3) throw new Error("não esperou");
 * ```
 *
 * @module
 */

/** O tempo e o acaso de um processo. */
export interface Tempo {
  /** Milissegundos desde um início qualquer; nunca anda para trás. */
  agora(): number;
  /** Faz algo daqui a `ms` milissegundos, uma vez. Devolve como desistir. */
  depois(ms: number, fazer: () => void): () => void;
  /** Faz algo no fim desta volta do laço de eventos, com tudo o que ela trouxe já tratado. */
  aSeguir(fazer: () => void): void;
  /** Um número ao acaso, de 0 a menos de 1. */
  acaso(): number;
  /** 32 bytes que ninguém adivinha, em hexadecimal. */
  sigilo(): string;
}

/** O tempo e o acaso da máquina. */
export const DE_VERDADE: Tempo = {
  agora: () => performance.now(),
  depois(ms, fazer) {
    const temporizador = setTimeout(fazer, ms);
    return () => clearTimeout(temporizador);
  },
  aSeguir: (fazer) => void setImmediate(fazer),
  acaso: () => Math.random(),
  sigilo: () => crypto.getRandomValues(new Uint8Array(32)).toHex(),
};

/** Com que folga se verificam prazos, em milissegundos: um temporizador para todos os de um dono. */
export const RELOGIO_MS = 20;

/** Maior espera que um temporizador aceita, em milissegundos (2^31 − 1, uns 24 dias). */
export const ESPERA_MS_MAX = 2 ** 31 - 1;

/** Espera `ms` milissegundos, ou menos se o sinal for dado antes. */
export function esperar(tempo: Tempo, ms: number, sinal?: AbortSignal): Promise<void> {
  return new Promise((resolver) => {
    if (sinal?.aborted) return resolver();
    const acabar = () => {
      desistir();
      sinal?.removeEventListener("abort", acabar);
      resolver();
    };
    const desistir = tempo.depois(ms, acabar);
    sinal?.addEventListener("abort", acabar);
  });
}

/** No meio de um trabalho comprido, deixa que se atenda o que chegou pela rede; custa 1 ms. */
export function darAVez(tempo: Tempo): Promise<void> {
  return esperar(tempo, 0);
}

/**
 * Quanto esperar antes de repetir, em milissegundos: dobra a cada tentativa, até
 * `maior`, com metade ao acaso para que muitos não voltem juntos. (A forma é a
 * de `@std/async/retry`.)
 */
export function esperaDaTentativa(
  { acaso }: Pick<Tempo, "acaso">,
  tentativa: number,
  primeira: number,
  maior: number,
): number {
  const teto = Math.min(maior, primeira * 2 ** Math.min(tentativa, 30));
  return teto * (0.5 + acaso() / 2);
}
