/**
 * As tabelas dos servidores da bancada, lidas por GETs.
 *
 * @module
 */

import { Fio } from "../apoio.ts";
import { pausar } from "./acaso.ts";
import type { Bancada } from "./bancada.ts";
import { FOLGA_MS, PRAZO_MS } from "./plano.ts";
import { type Historia, type Operacao, tabelasIguais } from "./verificador.ts";

/** Itens de cada lote com que se lê uma tabela. */
const LEITURA_LOTE = 500;

/** Entre duas leituras de tabelas que ainda diferem, em milissegundos. */
const DE_NOVO_MS = 100;

/** O que cada servidor tem de cada key; o que não responde, nada. */
export function lerTabelas(
  bancada: Pick<Bancada, "endereco">,
  keys: readonly string[],
): Promise<Historia["tabelas"]> {
  return Promise.all(
    [0, 1, 2].map((n) => lerTabela(bancada.endereco(n), keys).catch(() => new Map())),
  );
}

async function lerTabela(
  endereco: string,
  keys: readonly string[],
): Promise<Historia["tabelas"][number]> {
  await using fio = await Fio.abrir(endereco);
  const tabela = new Map<string, { value: string | null; timestamp: number }>();
  for (let n = 0; n < keys.length; n += LEITURA_LOTE) {
    const lote = keys.slice(n, n + LEITURA_LOTE);
    await fio.enviar(lote.map((key, id) => ({ tipo: "GET", id, key })));
    for (const { key, value, timestamp } of await fio.receberVarias(lote.length)) {
      tabela.set(key, { value, timestamp });
    }
  }
  return tabela;
}

/**
 * Com o grupo são e os clientes ainda a pedir, confere que todos têm o mesmo das keys que se
 * escrevem uma vez só, e cujo PUT já acabou há mais que o prazo: no fim seria tarde, porque a
 * falha seguinte pode apagar a diferença.
 *
 * @throws {Error} com a primeira diferença.
 */
export async function conferirTabelas(
  bancada: Bancada,
  operacoes: readonly Operacao[],
  depoisDe: string,
): Promise<void> {
  const acabados = performance.now() - PRAZO_MS;
  const keys = operacoes
    .filter(({ tipo, key, fim }) => tipo === "PUT" && key.startsWith("c") && fim < acabados)
    .map(({ key }) => key);
  for (const fim = performance.now() + FOLGA_MS;;) {
    const { value: diferenca } = tabelasIguais({ tabelas: await lerTabelas(bancada, keys) }).next();
    if (diferenca === undefined) return;
    if (performance.now() > fim) throw new Error(`${diferenca}; depois de ${depoisDe}`);
    await pausar(DE_NOVO_MS);
  }
}
