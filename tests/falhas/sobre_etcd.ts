/**
 * A bancada de falhas sobre o etcd: três membros, uma ponte ao lado de cada um, vinte clientes que
 * anotam tudo, e membros mortos (o líder também) e pausados, e pontes mortas. A mesma história, e o
 * mesmo verificador, menos o que sobre o etcd não se promete.
 *
 * @module
 */

import { abrirEtcd, abrirPontes, type EtcdDeTeste, type Pontes } from "../apoio/etcd.ts";
import { ate, atendendo, Fio } from "../apoio.ts";
import { pausar, type Sorteio, sorteio } from "./acaso.ts";
import { type Alvo, anotar } from "./clientes.ts";
import { FOLGA_MS, PRAZO_MS, type Relatorio } from "./plano.ts";
import { lerTabelas } from "./tabelas.ts";
import { type Intervalo, type Operacao, tabelasIguais, verificar } from "./verificador.ts";

/** Quantos clientes pedem ao mesmo tempo. */
const CLIENTES = 20;

/**
 * O que não se promete: PUTs de keys diferentes que vão na mesma transação partilham o timestamp;
 * e PUT_OK quer dizer a maioria, e não todos.
 */
const SEM = ["timestampsUnicos", "confirmadoEmTodaParte"] as const;

/** O que se provoca, e a alguém: um membro, ou uma ponte. */
const FALHAS = ["mata membro", "mata líder", "pausa membro", "mata ponte"] as const;

/**
 * Uma corrida sobre o etcd; além das quebras, quantos PUTs se confirmaram com um membro morto, e
 * quanto durou a mais comprida dessas mortes, em milissegundos.
 */
export async function correrSobreEtcd(
  { segundos, semente }: { segundos: number; semente: number },
): Promise<Relatorio & { confirmadosSemUm: number; maiorMorte: number }> {
  const acaso = sorteio(semente);
  const operacoes: Operacao[] = [];
  const falhas = new Map<string, number>();
  const [pausas, mortes]: Intervalo[][][] = [[[], [], []], [[], [], []]];
  const parada = new AbortController();
  await using etcd = await abrirEtcd();
  await using pontes = await abrirPontes(etcd, "--silencioso", `--prazo=${PRAZO_MS}`);
  const parado: (boolean | undefined)[] = [];
  const alvo: Alvo = {
    endereco: (n) => pontes.enderecos[n]!,
    pausado: (n) => parado[n] === true,
    ultimo: 0,
  };
  const clientes = Array.from(
    { length: CLIENTES },
    (_, n) => anotar(n, alvo, sorteio(semente + n + 1), operacoes, parada.signal),
  );
  const fim = performance.now() + segundos * 1000;
  const quebras: string[] = [];
  try {
    while (performance.now() < fim) {
      const falha = acaso.um(FALHAS);
      falhas.set(falha, (falhas.get(falha) ?? 0) + 1);
      await provocar(falha, { etcd, pontes, acaso, parado, pausas: pausas!, mortes: mortes! });
      await pausar(acaso.inteiro(100, 1_000));
    }
    await Promise.all([0, 1, 2].map((n) => sarado(etcd, pontes, n)));
  } catch (erro) {
    quebras.push((erro as Error).message);
  } finally {
    parada.abort();
    await Promise.all(clientes);
  }
  const keys = [...new Set(operacoes.map(({ key }) => key))];
  // Um membro que voltou pode ir atrasado: espera-se que todos tenham o mesmo.
  const tabelas = await ate(async () => {
    const lidas = await lerTabelas(alvo, keys);
    return [...tabelasIguais({ tabelas: lidas })].length === 0 ? lidas : undefined;
  }, "as tabelas ficarem iguais");
  const historia = {
    ...{ operacoes, pausas: pausas!, tabelas, emDisco: true },
    ...{ inicios: [[], [], []], prazo: PRAZO_MS + FOLGA_MS },
  };
  const confirmadosSemUm =
    operacoes.filter(({ resposta, inicio, fim }) =>
      resposta.tipo === "PUT_OK" && mortes!.flat().some(([de, ate]) => inicio > de && fim < ate)
    ).length;
  const maiorMorte = Math.max(0, ...mortes!.flat().map(([de, ate]) => ate - de));
  const todas = [...quebras, ...verificar(historia, SEM)];
  return { historia, falhas, quebras: todas, confirmadosSemUm, maiorMorte };
}

/** Provoca uma falha, e sara-a passado um pouco. */
async function provocar(
  falha: typeof FALHAS[number],
  { etcd, pontes, acaso, parado, pausas, mortes }: {
    etcd: EtcdDeTeste;
    pontes: Pontes;
    acaso: Sorteio;
    parado: (boolean | undefined)[];
    pausas: Intervalo[][];
    mortes: Intervalo[][];
  },
): Promise<void> {
  const escolhido = acaso.inteiro(0, 2);
  const ms = acaso.inteiro(200, 3_000);
  const n = falha === "mata líder" ? await etcd.lider() ?? escolhido : escolhido;
  const inicio = performance.now();
  if (falha === "mata ponte") {
    await pontes.matar(n);
    await pausar(ms / 4);
    pontes.comecar(n);
    return await atendendo(pontes.enderecos[n]!);
  }
  if (falha === "pausa membro") {
    parado[n] = true;
    etcd.sinal(n, "SIGSTOP");
    await pausar(ms);
    etcd.sinal(n, "SIGCONT");
    parado[n] = false;
    pausas[n]!.push([inicio, performance.now()]);
  } else {
    await etcd.matar(n);
    await pausar(ms);
    mortes[n]!.push([inicio, performance.now()]);
    etcd.comecar(n);
  }
  await sarado(etcd, pontes, n);
}

/** Um membro tem líder, e a ponte dele responde a um PUT. */
async function sarado(etcd: EtcdDeTeste, pontes: Pontes, n: number): Promise<void> {
  await etcd.pronto(n);
  await ate(async () => {
    try {
      await using fio = await Fio.abrir(pontes.enderecos[n]!);
      const { tipo } = await fio.pedir({ tipo: "GET", id: 1, key: "viva" });
      return tipo === "GET_OK";
    } catch {
      return false;
    }
  }, `a ponte ${n} responder`);
}
