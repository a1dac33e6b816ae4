/**
 * A bancada de falhas: três servidores em processos de verdade, clientes
 * concorrentes que anotam tudo, mortes e recomeços de qualquer servidor, e entre
 * os servidores um retransmissor TCP que atrasa, corta, emudece, pica e estrangula.
 * O plano vem de uma semente, que é mostrada e pode ser dada de novo.
 *
 * ```sh
 * deno task falhas --segundos=600 --semente=42 --disco
 * ```
 *
 * @module
 */

import { uniformInt } from "npm:pure-rand@8.4.2/distribution/uniformInt";
import { xoroshiro128plus } from "npm:pure-rand@8.4.2/generator/xoroshiro128plus";
import {
  argumentosDoServidor,
  ate,
  atendendo,
  Fio,
  lerOpcoes,
  naoDeixarProgramas,
  portasLivres,
  Programa,
} from "./apoio.ts";
import { lerEndereco } from "../lib/endereco.ts";
import { inteiroEntre, lerOpcao } from "../lib/opcoes.ts";
import { type Corpo, discar } from "../mensagem.ts";
import { gravarHistoria, type Historia, type Operacao, verificar } from "./verificador.ts";

/** Prazo de um PUT nos servidores da bancada, em milissegundos. */
const PRAZO_MS = 2_000;

/** Além do prazo, o que se dá a uma máquina ocupada antes de dizer que um pedido pendeu. */
const FOLGA_MS = 3_000;

/** Clientes, e keys que todos disputam; as outras são escritas uma vez só, e não podem sumir. */
const CLIENTES = 6;
const DISPUTADAS = 5;

/** Itens de cada lote com que se lê a tabela no fim. */
const LEITURA_LOTE = 500;

/** O plano de uma corrida. */
export interface Plano {
  readonly semente: number;
  readonly segundos: number;
  readonly emDisco: boolean;
}

/** O que uma corrida fez, e o que se viu. */
export interface Relatorio {
  readonly historia: Historia;
  /** Quantas falhas de cada tipo. */
  readonly falhas: ReadonlyMap<string, number>;
  /** As quebras que o verificador achou. */
  readonly quebras: readonly string[];
}

// --- O acaso -----------------------------------------------------------------

/** Um gerador de números ao acaso com semente. */
export function sorteio(semente: number) {
  const gerador = xoroshiro128plus(semente);
  const inteiro = (de: number, ate: number): number => uniformInt(gerador, de, ate);
  return { inteiro, um: <T>(itens: readonly T[]): T => itens[inteiro(0, itens.length - 1)]! };
}

type Sorteio = ReturnType<typeof sorteio>;

function pausar(ms: number): Promise<void> {
  return new Promise((resolver) => setTimeout(resolver, ms));
}

// --- O retransmissor ---------------------------------------------------------

/** Um retransmissor TCP. Sem falhas, só passa os bytes adiante; cada campo é uma falha. */
export class Retransmissor {
  /** Milissegundos que cada pedaço espera. */
  atraso = 0;
  /** Bytes por segundo; zero, sem limite. */
  ritmo = 0;
  /** Se cada pedaço é entregue aos poucos. */
  picado = false;
  /** Sentido que some, com as conexões abertas: para o destino, de volta, ou nenhum. */
  mudo: "ida" | "volta" | undefined;
  readonly porta: number;
  readonly #ouvinte = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #conexoes = new Set<Deno.TcpConn>();
  readonly #destino: number;
  readonly #trocas: readonly (readonly [string, string])[];
  readonly #sorteio: Sorteio;
  readonly #tarefas = new Set<Promise<void>>();

  /** @param trocas Textos trocados no caminho de ida: o endereço que um servidor anuncia. */
  constructor(
    destino: number,
    sorteio: Sorteio,
    trocas: readonly (readonly [string, string])[] = [],
  ) {
    this.porta = this.#ouvinte.addr.port;
    this.#destino = destino;
    this.#trocas = trocas;
    this.#sorteio = sorteio;
    this.#tarefa(this.#aceitar());
  }

  #tarefa(promessa: Promise<void>): void {
    this.#tarefas.add(promessa);
    promessa.finally(() => this.#tarefas.delete(promessa));
  }

  async #aceitar(): Promise<void> {
    for await (const origem of this.#ouvinte) this.#tarefa(this.#ligar(origem));
  }

