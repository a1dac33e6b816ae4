/**
 * As citações de um texto: lê-las, e pôr em dia as linhas de cada uma.
 *
 * ```ts
 * import { lerCitacoes, renovar } from "./citacoes.ts";
 *
 * const texto = renovar("Ver [lib/a.ts, linha 9: UM].", { "lib/a.ts": "\nconst UM = 1;\n" });
 * if (texto !== "Ver [lib/a.ts, linha 2: UM].") throw new Error(texto);
 * if (lerCitacoes(texto)[0]?.arquivo !== "lib/a.ts") throw new Error("não leu");
 * ```
 *
 * @module
 */

import type { Fontes } from "./arquivos.ts";
import { acharIntervalo, type Intervalo } from "./intervalos.ts";

/** Uma citação, como está no texto. */
export interface Citacao extends Intervalo {
  readonly arquivo: string;
  /** O símbolo, ou o começo do comentário. */
  readonly nome: string;
}

/** Uma citação: arquivo, primeira e última linha, e nome, com os espaços (ou quebras) que há entre eles. */
export const CITACAO = /\[([\w/-]+\.ts),(\s+)linhas?(\s+)(\d+)(?:–(\d+))?:(\s+)([^\][]+)\]/g;

/** O que parece querer ser uma citação, bem escrita ou não. */
const QUASE_CITACAO = /\[[\w/-]+\.ts\b[^\]]*\]/g;

/** As citações de um texto, na ordem. */
export function lerCitacoes(texto: string): Citacao[] {
  return [...texto.matchAll(CITACAO)].map(([, arquivo, , , primeira, ultima, , nome]) => ({
    arquivo: arquivo!,
    primeira: Number(primeira),
    ultima: Number(ultima ?? primeira),
    nome: nome!.replaceAll(/\s+/g, " "),
  }));
}

/**
 * O mesmo texto com as linhas de cada citação como o código as tem.
 *
 * @throws {SyntaxError} se algo entre colchetes começa como uma citação e não é.
 * @throws {Error} se um nome citado não está no código, ou está mais de uma vez.
 */
export function renovar(texto: string, fontes: Fontes): string {
  const certas = new Set<string>(texto.match(CITACAO));
  const ruim = texto.match(QUASE_CITACAO)?.find((quase) => !certas.has(quase));
  if (ruim) {
    throw new SyntaxError(
      `Citação mal escrita: "${ruim}"; o certo é [arquivo.ts, linhas 1–2: nome]`,
    );
  }
  return texto.replaceAll(CITACAO, (_, arquivo, antes, meio, _primeira, _ultima, depois, nome) => {
    const { primeira, ultima } = acharIntervalo(fontes, arquivo, nome.replaceAll(/\s+/g, " "));
    const linhas = primeira === ultima
      ? `linha${meio}${primeira}`
      : `linhas${meio}${primeira}–${ultima}`;
    return `[${arquivo},${antes}${linhas}:${depois}${nome}]`;
  });
}
