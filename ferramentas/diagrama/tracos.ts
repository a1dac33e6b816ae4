/**
 * Os traços: cada seta no papel, de que ponto a que ponto.
 *
 * `montar()`, em quadro.ts, faz um para cada seta; rotulos.ts põe textos ao lado, e desenho.ts os
 * desenha.
 *
 * @module
 */

import type { Papel } from "./papel.ts";
import type { Seta } from "./setas.ts";

/** Uma seta no papel. */
export interface Traco {
  readonly seta: Seta;
  readonly x1: number;
  readonly y1: number;
  readonly x2: number;
  readonly y2: number;
  /** O primeiro e o último evento; o mesmo, se lhe falta o par. */
  readonly primeiro: number;
  readonly ultimo: number;
}

/** O comprimento e a queda de uma seta sem par. */
const TOCO = { x: 52, y: 9 } as const;

/** Põe uma seta no papel: `lugar` diz qual é a sua saída e a sua chegada nas alturas; -1, se não há. */
export function tracar(
  seta: Seta,
  lugar: readonly number[],
  ys: readonly number[],
  papel: Papel,
): Traco {
  const [saida, chegada] = lugar as [number, number];
  const [xDe, xPara] = [papel.colunas.get(seta.de), papel.colunas.get(seta.para)];
  const temPar = saida >= 0 && chegada >= 0;
  if (temPar) {
    const [x1, x2] = [xDe!, xPara!];
    return { seta, x1, y1: ys[saida]!, x2, y2: ys[chegada]!, primeiro: saida, ultimo: chegada };
  }
  const n = Math.max(saida, chegada);
  const x = saida >= 0 ? xDe! : xPara!;
  // Para o lado do outro processo, se está no diagrama; senão, para o meio do papel.
  const outro = (saida >= 0 ? xPara : xDe) ?? papel.largura / 2;
  const longe = x + Math.sign(outro - x || 1) * TOCO.x;
  const y = ys[n]!;
  return saida >= 0
    ? { seta, x1: x, y1: y, x2: longe, y2: y + TOCO.y, primeiro: n, ultimo: n }
    : { seta, x1: longe, y1: y - TOCO.y, x2: x, y2: y, primeiro: n, ultimo: n };
}