  async #ligar(origem: Deno.TcpConn): Promise<void> {
    this.#conexoes.add(origem);
    let destino: Deno.TcpConn;
    try {
      destino = await Deno.connect({ hostname: "127.0.0.1", port: this.#destino });
    } catch {
      return fechar(origem);
    }
    this.#conexoes.add(destino);
    origem.setNoDelay();
    destino.setNoDelay();
    await Promise.all([
      this.#passar(origem, destino, "ida"),
      this.#passar(destino, origem, "volta"),
    ]);
    this.#conexoes.delete(origem);
    this.#conexoes.delete(destino);
  }

  async #passar(de: Deno.TcpConn, para: Deno.TcpConn, sentido: "ida" | "volta"): Promise<void> {
    const buffer = new Uint8Array(64 * 1024);
    try {
      for (let n; (n = await de.read(buffer)) !== null;) {
        if (this.atraso > 0) await pausar(this.atraso);
        if (this.ritmo > 0) await pausar(n / this.ritmo * 1000);
        // O que um sentido mudo engoliu não pode faltar a quem depois volta a ouvir.
        while (this.mudo === sentido && this.#conexoes.has(de)) await pausar(20);
        let bytes = buffer.slice(0, n);
        if (sentido === "ida") bytes = this.#trocar(bytes);
        const passo = this.picado ? this.#sorteio.inteiro(1, 200) : bytes.length;
        for (let i = 0; i < bytes.length; i += passo) {
          const parte = bytes.subarray(i, i + passo);
          for (let m = 0; m < parte.length;) m += await para.write(parte.subarray(m));
          if (this.picado) await pausar(0);
        }
      }
    } catch {
      // Um dos lados caiu: o outro cai também.
    }
    fechar(de);
    fechar(para);
  }

  #trocar(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    let texto: string | undefined;
    for (const [velho, novo] of this.#trocas) {
      texto ??= new TextDecoder("latin1").decode(bytes);
      if (!texto.includes(velho)) continue;
      texto = texto.replaceAll(velho, novo);
      bytes = Uint8Array.from(texto, (letra) => letra.charCodeAt(0));
    }
    return bytes;
  }

  /** Quantas conexões há, contando os dois lados. */
  get abertas(): number {
    return this.#conexoes.size;
  }

