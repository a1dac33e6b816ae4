/**
 * Os clientes da bancada, que anotam tudo o que pedem e o que lhes respondem.
 *
 * @module
 */

import { lerEndereco } from "../../lib/endereco.ts";
import { type Corpo, discar } from "../../mensagem.ts";
import { pausar, type Sorteio } from "./acaso.ts";
import type { Bancada } from "./bancada.ts";
import { FOLGA_MS, LONGE_MS_MAX, PRAZO_MS } from "./plano.ts";
import type { Operacao } from "./verificador.ts";

/** Keys que todos disputam; as outras são escritas uma vez só, e não podem sumir. */
const DISPUTADAS = 5;

/** A quem os clientes pedem. */
export type Alvo = Pick<Bancada, "endereco" | "pausado" | "ultimo">;

/** Por quanto se espera uma resposta: uma pausa do servidor não é tempo seu. */
const ESPERA_MS = PRAZO_MS + FOLGA_MS + LONGE_MS_MAX;

/** Um de tantos pedidos a um servidor pausado é feito; os outros, a quem possa responder. */
const UM_EM_PAUSA = 6;

/**
 * Um cliente que anota: um pedido por vez, PUT ou GET, a um servidor ao acaso. Não
 * usa a classe Cliente, que se protegeria sozinha do que a bancada quer pegar.
 */
export async function anotar(
  cliente: number,
  bancada: Alvo,
  sorteio: Sorteio,
  operacoes: Operacao[],
  parada: AbortSignal,
): Promise<void> {
  const timestamps = new Map<string, number>();
  for (let n = 0; !parada.aborted; n++) {
    const servidor = escolherServidor(bancada, sorteio);
    const disputada = `k${sorteio.inteiro(1, DISPUTADAS)}`;
    const conhecidas = [...timestamps.keys()];
    const [tipo, key] = sorteio.um<["PUT" | "GET", string]>([
      ["PUT", disputada],
      ["PUT", `c${cliente}/${n}`],
      ["GET", disputada],
      ["GET", conhecidas.length > 0 ? sorteio.um(conhecidas) : disputada],
    ]);
    const value = `${cliente}/${n}`;
    const meuTimestamp = timestamps.get(key) ?? 0;
    const pedido: Corpo = tipo === "PUT"
      ? { tipo, key, value }
      : { tipo, key, timestamp: meuTimestamp };
    const resposta = await pedirUmaVez(bancada.endereco(servidor), pedido, ESPERA_MS);
    if (!resposta) {
      await pausar(2);
      continue;
    }
    const { timestamp } = { timestamp: 0, ...resposta.resposta };
    if (resposta.resposta.tipo !== "TRY_OTHER_SERVER_OR_LATER") {
      timestamps.set(key, Math.max(meuTimestamp, timestamp));
    }
    operacoes.push({
      cliente,
      servidor,
      tipo,
      key,
      ...(tipo === "PUT" ? { value } : { meuTimestamp }),
      ...resposta,
    });
    await pausar(sorteio.inteiro(0, 10));
  }
}

/** Um servidor ao acaso; quase nunca um pausado, onde os clientes ficariam todos à espera. */
function escolherServidor(bancada: Alvo, sorteio: Sorteio): number {
  const servidor = sorteio.um([bancada.ultimo, sorteio.inteiro(0, 2)]);
  const outros = [0, 1, 2].filter((n) => !bancada.pausado(n));
  const serve = !bancada.pausado(servidor) || outros.length === 0 ||
    sorteio.inteiro(1, UM_EM_PAUSA) === 1;
  return serve ? servidor : sorteio.um(outros);
}

/** Um pedido numa conexão nova; `undefined` se ela não pôde ser aberta, e nada foi enviado. */
export async function pedirUmaVez(
  endereco: string,
  pedido: Corpo,
  espera = PRAZO_MS + FOLGA_MS,
): Promise<Pick<Operacao, "inicio" | "fim" | "resposta"> | undefined> {
  let elo: Awaited<ReturnType<typeof discar>>;
  try {
    elo = await discar(lerEndereco(endereco), 1_000);
  } catch {
    return undefined;
  }
  const inicio = performance.now();
  let resposta: Operacao["resposta"];
  try {
    resposta = await elo.pedir(pedido, espera) as Operacao["resposta"];
  } catch {
    resposta = { tipo: elo.perdido ? "perdida" : "sem resposta" };
  }
  elo.fechar("fim");
  return { inicio, fim: performance.now(), resposta };
}
