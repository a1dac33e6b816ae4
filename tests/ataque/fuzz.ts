/**
 * Todas as entradas, em sessões, contra os três servidores ao mesmo tempo.
 *
 * @module
 */

import fc from "npm:fast-check@4.10.2";
import { sorteio } from "../falhas/acaso.ts";
import { codificador, contar, SESSOES } from "./comum.ts";
import { type Entrada, entrada } from "./entradas.ts";
import { prever } from "./leitor.ts";
import type { Plano } from "./relatorio.ts";
import { ACABARES, sessao } from "./sessao.ts";

/** Entradas em cada sessão, no máximo. */
const ENTRADAS_POR_SESSAO_MAX = 100;

/** Entradas sorteadas de cada vez. */
const SORTEADAS = 1_000;

/** Todas as entradas, em sessões, contra os três. Devolve as quebras; junta as keys escritas. */
export async function fuzz(
  plano: Plano,
  enderecos: readonly string[],
  contas: { [nome in "entradas" | "respostas" | "sessoes"]: Map<string, number> },
  escritas: Set<string>,
): Promise<string[]> {
  const acaso = sorteio(plano.semente);
  const quebras: string[] = [];
  let [feitas, sorteadas] = [0, 0];
  const lote: Entrada[] = [];
  /** As da próxima sessão: acaba na primeira que faz o servidor fechar a conexão. */
  const proximas = (): Entrada[] => {
    if (lote.length < ENTRADAS_POR_SESSAO_MAX) {
      const seed = (plano.semente + sorteadas) | 0;
      for (const sorteada of fc.sample(entrada, { seed, numRuns: SORTEADAS })) {
        lote.push({ ...sorteada, fecha: prever(sorteada.bytes).fecha !== undefined });
      }
      sorteadas += SORTEADAS;
    }
    const quantas = Math.min(acaso.inteiro(1, ENTRADAS_POR_SESSAO_MAX), plano.entradas - feitas);
    const ultima = lote.findIndex(({ fecha }) => fecha);
    return lote.splice(0, ultima < 0 ? quantas : Math.min(quantas, ultima + 1));
  };
  const laco = async () => {
    while (feitas < plano.entradas && quebras.length < 20) {
      const n = feitas;
      const entradas = proximas().map(({ tipo, bytes }) => ({ tipo, bytes: comEndereco(bytes) }));
      const juntas = new Uint8Array(
        await new Blob(entradas.map(({ bytes }) => bytes as BufferSource)).arrayBuffer(),
      );
      let esperadas = prever(juntas);
      const bytes = juntas.subarray(0, esperadas.fecha);
      // Um PUT a estas não seria um ataque: não se manda.
      const intocaveis = [...esperadas.escritas].some((key) =>
        /^(canário|normal|forjada) /.test(key)
      );
      if (intocaveis) continue;
      feitas += entradas.length;
      for (const { tipo } of entradas) contar(contas.entradas, tipo);
      const acabar = acaso.um(ACABARES);
      const tls = (bytes[0] === 0x15 || bytes[0] === 0x16) && bytes[1] === 3;
      const pedacos = tls || acaso.inteiro(0, 3) > 0 ? [] : Array.from(
        { length: acaso.inteiro(1, 20) },
        () => acaso.inteiro(0, bytes.length),
      ).sort((a, b) => a - b);
      if (tls) {
        // O servidor percebe, diz por quê, uma vez, e fecha.
        esperadas = { ...prever(codificador.encode("\n")), fecha: bytes.length };
      }
      for (const key of esperadas.escritas) escritas.add(key);
      contar(contas.sessoes, acabar);
      const qual = acaso.inteiro(0, enderecos.length - 1);
      let quebra: string | undefined;
      try {
        const respostas = contas.respostas;
        quebra = await sessao(enderecos[qual]!, bytes, esperadas, acabar, pedacos, respostas);
      } catch (erro) {
        quebra = (erro as Error).message;
      }
      if (quebra) {
        quebras.push(`entradas a partir da ${n}, servidor ${qual + 1}, ${acabar}: ${quebra}`);
        if (plano.guardar) await Deno.writeFile(`${plano.guardar}/sessao-${n}.bin`, bytes);
      }
    }
  };
  /** Os endereços que só existem nesta corrida. */
  const comEndereco = (bytes: Uint8Array): Uint8Array => {
    if (bytes.length > 10_000 || !bytes.includes(0x4a)) return bytes; // "J", de JOIN.
    const texto = new TextDecoder().decode(bytes);
    if (!/"(LIDER|SEGUIDOR)"/.test(texto)) return bytes;
    return codificador.encode(
      texto.replaceAll('"LIDER"', `"${enderecos[0]}"`)
        .replaceAll('"SEGUIDOR"', `"${enderecos[1]}"`),
    );
  };
  await Promise.all(Array.from({ length: SESSOES }, laco));
  return quebras;
}
