/**
 * Um quadro: onde fica cada coisa de uma cena, com espaço para os rótulos não se tocarem.
 *
 * `desenhar()` monta um para cada cena, com {@linkcode montar}, e desenho.ts o desenha.
 *
 * @module
 */

import { alturas } from "./escala.ts";
import type { Papel } from "./papel.ts";
import { rotular, type Texto } from "./rotulos.ts";
import type { Seta } from "./setas.ts";
import { tracar, type Traco } from "./tracos.ts";

/** Vezes seguidas que se abre espaço para os rótulos sem proveito; depois, fica o melhor que houve. */
const TENTATIVAS_MAX = 9;

/** Em pixels: o título e os nomes em cima de um quadro, e a folga embaixo. */
export const TOPO = { primeiro: 56, outros: 74 } as const;
const FUNDO = 32;

/** Pixels que se abrem antes de um evento: de cada vez, e ao todo. */
const FOLGA = { passo: 3, max: 48 } as const;

/** Uma cena no papel, em pixels, a partir do canto de cima do quadro. */
export interface Quadro {
  readonly horas: readonly number[];
  /** A altura do evento de cada hora. */
  readonly ys: readonly number[];
  readonly tracos: readonly Traco[];
  /** Os textos de cada traço. */
  readonly rotulos: readonly (readonly Texto[])[];
  readonly altura: number;
}

/** Põe um quadro no papel: abre espaço entre os eventos até os rótulos não se tocarem. */
export function montar(setas: readonly Seta[], papel: Papel, topo: number): Quadro {
  const pontos = setas.flatMap(({ saida, chegada }, n) => [
    { hora: saida, n, ponta: 0 },
    { hora: chegada, n, ponta: 1 },
  ]).filter(({ hora }) => hora !== undefined).sort((a, b) => a.hora! - b.hora!);
  const horas = pontos.map(({ hora }) => hora!);
  const lugar = setas.map(() => [-1, -1]);
  pontos.forEach(({ n, ponta }, k) => lugar[n]![ponta] = k);

  const folgas: number[] = horas.map(() => 0);
  let [melhor, menor]: [Quadro | undefined, number] = [undefined, Infinity];
  for (let semMelhorar = 0; semMelhorar < TENTATIVAS_MAX; semMelhorar++) {
    const ys = alturas(horas, folgas).map((y) => y + topo);
    const tracos = setas.map((seta, n) => tracar(seta, lugar[n]!, ys, papel));
    const { rotulos, toques, custo } = rotular(tracos, papel);
    if (custo < menor) {
      melhor = { horas, ys, tracos, rotulos, altura: ys.at(-1)! + FUNDO };
      [menor, semMelhorar] = [custo, 0];
      if (toques.length === 0) break;
    }
    for (const [a, b] of toques) {
      // De vez em quando, entre as pontas de baixo: duas setas que se cruzam tocam-se ali.
      const onde = semMelhorar % 3 < 2
        ? Math.max(a.primeiro, b.primeiro)
        : Math.max(a.ultimo, b.ultimo);
      folgas[onde] = Math.min(FOLGA.max, folgas[onde]! + FOLGA.passo);
    }
  }
  return melhor!;
}
