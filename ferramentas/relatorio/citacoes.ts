/**
 * As citações de um texto: lê-las, e pôr em cada uma as linhas do que ela cita.
 *
 * ```ts
 * import { lerCitacoes, numerar } from "./citacoes.ts";
 *
 * const texto = "Ver [lib/a.ts: UM].";
 * if (lerCitacoes(texto)[0]?.arquivo !== "lib/a.ts") throw new Error("não leu");
 * const numerado = numerar(texto, { "lib/a.ts": "\nconst UM = 1;\n" });
 * if (numerado !== "Ver [lib/a.ts, linha 2: UM].") throw new Error(numerado);
 * ```
 *
 * @module
 */

import type { Fontes } from "./arquivos.ts";
import { acharIntervalo } from "./intervalos.ts";

/** Uma citação, como está no texto. */
export interface Citacao {
  readonly arquivo: string;
  /** O símbolo, ou o começo do comentário. */
  readonly nome: string;
}

/** Uma citação no Markdown: arquivo e nome, com os espaços (ou quebras) que há entre eles. */
const CITACAO = /\[([\w/-]+\.ts):(\s+)([^\][]+)\]/g;

/** Uma citação que {@linkcode numerar} já numerou. */
export const CITACAO_NUMERADA = /\[[\w/-]+\.ts,\s+linhas?\s+\d+(?:–\d+)?:\s+[^\][]+\]/g;

/** O que parece querer ser uma citação, bem escrita ou não. */
const QUASE_CITACAO = /\[[\w/-]+\.ts\b[^\]]*\]/g;

/**
 * As citações de um texto, na ordem.
 *
 * @throws {SyntaxError} se algo entre colchetes começa como uma citação e não é.
 */
export function lerCitacoes(texto: string): Citacao[] {
  const certas = new Set<string>(texto.match(CITACAO));
  const ruim = texto.match(QUASE_CITACAO)?.find((quase) => !certas.has(quase));
  if (ruim) throw new SyntaxError(`Citação mal escrita: "${ruim}"; o certo é [arquivo.ts: nome]`);
  return [...texto.matchAll(CITACAO)].map(([, arquivo, , nome]) => ({
    arquivo: arquivo!,
    nome: nome!.replaceAll(/\s+/g, " "),
  }));
}

/** As linhas do que uma citação cita, como se leem: "linhas 3–9". @throws {Error} se não as acha. */
export function linhasDe({ arquivo, nome }: Citacao, fontes: Fontes): string {
  const { primeira, ultima } = acharIntervalo(fontes, arquivo, nome);
  return primeira === ultima ? `linha ${primeira}` : `linhas ${primeira}–${ultima}`;
}

/**
 * O mesmo texto com as linhas em cada citação, como o código as tem.
 *
 * @throws {SyntaxError} se algo entre colchetes começa como uma citação e não é.
 * @throws {Error} se um nome citado não está no código, ou está mais de uma vez.
 */
export function numerar(texto: string, fontes: Fontes): string {
  const citacoes = lerCitacoes(texto).values();
  return texto.replaceAll(
    CITACAO,
    (_, arquivo, espaco, nome) =>
      `[${arquivo},${espaco}${linhasDe(citacoes.next().value!, fontes)}: ${nome}]`,
  );
}
