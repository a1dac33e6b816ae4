/**
 * Uma corrida da bancada: começa os servidores e os clientes, provoca as falhas, lê as tabelas
 * e verifica a história.
 *
 * @module
 */

import { sorteio } from "./acaso.ts";
import { Bancada } from "./bancada.ts";
import { anotar } from "./clientes.ts";
import { FOLGA_MS, type Plano, PRAZO_MS, type Relatorio } from "./plano.ts";
import { provocar, sarado } from "./provocar.ts";
import { lerTabelas } from "./tabelas.ts";
import { type Historia, type Operacao, verificar } from "./verificador.ts";

/** Quantos clientes pedem ao mesmo tempo. */
const CLIENTES = 6;

/** Faz uma corrida e a verifica. */
export async function correr(plano: Plano): Promise<Relatorio> {
  const pasta = plano.emDisco ? await Deno.makeTempDir({ prefix: "kv-falhas-" }) : undefined;
  const operacoes: Operacao[] = [];
  const falhas = new Map<string, number>();
  const parada = new AbortController();
  try {
    await using bancada = new Bancada(plano.semente, pasta);
    await Promise.all([0, 1, 2].map((n) => bancada.iniciar(n)));
    const clientes = Array.from(
      { length: CLIENTES },
      (_, n) => anotar(n, bancada, sorteio(plano.semente + n + 1), operacoes, parada.signal),
    );
    const quebras: string[] = [];
    try {
      await provocar({ bancada, plano, falhas, operacoes }, sorteio(plano.semente));
      bancada.sarar();
      await sarado(bancada);
    } catch (erro) {
      quebras.push((erro as Error).message);
    } finally {
      parada.abort();
      bancada.sarar();
      await Promise.all(clientes);
    }
    const keys = [...new Set(operacoes.map(({ key }) => key))];
    const historia: Historia = {
      operacoes,
      inicios: bancada.inicios,
      trocas: bancada.trocas,
      pausas: bancada.pausas,
      emDisco: plano.emDisco,
      prazo: PRAZO_MS + FOLGA_MS,
      // Quem caiu fica com a tabela vazia: a quebra que o diz vem antes das que isso dá.
      tabelas: await lerTabelas(bancada, keys),
    };
    return { historia, falhas, quebras: [...quebras, ...verificar(historia)] };
  } finally {
    if (pasta) await Deno.remove(pasta, { recursive: true });
  }
}
