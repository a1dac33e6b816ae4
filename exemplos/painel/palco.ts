/**
 * Os servidores da corrida: processos de verdade, que se matam e se voltam a começar, na memória ou
 * da sua pasta.
 *
 * @module
 */

import { DatabaseSync } from "node:sqlite";
import type { Registro } from "../../mensagem.ts";
import { MAPA, RAIZ } from "../processos.ts";

/** Quanto se espera que um servidor diga que está pronto, em milissegundos. */
const PRONTO_MS = 20_000;

/**
 * O `--prazo` dos servidores e dos clientes, em milissegundos: cabe nele o que 10 s de atraso em
 * cada passo somam, e o que alguém demora a pedir a próxima mensagem.
 */
export const PRAZO_MS = 600_000;

/** Como começa um servidor. */
export interface ModoDeIniciar {
  readonly porta: number;
  /** Por onde alcança o líder, e por onde é alcançado. */
  readonly lider: number;
  readonly anuncio: number | undefined;
  /** A pasta onde guarda a tabela; sem, só na memória. */
  readonly pasta: string | undefined;
}

/** O que um processo conta. */
export interface AvisosDoProcesso {
  linha(texto: string, erro: boolean): void;
  /** Acabou, por si ou morto. */
  acabou(): void;
}

/** Um servidor a correr. */
export class Processo {
  /** Os que ainda não acabaram. */
  static readonly vivos = new Set<Processo>();
  readonly #filho: Deno.ChildProcess;
  readonly #fim: Promise<void>;
  readonly #pronto = Promise.withResolvers<void>();
  #acabou = false;

  constructor(modo: ModoDeIniciar, avisos: AvisosDoProcesso) {
    this.#filho = new Deno.Command(Deno.execPath(), {
      args: ["run", "-q", "--no-prompt", ...MAPA, ...argumentos(modo)],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    // Um fim à força (o segundo Ctrl-C) também não os deixa.
    if (Processo.vivos.size === 0) globalThis.addEventListener("unload", matarVivos);
    Processo.vivos.add(this);
    this.#pronto.promise.catch(() => {});
    let ultima = "";
    const linha = (texto: string, erro: boolean) => {
      if (erro) ultima = texto;
      avisos.linha(texto, erro);
      if (erro && /(^| )Pronto: /.test(texto)) this.#pronto.resolve();
    };
    this.#fim = Promise.all([
      this.#filho.status,
      ler(this.#filho.stdout, (texto) => linha(texto, false)),
      ler(this.#filho.stderr, (texto) => linha(texto, true)),
    ]).then(() => {
      this.#acabou = true;
      Processo.vivos.delete(this);
      this.#pronto.reject(new Error(`O servidor não chegou a começar: ${ultima}`));
      avisos.acabou();
    });
  }

  /** Se já acabou. */
  get acabou(): boolean {
    return this.#acabou;
  }

  /** Espera que atenda. @throws {Error} se acaba antes, ou demora demais. */
  async pronto(): Promise<void> {
    const temporizador = setTimeout(
      () => this.#pronto.reject(new Error(`O servidor não ficou pronto em ${PRONTO_MS} ms`)),
      PRONTO_MS,
    );
    try {
      await this.#pronto.promise;
    } finally {
      clearTimeout(temporizador);
    }
  }

  /** SIGKILL, e espera que tenha acabado. */
  async matar(): Promise<void> {
    this.matarJa();
    await this.#fim;
  }

  /** SIGKILL. */
  matarJa(): void {
    try {
      this.#filho.kill("SIGKILL");
    } catch {
      // Já tinha acabado.
    }
  }
}

function matarVivos(): void {
  for (const processo of Processo.vivos) processo.matarJa();
}

function argumentos({ porta, lider, anuncio, pasta }: ModoDeIniciar): string[] {
  return [
    "--allow-net=127.0.0.1",
    "--allow-read",
    ...(pasta === undefined ? [] : [`--allow-write=${pasta}`]),
    new URL("servidor.ts", RAIZ).href,
    "--ip=127.0.0.1",
    `--porta=${porta}`,
    `--lider=127.0.0.1:${lider}`,
    `--prazo=${PRAZO_MS}`,
    ...(anuncio === undefined ? [] : [`--anuncio=127.0.0.1:${anuncio}`]),
    ...(pasta === undefined ? [] : [`--dados=${pasta}`]),
  ];
}

async function ler(
  canal: ReadableStream<Uint8Array<ArrayBuffer>>,
  contar: (linha: string) => void,
): Promise<void> {
  let resto = "";
  for await (const texto of canal.pipeThrough(new TextDecoderStream())) {
    const linhas = (resto + texto).split("\n");
    resto = linhas.pop()!;
    linhas.forEach(contar);
  }
  if (resto !== "") contar(resto);
}

/** O que está em disco numa pasta de um servidor parado, por ordem de timestamp; sem nada, vazio. */
export function lerPasta(pasta: string): Registro[] {
  const caminho = `${pasta}/tabela.sqlite`;
  try {
    Deno.statSync(caminho);
  } catch (erro) {
    if (erro instanceof Deno.errors.NotFound) return [];
    throw erro;
  }
  // Lê-se à escrita: o que um servidor morto deixou no WAL também está lá.
  using banco = new DatabaseSync(caminho);
  const ha = banco.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'tabela'").get();
  if (!ha) return [];
  const linhas = banco.prepare("SELECT key, value, timestamp FROM tabela ORDER BY timestamp").all();
  return linhas as unknown as Registro[];
}
