/**
 * As tabelas dos três servidores, depois do ataque.
 *
 * @module
 */

import { Fio } from "../apoio.ts";
import { pausar } from "../falhas/acaso.ts";
import { CANARIO, keyNormal, NORMAIS } from "./comum.ts";

/** O que um servidor tem de cada key, em poucas palavras. */
async function lerTabela(endereco: string, keys: readonly string[]): Promise<Map<string, string>> {
  await using fio = await Fio.abrir(endereco);
  const tabela = new Map<string, string>();
  for (let n = 0; n < keys.length; n += 200) {
    const lote = keys.slice(n, n + 200);
    await fio.enviar(lote.map((key, id) => ({ tipo: "GET", id, key })));
    for (const { key, value, timestamp } of await fio.receberVarias(lote.length)) {
      tabela.set(key, value === null ? "nada" : `${timestamp} ${value}`);
    }
  }
  return tabela;
}

/** Compara as tabelas dos três, os canários e o que nunca devia existir. */
export async function conferirTabelas(
  enderecos: readonly string[],
  escritas: ReadonlySet<string>,
): Promise<string[]> {
  const keys = [
    ...CANARIO.keys(),
    ...escritas,
    ...Array.from({ length: NORMAIS }, (_, n) => keyNormal(n)),
    ...Array.from({ length: 50 }, (_, n) => `forjada ${n}`),
  ];
  const quebras: string[] = [];
  const ler = () => Promise.all(enderecos.map((endereco) => lerTabela(endereco, keys)));
  let tabelas = await ler();
  const iguais = (key: string) => new Set(tabelas.map((tabela) => tabela.get(key))).size === 1;
  // Quem não lê pode ter mandado um PUT que ainda chega: dá-se tempo.
  for (let n = 0; n < 20 && !keys.every(iguais); n++) {
    await pausar(250);
    tabelas = await ler();
  }
  for (const key of keys) {
    const valores = tabelas.map((tabela) => tabela.get(key) ?? "sem resposta");
    const oQue = `${JSON.stringify(key.slice(0, 40))}: ${
      valores.map((v) => v.slice(0, 40)).join(" | ")
    }`;
    if (!iguais(key)) quebras.push(`tabelas diferentes em ${oQue}`);
    const canario = CANARIO.get(key);
    if (canario !== undefined && valores.some((valor) => valor.replace(/^\d+ /, "") !== canario)) {
      quebras.push(`canário mudado: ${oQue}`);
    }
    if (key.startsWith("forjada ") && valores.some((valor) => valor !== "nada")) {
      quebras.push(`uma mensagem forjada mudou a tabela: ${oQue}`);
    }
  }
  return quebras;
}
