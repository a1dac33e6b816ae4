/**
 * O que os testes têm em comum: esperar por uma condição, um fio cru até um
 * servidor, servidores no próprio processo e programas de verdade.
 *
 * @module
 */

import { assert } from "@std/assert";
import { type Argumentos, lerArgumentos } from "../lib/opcoes.ts";
import type { GetRespondido, RespostaDoGet } from "../cliente.ts";
import {
  MUNDO_DO_SERVIDOR,
  type MundoDoServidor,
  type OpcoesDoServidor,
  Servidor,
} from "../servidor.ts";

/** Prazo de tudo o que um teste espera, em milissegundos: folgado, só para não pender. */
const ESPERA_MS = 20_000;

/** Espera até a condição dar um valor (verdadeiro); falha se não der no prazo. */
export async function ate<T>(
  condicao: () => T | Promise<T>,
  oQue: string | (() => string),
): Promise<NonNullable<T>> {
  const fim = performance.now() + ESPERA_MS;
  for (;;) {
    const valor = await condicao();
    if (valor) return valor;
    if (performance.now() > fim) {
      throw new Error(`Não aconteceu no prazo: ${typeof oQue === "string" ? oQue : oQue()}`);
    }
    await new Promise((resolver) => setTimeout(resolver, 5));
  }
}

/** A resposta de um GET que tinha de ser respondido, com o seu value. */
export async function respondido(pedido: Promise<RespostaDoGet>): Promise<GetRespondido> {
  const resposta = await pedido;
  if (resposta.tipo !== "GET_OK") throw new Error(`GET não respondido: ${resposta.tipo}`);
  return resposta;
}

// --- Fio: uma conexão crua, sem nada do código do programa -------------------

/** Um objeto JSON qualquer, como veio. */
// deno-lint-ignore no-explicit-any
export type Json = any;

/** Uma conexão crua com um servidor, para falar o protocolo à mão. */
export class Fio {
  readonly #conn: Deno.TcpConn;
  readonly #recebidas: Json[] = [];
  readonly #leitura: Promise<void>;
  #acabou = false;

