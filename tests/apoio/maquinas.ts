/**
 * Servidores como máquinas: cada uma com o seu endereço e a sua pasta, começadas, mortas e
 * recomeçadas com as opções que se queira, e um cliente que escreve o tempo todo.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { Cliente } from "../../cliente.ts";
import type { Seguranca } from "../../lib/seguranca.ts";
import { ate, atendendo, Fio, type Json, portasLivres, Programa } from "../apoio.ts";

/** Tantas máquinas, por número. */
export async function abrirMaquinas(quantas: number) {
  const pasta = await Deno.makeTempDir({ prefix: "kv-maquinas-" });
  const enderecos = portasLivres(quantas).map((porta) => `127.0.0.1:${porta}`);
  const vivas: (Programa | undefined)[] = [];
  const dados = (n: number) => `${pasta}/${n}`;
  return {
    pasta,
    enderecos,
    dados,
    /** O servidor que roda numa máquina. */
    servidor: (n: number) => vivas[n]!,
    /** Começa um servidor que segue (ou é) o líder dado; espera que atenda. */
    async comecar(n: number, lider: number, ...opcoes: string[]): Promise<Programa> {
      const [ip, porta] = enderecos[n]!.split(":");
      const onde = [`--ip=${ip}`, `--porta=${porta}`, `--lider=${enderecos[lider]}`];
      vivas[n] = new Programa("servidor", [...onde, "--silencioso", ...opcoes]);
      await atendendo(enderecos[n]!);
      return vivas[n];
    },
    async matar(...quais: number[]): Promise<void> {
      await Promise.all(quais.map((n) => vivas[n]?.matar()));
      for (const n of quais) vivas[n] = undefined;
    },
    /** Pede a um servidor que pare, e espera. */
    async parar(n: number): Promise<void> {
      vivas[n]!.sinal(Deno.build.os === "windows" ? "SIGKILL" : "SIGTERM");
      await vivas[n]!.codigo();
      await vivas[n]!.matar();
      vivas[n] = undefined;
    },
    /** Espera que um servidor diga que aceita PUTs. */
    pronta: (n: number) =>
      ate(() => vivas[n]!.avisos.includes("aceita PUTs"), `a máquina ${n} aceitar PUTs`),
    async pedir(n: number, pedido: object): Promise<Json> {
      await using fio = await Fio.abrir(enderecos[n]!);
      return await fio.pedir({ id: 1, ...pedido });
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(vivas.map((programa) => programa?.matar()));
      await Deno.remove(pasta, { recursive: true });
    },
  };
}

/** O que {@linkcode abrirMaquinas} devolve. */
export type Maquinas = Awaited<ReturnType<typeof abrirMaquinas>>;

/** A tabela de uma pasta que ninguém usa, ou de que se faz uma cópia: value e timestamp por key. */
export async function tabelaDe(arquivo: string): Promise<Map<string, [string, number]>> {
  const { DatabaseSync } = await import("node:sqlite");
  using banco = new DatabaseSync(arquivo, { readOnly: true });
  const linhas = banco.prepare("SELECT key, value, timestamp FROM tabela ORDER BY key").all();
  return new Map(linhas.map(({ key, value, timestamp }) => [
    String(key),
    [String(value), Number(timestamp)],
  ]));
}

/** Espera que um value esteja em disco, na pasta de dados de um servidor que pode estar no ar. */
export async function gravado(pasta: string, key: string, value: string): Promise<void> {
  await ate(
    async () => (await tabelaDe(`${pasta}/tabela.sqlite`)).get(key)?.[0] === value,
    `${key} com ${value} em disco`,
  );
}

/**
 * Um cliente que escreve sem parar, em dez keys, e guarda o que se lhe confirmou. Os servidores que
 * se seguem podem pedir-lhe outra segurança: ver `trocar`.
 */
export function escreverSempre(enderecos: readonly string[], seguranca: Seguranca = {}) {
  const abrir = (seguranca: Seguranca) => new Cliente(enderecos, { prazo: 20_000, seguranca });
  let cliente = abrir(seguranca);
  const confirmados = new Map<string, [string, number]>();
  const timestamps: number[] = [];
  // Um servidor que recomeça: o PUT não se confirmou, e não conta.
  const erros: string[] = [];
  let emCurso: Promise<void> = Promise.resolve();
  let parado = false;
  const escrever = async (n: number) => {
    const key = `k${n % 10}`;
    try {
      const { timestamp } = await cliente.put(key, String(n));
      timestamps.push(timestamp);
      confirmados.set(key, [String(n), timestamp]);
    } catch (erro) {
      erros.push(String(erro));
    }
  };
  const trabalho = (async () => {
    for (let n = 0; !parado; n++) await (emCurso = escrever(n));
  })();
  return {
    /** O último value confirmado de cada key, e o seu timestamp. */
    confirmados,
    /** Todos os timestamps que se viram, por ordem. */
    timestamps,
    /** Porque os outros não se confirmaram. */
    erros,
    /** Espera que se confirmem mais alguns. */
    async andar(quantos = 20): Promise<void> {
      const antes = timestamps.length;
      await ate(
        () => timestamps.length >= antes + quantos,
        () => `o cliente escrever; ${erros.slice(-3).join("; ")}`,
      );
    },
    /** Passa a escrever com outra segurança; o PUT em curso acaba primeiro. */
    async trocar(seguranca: Seguranca): Promise<void> {
      const antigo = cliente;
      cliente = abrir(seguranca);
      await emCurso;
      await antigo.fechar();
    },
    async parar(): Promise<void> {
      parado = true;
      await trabalho;
      await cliente.fechar();
    },
  };
}

/** O que se confirmou está numa máquina, com aquele value ou um mais novo. */
export async function conferir(
  grupo: Maquinas,
  n: number,
  confirmados: ReadonlyMap<string, [string, number]>,
) {
  for (const [key, [value, timestamp]] of confirmados) {
    const { value: lido, timestamp: quando } = await grupo.pedir(n, { tipo: "GET", key });
    assert(quando > timestamp || (quando === timestamp && lido === value), `${key} em ${n}`);
  }
}

/**
 * Três com dados, de que o líder, 0, tem em disco um PUT da key `k` que mais ninguém tem: os outros
 * receberam-no, e não o aplicam. Ficam parados.
 */
export async function deixarSoNoLider(grupo: Maquinas): Promise<void> {
  const put = (value: string) => ({ tipo: "PUT", key: "k", value });
  const comecar = (n: number, ...opcoes: string[]) =>
    grupo.comecar(n, 0, `--dados=${grupo.dados(n)}`, ...opcoes);
  await Promise.all([0, 1, 2].map((n) => comecar(n)));
  await grupo.pronta(0);
  assertEquals((await grupo.pedir(1, put("de todos"))).tipo, "PUT_OK");
  await grupo.matar(1, 2);
  for (const n of [1, 2]) await comecar(n, "--atraso=600000");
  await using fio = await Fio.abrir(grupo.enderecos[0]!);
  await fio.enviar({ id: 1, ...put("só do líder") });
  await gravado(grupo.dados(0), "k", "só do líder");
  await grupo.matar(0, 1, 2);
}

/** Três só com memória, em que um cliente escreveu, e de que se perde o líder. Devolve o cliente, parado. */
export async function perderOLider(grupo: Maquinas) {
  await Promise.all([0, 1, 2].map((n) => grupo.comecar(n, 0)));
  await grupo.pronta(0);
  const cliente = escreverSempre(grupo.enderecos);
  await cliente.andar();
  await grupo.matar(0);
  await cliente.parar();
  return cliente;
}