  /** Derruba as conexões. */
  cortar(): void {
    for (const conexao of this.#conexoes) fechar(conexao);
    this.#conexoes.clear();
  }

  /** Volta a só passar os bytes adiante. */
  sarar(): void {
    Object.assign(this, { atraso: 0, ritmo: 0, picado: false, mudo: undefined });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.sarar();
    this.#ouvinte.close();
    this.cortar();
    await Promise.all(this.#tarefas);
  }
}

function fechar(conexao: Deno.TcpConn): void {
  try {
    conexao.close();
  } catch {
    // Já fechada.
  }
}

// --- Os servidores -----------------------------------------------------------

/** Três servidores que podem morrer e recomeçar, com os seus retransmissores. */
class Bancada {
  readonly portas = portasLivres(3);
  readonly retransmissores: Retransmissor[] = [];
  /** Os temporizadores que vão sarar um retransmissor. */
  readonly curas: ReturnType<typeof setTimeout>[] = [];
  readonly inicios: number[][] = [[], [], []];
  /** O último que começou: é onde um erro ao voltar apareceria. */
  ultimo = 0;
  readonly #programas: (Programa | undefined)[] = [undefined, undefined, undefined];
  readonly #lideres: number[];
  readonly #pasta: string | undefined;

  constructor(sorteio: Sorteio, pasta: string | undefined) {
    this.#pasta = pasta;
    const [lider, ...seguidores] = this.portas as [number, number, number];
    this.#lideres = [lider];
    for (const porta of seguidores) {
      // O seguidor chega ao líder por um, anunciando o outro, por onde o líder o alcança.
      const volta = new Retransmissor(porta, sorteio);
      const ida = new Retransmissor(lider, sorteio, [
        [`"endereco":"127.0.0.1:${porta}"`, `"endereco":"127.0.0.1:${volta.porta}"`],
      ]);
      this.retransmissores.push(ida, volta);
      this.#lideres.push(ida.porta);
    }
  }

  endereco(n: number): string {
    return `127.0.0.1:${this.portas[n]}`;
  }

  async iniciar(n: number): Promise<void> {
    const dados = this.#pasta ? [`--dados=${this.#pasta}/${n}`] : [];
    const outras = [`--prazo=${PRAZO_MS}`, "--silencioso", ...dados];
    this.inicios[n]!.push(performance.now());
    this.#programas[n] = new Programa(
      "servidor",
      argumentosDoServidor(this.portas[n]!, this.#lideres[n]!, outras),
    );
    await atendendo(this.endereco(n));
    this.ultimo = n;
  }

  async matar(n: number): Promise<void> {
    await this.#programas[n]?.matar();
    this.#programas[n] = undefined;
  }

  /** Falha se um servidor acabou sem ser morto: caiu por si. */
  conferirVivos(): void {
    for (const [n, programa] of this.#programas.entries()) {
      if (programa?.acabou) throw new Error(`servidor ${n} caiu: ${programa.erros}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.curas.forEach(clearTimeout);
    await Promise.all([0, 1, 2].map((n) => this.matar(n)));
    for (const retransmissor of this.retransmissores) await retransmissor[Symbol.asyncDispose]();
  }
}

// --- Os clientes -------------------------------------------------------------

/**
 * Um cliente que anota: um pedido por vez, PUT ou GET, a um servidor ao acaso. Não
 * usa a classe Cliente, que se protegeria sozinha do que a bancada quer pegar.
 */
async function anotar(
  cliente: number,
  bancada: Bancada,
  sorteio: Sorteio,
  operacoes: Operacao[],
  parada: AbortSignal,
): Promise<void> {
  const timestamps = new Map<string, number>();
  for (let n = 0; !parada.aborted; n++) {
    const servidor = sorteio.um([bancada.ultimo, sorteio.inteiro(0, 2)]);
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
    const resposta = await pedirUmaVez(bancada.endereco(servidor), pedido);
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

/** Um pedido numa conexão nova; `undefined` se ela não pôde ser aberta, e nada foi enviado. */
async function pedirUmaVez(
  endereco: string,
  pedido: Corpo,
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
    resposta = await elo.pedir(pedido, PRAZO_MS + FOLGA_MS) as Operacao["resposta"];
  } catch {
    resposta = { tipo: elo.perdido ? "perdida" : "sem resposta" };
  }
  elo.fechar("fim");
  return { inicio, fim: performance.now(), resposta };
}

// --- As falhas ---------------------------------------------------------------

/** Espera até um PUT ser confirmado: todos presentes e em dia. */
function sarado(bancada: Bancada): Promise<void> {
  return ate(async () => {
    const pedido = { tipo: "PUT", key: "sonda", value: crypto.randomUUID() } as const;
    const resposta = await pedirUmaVez(bancada.endereco(0), pedido);
    return resposta?.resposta.tipo === "PUT_OK";
  }, "o grupo voltar a confirmar PUTs").then(() => {});
}

/** Provoca falhas até a hora; conta quantas de cada. */
async function provocar(
  bancada: Bancada,
  plano: Plano,
  sorteio: Sorteio,
  falhas: Map<string, number>,
): Promise<void> {
  const fim = performance.now() + plano.segundos * 1000;
  const contar = (falha: string) => falhas.set(falha, (falhas.get(falha) ?? 0) + 1);
  while (performance.now() < fim) {
    await pausar(sorteio.inteiro(50, 600));
    bancada.conferirVivos();
    const falha = sorteio.um(["matar", "matar", "calar e matar", "rede", "rede", "rede"]);
    if (falha === "calar e matar") {
      // O líder insere PUTs que não chegam a ninguém, mostra-os a quem lhe pede, e morre.
      contar("cala os seguidores e mata o líder");
      for (const retransmissor of bancada.retransmissores) retransmissor.mudo = "ida";
      await pausar(sorteio.inteiro(50, 500));
      await bancada.matar(0);
      for (const retransmissor of bancada.retransmissores) {
        retransmissor.cortar();
        retransmissor.sarar();
      }
      await bancada.iniciar(0);
      await sarado(bancada);
      continue;
    }
    if (falha === "matar") {
      // Na memória, um por vez: o que só um guardava morreria com ele. No disco, até os três.
      const quantos = plano.emDisco ? sorteio.um([1, 1, 2, 3]) : 1;
      const mortos = [0, 1, 2].sort(() => sorteio.inteiro(0, 1) - 0.5).slice(0, quantos);
      contar(`mata ${mortos.map((n) => n === 0 ? "líder" : "seguidor").sort().join(" e ")}`);
      await Promise.all(mortos.map((n) => bancada.matar(n)));
      await pausar(sorteio.inteiro(0, 1200));
      for (const n of mortos) await bancada.iniciar(n);
      if (!plano.emDisco) {
        for (const retransmissor of bancada.retransmissores) retransmissor.sarar();
        await sarado(bancada);
      }
      continue;
    }
    const retransmissor = sorteio.um(bancada.retransmissores);
    const tipo = sorteio.um(["atraso", "corte", "mudo", "picado", "ritmo"] as const);
    contar(tipo);
    if (tipo === "corte") retransmissor.cortar();
    if (tipo === "atraso") retransmissor.atraso = sorteio.inteiro(1, 300);
    if (tipo === "ritmo") retransmissor.ritmo = sorteio.inteiro(2_000, 50_000);
    if (tipo === "picado") retransmissor.picado = true;
    if (tipo === "mudo") retransmissor.mudo = sorteio.um(["ida", "volta"]);
    // Às vezes mais que o tempo em que os servidores dão por perdido quem emudeceu.
    const ate = sorteio.inteiro(100, sorteio.um([1_000, 8_000]));
    bancada.curas.push(setTimeout(() => retransmissor.sarar(), ate));
  }
}

/** Faz uma corrida e a verifica. */
export async function correr(plano: Plano): Promise<Relatorio> {
  const acaso = sorteio(plano.semente);
  const pasta = plano.emDisco ? await Deno.makeTempDir({ prefix: "kv-falhas-" }) : undefined;
  const operacoes: Operacao[] = [];
  const falhas = new Map<string, number>();
  const parada = new AbortController();
  try {
    await using bancada = new Bancada(acaso, pasta);
    await Promise.all([0, 1, 2].map((n) => bancada.iniciar(n)));
    const clientes = Array.from(
      { length: CLIENTES },
      (_, n) => anotar(n, bancada, sorteio(plano.semente + n + 1), operacoes, parada.signal),
    );
    const quebras: string[] = [];
    try {
      await provocar(bancada, plano, acaso, falhas);
      for (const retransmissor of bancada.retransmissores) retransmissor.sarar();
      await sarado(bancada);
    } catch (erro) {
      quebras.push((erro as Error).message);
    } finally {
      parada.abort();
      await Promise.all(clientes);
    }
    const keys = [...new Set(operacoes.map(({ key }) => key))];
    const historia: Historia = {
      operacoes,
      inicios: bancada.inicios,
      emDisco: plano.emDisco,
      prazo: PRAZO_MS + FOLGA_MS,
      tabelas: await Promise.all([0, 1, 2].map((n) => lerTabela(bancada.endereco(n), keys))),
    };
    return { historia, falhas, quebras: [...quebras, ...verificar(historia)] };
  } finally {
    if (pasta) await Deno.remove(pasta, { recursive: true });
  }
}

/** O que um servidor tem de cada key. */
async function lerTabela(endereco: string, keys: string[]): Promise<Historia["tabelas"][number]> {
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

/** Uma corrida em poucas linhas: o plano, o que houve e o veredito. */
export function resumir({ semente, segundos, emDisco }: Plano, relatorio: Relatorio): string {
  const { historia: { operacoes }, falhas, quebras } = relatorio;
  const tipos = Map.groupBy(
    operacoes,
    ({ resposta }) =>
      resposta.tipo === "ERRO"
        ? `ERRO ${resposta.definitivo ? "definitivo" : "indefinido"}`
        : resposta.tipo,
  );
  const contas = (mapa: Iterable<readonly [string, number]>) =>
    [...mapa].sort().map(([nome, vezes]) => `${vezes} ${nome}`).join(", ");
  return [
    `semente ${semente}, ${segundos} s, ${emDisco ? "em disco" : "na memória"}`,
    `${operacoes.length} operações: ${
      contas([...tipos].map(([tipo, { length }]) => [tipo, length]))
    }`,
    `falhas: ${contas(falhas)}`,
    quebras.length === 0 ? "nenhuma quebra" : `QUEBRAS (${quebras.length}):`,
    ...quebras.slice(0, 20),
  ].join("\n");
}

if (import.meta.main) {
  const { gravar, ...plano } = lerOpcoes(
    "falhas [--segundos=N] [--semente=N] [--disco] [--gravar=ARQUIVO]",
    { textos: ["segundos", "semente", "gravar"], sinais: ["disco"] },
    (lidos) => ({
      segundos: lerOpcao(lidos, "segundos", inteiroEntre(1, 1_000_000)) ?? 60,
      semente: lerOpcao(lidos, "semente", inteiroEntre(0, 2 ** 32 - 1)) ??
        Math.floor(Math.random() * 2 ** 32),
      emDisco: lidos.opcoes.disco !== undefined,
      gravar: lerOpcao(lidos, "gravar", (arquivo) => {
        Deno.openSync(arquivo, { write: true, create: true }).close();
        return arquivo;
      }),
    }),
  );
  naoDeixarProgramas();
  const escrever = (texto: string) => Deno.stdout.writeSync(new TextEncoder().encode(texto + "\n"));
  escrever(`semente ${plano.semente}`);
  const relatorio = await correr(plano);
  escrever(resumir(plano, relatorio));
  if (gravar) Deno.writeTextFileSync(gravar, gravarHistoria(relatorio.historia));
  Deno.exit(relatorio.quebras.length === 0 ? 0 : 1);
}
