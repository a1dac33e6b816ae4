/**
 * As falhas: quem mata, pausa, cala, corta, engole, congela e troca, segundo o plano.
 *
 * @module
 */

import { ate } from "../apoio.ts";
import { pausar, type Sorteio } from "./acaso.ts";
import type { Bancada } from "./bancada.ts";
import { pedirUmaVez } from "./clientes.ts";
import { type Falha, type Plano, sortearFalhas } from "./plano.ts";
import { conferirTabelas } from "./tabelas.ts";
import type { Operacao } from "./verificador.ts";

/** Uma falha de um tipo. */
type FalhaDe<T extends Falha["tipo"]> = Extract<Falha, { tipo: T }>;

/** Onde as falhas acontecem. */
interface Cena {
  readonly bancada: Bancada;
  readonly plano: Plano;
  /** Quantas de cada, pelo nome que se mostra. */
  readonly falhas: Map<string, number>;
  /** O que os clientes já fizeram. */
  readonly operacoes: readonly Operacao[];
}

/** Espera até um PUT ser confirmado: todos presentes e em dia. */
export function sarado(bancada: Bancada): Promise<void> {
  return ate(async () => {
    const pedido = { tipo: "PUT", key: "sonda", value: crypto.randomUUID() } as const;
    const resposta = await pedirUmaVez(bancada.endereco(0), pedido);
    return resposta?.resposta.tipo === "PUT_OK";
  }, "o grupo voltar a confirmar PUTs").then(() => {});
}

/** Provoca falhas até a hora; conta quantas de cada. */
export async function provocar(cena: Cena, sorteio: Sorteio): Promise<void> {
  const { bancada, plano } = cena;
  const fim = performance.now() + plano.segundos * 1000;
  for (const falha of sortearFalhas(plano, sorteio)) {
    if (performance.now() >= fim) return;
    await pausar(falha.antes);
    bancada.conferirVivos();
    await cometer(falha, cena);
    if ("esperar" in falha && falha.esperar) {
      await pausar(Math.max(0, Math.min(falha.ms, fim - performance.now())));
    }
  }
}

/** Comete uma falha; as que passam por si ficam marcadas para passar. */
async function cometer(falha: Falha, cena: Cena): Promise<void> {
  switch (falha.tipo) {
    case "matar":
      return await matar(falha, cena);
    case "calar e matar":
      return await calarEMatar(falha, cena);
    case "rede":
      return estragarRede(falha, cena);
    case "engolir":
      return engolir(falha, cena);
    case "pausar":
      return pausarServidor(falha, cena);
    case "congelar":
      return await congelar(falha, cena);
    case "trocar a pasta":
      return await trocarPasta(falha, cena);
  }
}

function contar(nome: string, { falhas }: Cena): void {
  falhas.set(nome, (falhas.get(nome) ?? 0) + 1);
}

const papel = (servidor: number) => servidor === 0 ? "líder" : "seguidor";

/** Mata um servidor; se o plano troca pastas, fica com uma cópia da sua. */
async function matarUm(n: number, { bancada, plano }: Cena): Promise<void> {
  await bancada.matar(n);
  if (plano.pastas) await bancada.pastas?.guardar(n);
}

async function matar({ servidores, fora }: FalhaDe<"matar">, cena: Cena): Promise<void> {
  const { bancada, plano } = cena;
  contar(`mata ${servidores.map(papel).sort().join(" e ")}`, cena);
  await Promise.all(servidores.map((n) => matarUm(n, cena)));
  await pausar(fora);
  for (const n of servidores) await bancada.iniciar(n);
  if (plano.emDisco) return;
  bancada.sarar();
  await sarado(bancada);
}

async function calarEMatar({ calado }: FalhaDe<"calar e matar">, cena: Cena): Promise<void> {
  const { bancada } = cena;
  contar("cala os seguidores e mata o líder", cena);
  await calar(calado, bancada);
  await matarUm(0, cena);
  cortar(bancada);
  bancada.sarar();
  await bancada.iniciar(0);
  await sarado(bancada);
}

/** Cala os pedidos de um servidor a outro, e espera; o que se calou só chega se não for cortado. */
async function calar(ms: number, bancada: Bancada): Promise<void> {
  for (const retransmissor of bancada.retransmissores) retransmissor.mudo = "ida";
  await pausar(ms);
}

function cortar(bancada: Bancada): void {
  for (const retransmissor of bancada.retransmissores) retransmissor.cortar();
}

function estragarRede(falha: FalhaDe<"rede">, cena: Cena): void {
  const { bancada } = cena;
  contar(falha.nome, cena);
  const retransmissor = bancada.retransmissores[falha.retransmissor]!;
  if (falha.nome === "corte") retransmissor.cortar();
  Object.assign(retransmissor, falha.estrago);
  bancada.depois(falha.ms, () => retransmissor.sarar());
}

function engolir({ engole, sentido, ms }: FalhaDe<"engolir">, cena: Cena): void {
  const { bancada } = cena;
  contar(`engole ${sentido}`, cena);
  for (const [n, retransmissor] of bancada.retransmissores.entries()) {
    if (engole[n] === undefined) continue;
    retransmissor.engole = engole[n];
    bancada.depois(ms, () => retransmissor.sarar());
  }
}

function pausarServidor({ servidor, ms }: FalhaDe<"pausar">, cena: Cena): void {
  const { bancada } = cena;
  if (!bancada.pausar(servidor)) return;
  contar(`pausa ${papel(servidor)}`, cena);
  bancada.depois(ms, () => bancada.continuar(servidor));
}

async function congelar({ servidor, ms }: FalhaDe<"congelar">, cena: Cena): Promise<void> {
  const { bancada } = cena;
  if (!await bancada.congelar(servidor)) return;
  contar(`congela o disco do ${papel(servidor)}`, cena);
  bancada.depois(ms, () => bancada.descongelar(servidor));
}

/**
 * Troca a pasta de um servidor, e espera que os outros o ponham em dia antes de qualquer outra
 * falha: em nenhum momento dois perderam a sua, e o que foi confirmado está nos outros dois.
 */
async function trocarPasta(
  { servidor, calado, fora, por, copia }: FalhaDe<"trocar a pasta">,
  cena: Cena,
): Promise<void> {
  const { bancada } = cena;
  if (calado > 0) await calar(calado, bancada);
  await bancada.matar(servidor);
  if (calado > 0) cortar(bancada);
  const nome = `pasta ${await bancada.pastas!.trocar(servidor, por, copia)} no ${papel(servidor)}`;
  contar(nome, cena);
  await pausar(fora);
  await bancada.iniciar(servidor, true);
  bancada.sarar();
  await sarado(bancada);
  await conferirTabelas(bancada, cena.operacoes, nome);
}
