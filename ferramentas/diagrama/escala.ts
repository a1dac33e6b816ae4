/**
 * A escala do tempo: a que altura fica cada evento, com as esperas compridas encolhidas.
 *
 * ```ts
 * import { alturas } from "./escala.ts";
 *
 * const [zero, perto, longe] = alturas([0, 1, 60_001]) as [number, number, number];
 * if (zero !== 0 || perto < 8 || longe > 60) throw new Error(`${[zero, perto, longe]}`);
 * ```
 *
 * @module
 */

/** Espera, em milissegundos, que é encolhida e marcada com um zigue-zague. */
export const SALTO_MS = 30;

/** Pixels entre dois eventos: o mínimo, o que o tempo soma cada vez que dobra, e uma espera encolhida. */
const PASSO = { minimo: 8, dobro: 2, salto: 24 } as const;

/**
 * As alturas de horas em ordem crescente, a partir de zero: cada uma abaixo da
 * anterior, tanto mais quanto mais tempo passou, mas pouco numa espera comprida.
 * `folgas[n]` são pixels a mais antes da n-ésima.
 */
export function alturas(horas: readonly number[], folgas: readonly number[] = []): number[] {
  let y = 0;
  return horas.map((hora, n) => {
    if (n > 0) y += passoDe(hora - horas[n - 1]!);
    return y += folgas[n] ?? 0;
  });
}

function passoDe(ms: number): number {
  return ms >= SALTO_MS ? PASSO.salto : PASSO.minimo + PASSO.dobro * Math.log2(1 + 4 * ms);
}
