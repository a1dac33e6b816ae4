/**
 * O plano de uma corrida da bancada de falhas, e o que ela mostra.
 *
 * @module
 */

import type { Historia } from "./verificador.ts";

/** Prazo de um PUT nos servidores da bancada, em milissegundos. */
export const PRAZO_MS = 2_000;

/** Além do prazo, o que se dá a uma máquina ocupada antes de dizer que um pedido pendeu. */
export const FOLGA_MS = 3_000;

/** O plano de uma corrida. */
export interface Plano {
  readonly semente: number;
  readonly segundos: number;
  readonly emDisco: boolean;
}

/** O que uma corrida fez, e o que se viu. */
export interface Relatorio {
  readonly historia: Historia;
  /** Quantas falhas de cada tipo. */
  readonly falhas: ReadonlyMap<string, number>;
  /** As quebras que o verificador achou. */
  readonly quebras: readonly string[];
}

/** Uma corrida em poucas linhas: o plano, o que houve e o veredito. */
export function resumir({ semente, segundos, emDisco }: Plano, relatorio: Relatorio): string {
  const { historia: { operacoes }, falhas, quebras } = relatorio;
  const tipos = Map.groupBy(
    operacoes,
    ({ resposta }) =>
      resposta.tipo === "ERRO"
        ? `ERRO ${resposta.definitivo ? "definitivo" : "indefinido"}`
        : resposta.tipo,
  );
  const contas = (mapa: Iterable<readonly [string, number]>) =>
    [...mapa].sort().map(([nome, vezes]) => `${vezes} ${nome}`).join(", ");
  return [
    `semente ${semente}, ${segundos} s, ${emDisco ? "em disco" : "na memória"}`,
    `${operacoes.length} operações: ${
      contas([...tipos].map(([tipo, { length }]) => [tipo, length]))
    }`,
    `falhas: ${contas(falhas)}`,
    quebras.length === 0 ? "nenhuma quebra" : `QUEBRAS (${quebras.length}):`,
    ...quebras.slice(0, 20),
  ].join("\n");
}