  private constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
    this.#leitura = this.#ler();
  }

  static async abrir(endereco: string): Promise<Fio> {
    const [hostname, port] = endereco.split(":");
    return new Fio(await Deno.connect({ hostname: hostname!, port: Number(port) }));
  }

  /** O outro lado de uma conexão que alguém discou para este teste. */
  static async aceitar(ouvinte: Deno.TcpListener): Promise<Fio> {
    return new Fio(await ouvinte.accept());
  }

  /** O endereço deste lado, como o servidor o vê. */
  get endereco(): string {
    const { hostname, port } = this.#conn.localAddr;
    return `${hostname}:${port}`;
  }

  async #ler() {
    const decodificador = new TextDecoder();
    const buffer = new Uint8Array(64 * 1024);
    let texto = "";
    try {
      for (;;) {
        const n = await this.#conn.read(buffer);
        if (n === null) break;
        texto += decodificador.decode(buffer.subarray(0, n), { stream: true });
        const linhas = texto.split("\n");
        texto = linhas.pop()!;
        for (const linha of linhas) this.#recebidas.push(...[JSON.parse(linha)].flat());
      }
    } catch {
      // Derrubada: para quem lê, é o fim.
    }
    this.#acabou = true;
  }

  async enviar(...partes: (string | Uint8Array | Json)[]): Promise<void> {
    for (const parte of partes) {
      const bytes = parte instanceof Uint8Array ? parte : new TextEncoder().encode(
        typeof parte === "string" ? parte : JSON.stringify(parte) + "\n",
      );
      for (let n = 0; n < bytes.length;) n += await this.#conn.write(bytes.subarray(n));
    }
  }

  /** A próxima mensagem, venha só ou num lote. */
  async receber(): Promise<Json> {
    await ate(() => this.#recebidas.length > 0 || this.#acabou, "chegar uma resposta");
    assert(this.#recebidas.length > 0, "A conexão acabou sem resposta");
    return this.#recebidas.shift();
  }

  /** As próximas `quantas`, em ordem de id. */
  async receberVarias(quantas: number): Promise<Json[]> {
    const varias = [];
    while (varias.length < quantas) varias.push(await this.receber());
    return varias.sort((a, b) => a.id - b.id);
  }

  async pedir(pedido: Json): Promise<Json> {
    await this.enviar(pedido);
    return await this.receber();
  }

  /** Espera o servidor fechar a sua metade; devolve o que chegou e ninguém leu. */
  async fim(): Promise<Json[]> {
    await ate(() => this.#acabou, "o servidor fechar a conexão");
    return this.#recebidas.splice(0);
  }

  fecharEscrita(): Promise<void> {
    return this.#conn.closeWrite();
  }

  async [Symbol.asyncDispose]() {
    try {
      this.#conn.close();
    } catch {
      // Já fechada.
    }
    await this.#leitura;
  }
}

// --- Servidores no próprio processo ------------------------------------------

/** Um líder e os seus seguidores, com o que cada um imprimiu. */
export interface Grupo extends AsyncDisposable {
  readonly servidores: readonly Servidor[];
  readonly enderecos: readonly string[];
  /** As linhas que cada servidor imprimiu. */
  readonly linhas: readonly string[][];
  /** As linhas de aviso de cada um. */
  readonly avisos: readonly string[][];
}

/** Inicia um líder e `replicas` seguidores, em portas livres; `opcoes[n]` são do n-ésimo. */
export async function iniciarGrupo(
  replicas = 2,
  opcoes: { readonly [n: number]: OpcoesDoServidor } = {},
  mundos: { readonly [n: number]: MundoDoServidor } = {},
): Promise<Grupo> {
  const servidores: Servidor[] = [];
  const linhas: string[][] = [];
  const avisos: string[][] = [];
  for (let n = 0; n <= replicas; n++) {
    const [impressas, avisadas]: string[][] = [[], []];
    linhas.push(impressas!);
    avisos.push(avisadas!);
    servidores.push(
      await Servidor.iniciar({
        porta: 0,
        replicas,
        ...(n > 0 ? { lider: servidores[0]!.endereco } : {}),
        imprimir: (linha) => impressas!.push(linha),
        avisar: (linha) => avisadas!.push(linha),
        ...opcoes[n],
      }, mundos[n]),
    );
  }
  return {
    servidores,
    enderecos: servidores.map(({ endereco }) => endereco),
    linhas,
    avisos,
    async [Symbol.asyncDispose]() {
      await Promise.all(servidores.map((servidor) => servidor.parar()));
    },
  };
}

/** Espera que o líder aceite PUTs: um que chega antes espera até ao seu prazo, que pode ser curto. */
export async function aceitarPuts({ avisos: [doLider] }: Grupo): Promise<void> {
  await ate(() => doLider!.some((linha) => linha.includes("aceita PUTs")), "o líder aceitar PUTs");
}

/** Um atraso que acaba quando o teste quer, e não com o tempo: nele cabe o que for preciso ver. */
export function segurarAtraso() {
  const atraso = 600_000;
  const solto = Promise.withResolvers<void>();
  const mundo: MundoDoServidor = {
    ...MUNDO_DO_SERVIDOR,
    depois(ms, fazer) {
      if (ms !== atraso) return MUNDO_DO_SERVIDOR.depois(ms, fazer);
      // Também o que só depois de solto chega a ser atrasado.
      solto.promise.then(fazer);
      return () => {};
    },
  };
  return { opcoes: { atraso }, mundo, soltar: solto.resolve };
}

// --- Programas de verdade ----------------------------------------------------

export const RAIZ = new URL("../", import.meta.url);
/** Sem JSR, quem roda os testes escolheu o mapa de npm: os programas usam o mesmo. */
export const MAPA = !/^(jsr:|https:)/.test(import.meta.resolve("@std/assert"))
  ? ["--import-map=" + new URL("npm.json", RAIZ)]
  : [];

/** As opções do V8 da tarefa `server` (docs/decisoes.md). */
export const V8 = "--v8-flags=--heap-growing-percent=40,--invocation-count-for-turbofan=500";

/** O ambiente da tarefa `server` (docs/decisoes.md). */
export const AMBIENTE = {
  MALLOC_MMAP_THRESHOLD_: "33554432",
  MALLOC_TRIM_THRESHOLD_: "8388608",
};

/**
 * As opções de um programa da bancada, que `ler` lê; uma errada é uma linha em stderr e
 * saída 2, e `--ajuda`, o uso.
 */
export function lerOpcoes<T>(
  uso: string,
  nomes: Parameters<typeof lerArgumentos>[1],
  ler: (lidos: Argumentos) => T,
): T {
  const acabar = (texto: string, onde: typeof Deno.stdout, codigo: number) => {
    onde.writeSync(new TextEncoder().encode(texto + "\n"));
    Deno.exit(codigo);
  };
  try {
    const lidos = lerArgumentos(Deno.args, nomes);
    if (lidos.opcoes.ajuda || lidos.opcoes.versao) acabar(`Uso: ${uso}`, Deno.stdout, 0);
    if (lidos.livres.length > 0) throw new TypeError(`Argumento inesperado: "${lidos.livres[0]}"`);
    return ler(lidos);
  } catch (erro) {
    return acabar(`ERRO: ${(erro as Error).message}`, Deno.stderr, 2) as never;
  }
}

/** Um pedido de fim (SIGTERM, Ctrl-C) mata também os programas que este iniciou. */
export function naoDeixarProgramas(): void {
  for (const sinal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(sinal, () => {
      for (const programa of Programa.vivos) programa.sinal("SIGKILL");
      Deno.exit(130);
    });
  }
}

/** Um processo com a entrada, a saída e os erros por pipes. */
export class Programa {
  /** Os que ainda não acabaram. */
  static readonly vivos = new Set<Programa>();
  readonly #filho: Deno.ChildProcess;
  readonly #entrada: WritableStreamDefaultWriter<Uint8Array>;
  readonly #tarefas: Promise<unknown>[];
  /** O que escreveu até agora. */
  saida = "";
  erros = "";
  /** Se já acabou, por si ou morto. */
  acabou = false;

  /** `doDeno` são opções do próprio Deno. */
  constructor(
    nome: "servidor" | "cliente" | "ponte/ponte",
    args: readonly string[],
    doDeno: readonly string[] = [],
  ) {
    const leitura = ["servidor.ts", "mensagem.ts", "lib/"].map((f) => new URL(f, RAIZ).pathname);
    const arquivos = args.some((arg) => /^--(dados|segredo|tls|rastro)/.test(arg));
    const permitir = nome === "cliente" && !arquivos
      ? ["--allow-net"]
      : arquivos || nome === "ponte/ponte"
      ? ["--allow-net", "--allow-read", "--allow-write"]
      : ["--allow-net", `--allow-read=${leitura.map(caminho).join(",")}`];
    const modulo = new URL(`${nome}.ts`, RAIZ).href;
    this.#filho = new Deno.Command(Deno.execPath(), {
      args: ["run", "-q", "--no-prompt", V8, ...doDeno, ...MAPA, ...permitir, modulo, ...args],
      env: AMBIENTE,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    Programa.vivos.add(this);
    this.#filho.status.then(() => {
      this.acabou = true;
      Programa.vivos.delete(this);
    });
    this.#entrada = this.#filho.stdin.getWriter();
    this.#tarefas = [
      this.#juntar(this.#filho.stdout, (texto) => this.saida += texto),
      this.#juntar(this.#filho.stderr, (texto) => this.erros += texto),
    ];
  }

  async #juntar(canal: ReadableStream<Uint8Array>, guardar: (texto: string) => void) {
    const decodificador = new TextDecoder();
    for await (const bytes of canal) guardar(decodificador.decode(bytes, { stream: true }));
  }

  get pid(): number {
    return this.#filho.pid;
  }

  /** O que um servidor disse em stderr, sem a data e a hora com que começa cada linha. */
  get avisos(): string {
    return this.erros.replaceAll(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (?=\S)/gm, "");
  }

  /** Digita no teclado do programa. */
  digitar(texto: string): Promise<void> {
    return this.#entrada.write(new TextEncoder().encode(texto));
  }

  /** Acaba a entrada do programa. */
  async acabarEntrada(): Promise<void> {
    await this.#entrada.close().catch(() => {});
  }

  /** Espera uma linha inteira da saída. */
  async linha(esperada: string | RegExp): Promise<string> {
    const serve = (linha: string) =>
      typeof esperada === "string" ? linha === esperada : esperada.test(linha);
    return await ate(
      () => this.saida.split("\n").slice(0, -1).find(serve),
      `a linha ${esperada}; saiu: ${this.saida}${this.erros}`,
    );
  }

  /** Espera o programa acabar; devolve o código de saída. */
  async codigo(): Promise<number> {
    const { code } = await this.#filho.status;
    await Promise.all(this.#tarefas);
    return code;
  }

  /** Manda um sinal, como Ctrl-C (SIGINT). */
  sinal(sinal: Deno.Signal): void {
    this.#filho.kill(sinal);
  }

  /** Mata o programa sem aviso, e espera que tenha acabado. */
  async matar(): Promise<void> {
    try {
      this.#filho.kill("SIGKILL");
    } catch {
      // Já tinha acabado.
    }
    await this.acabarEntrada();
    await this.codigo();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.matar();
  }
}

/** Um caminho que as opções de permissão aceitem, em Windows também (sem a barra antes da unidade). */
function caminho(daUrl: string): string {
  return decodeURIComponent(daUrl).replace(/^\/([A-Za-z]:)/, "$1");
}

/** Portas livres neste momento, todas diferentes. */
export function portasLivres(quantas: number): number[] {
  const ouvintes = Array.from(
    { length: quantas },
    () => Deno.listen({ hostname: "127.0.0.1", port: 0 }),
  );
  const portas = ouvintes.map(({ addr }) => addr.port);
  for (const ouvinte of ouvintes) ouvinte.close();
  return portas;
}

/** Espera até alguém atender no endereço. */
export async function atendendo(endereco: string): Promise<void> {
  await ate(async () => {
    try {
      await using _fio = await Fio.abrir(endereco);
      return true;
    } catch {
      return false;
    }
  }, `${endereco} atender`);
}

/**
 * Três servidores em processos de verdade, atendendo; `opcoes[n]` são argumentos do
 * n-ésimo, e `doDeno[n]`, opções do Deno.
 */
export async function iniciarTresProgramas(
  opcoes: { readonly [n: number]: string[] } = {},
  doDeno: { readonly [n: number]: string[] } = {},
): Promise<{ programas: Programa[]; enderecos: string[] } & AsyncDisposable> {
  const portas = portasLivres(3);
  const enderecos = portas.map((porta) => `127.0.0.1:${porta}`);
  const programas = portas.map((porta, n) =>
    new Programa("servidor", argumentosDoServidor(porta, portas[0]!, opcoes[n]), doDeno[n])
  );
  await Promise.all(enderecos.map(atendendo));
  return {
    programas,
    enderecos,
    async [Symbol.asyncDispose]() {
      await Promise.all(programas.map((programa) => programa.matar()));
    },
  };
}

/** As opções que dispensam perguntas. */
export function argumentosDoServidor(
  porta: number,
  lider: number,
  outras: string[] = [],
): string[] {
  return ["--ip=127.0.0.1", `--porta=${porta}`, `--lider=127.0.0.1:${lider}`, ...outras];
}
