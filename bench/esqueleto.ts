/**
 * O esqueleto deste programa: o que o enunciado obriga cada pedido a percorrer, e mais nada. São três
 * processos, e cada pedido vai a um, sorteado; um PUT vai ao líder, deste à outra thread, dela aos
 * outros dois, e volta; em disco, uma transação em cada um; cada conexão é separada por um
 * `TextLineStream`; e as linhas da console. Sem validar, sem limites nem prazos, sem ninguém que
 * falte ou volte. O que ele não faz, um servidor com esta forma não faz neste Deno: é o limite que
 * docs/desempenho.md põe ao lado de cada figura.
 *
 * Rodado por si, é um servidor: `esqueleto.ts PORTA LIDER,OUTRO,OUTRO falador|silencioso [PASTA]`.
 *
 * @module
 */

import { DatabaseSync } from "node:sqlite";
import { TextLineStream } from "@std/streams/text-line-stream";
import { erroDaRede } from "../lib/canal.ts";
import type { Operador } from "./carga.ts";

/** Bytes de cada leitura. */
const LEITURA_BYTES = 64 * 1024;

/** Bytes de uma escrita que não pede memória ao sistema. */
const PAPEL_BYTES = 16 * 1024;

/** Entre duas escritas da console, e entre duas tentativas de discar, em milissegundos. */
const CONSOLE_MS = 25;

interface Mensagem {
  readonly tipo: string;
  readonly id?: number;
  readonly key: string;
  readonly value: string | null;
  readonly timestamp: number;
  readonly origem?: string;
}

type Registro = Pick<Mensagem, "key" | "value" | "timestamp">;

/** O que a thread principal passa à outra de uma vez: as linhas a enviar, e os registros a guardar. */
interface Rodada {
  linhas: string[];
  registros: Registro[];
  ate: number;
}

const codificador = new TextEncoder();
const decodificador = new TextDecoder();
const texto = (mensagem: object) => JSON.stringify(mensagem);
const umaVolta = () => new Promise<void>((resolver) => setImmediate(resolver));

/** Quem se liga vai-se embora quando acaba; outro erro é do esqueleto, e para-o. */
function daRede(erro: unknown): void {
  if (!erroDaRede(erro)) throw erro;
}

/** Lê as mensagens de uma conexão até ao fim; `aoAcabar`, tratadas as de uma leitura. */
async function ler(
  conexao: Deno.TcpConn,
  tratar: (mensagem: Mensagem) => void,
  aoAcabar: () => void = () => {},
): Promise<void> {
  const separador = new TextLineStream();
  const escritor = separador.writable.getWriter();
  const leitor = separador.readable.getReader();
  const buffer = new Uint8Array(LEITURA_BYTES);
  for (let lidos; (lidos = await conexao.read(buffer)) !== null;) {
    // O que se mede é ASCII: nenhum caractere se parte entre duas leituras.
    const bloco = decodificador.decode(buffer.subarray(0, lidos));
    let quantas = 0;
    for (let n = -1; (n = bloco.indexOf("\n", n + 1)) >= 0;) quantas++;
    let proxima = quantas > 0 ? leitor.read() : undefined;
    escritor.write(bloco);
    while (proxima) {
      const lida = JSON.parse((await proxima).value!);
      if (Array.isArray(lida)) lida.forEach(tratar);
      else tratar(lida);
      proxima = --quantas > 0 ? leitor.read() : undefined;
    }
    aoAcabar();
  }
}

/** Escreve numa conexão, uma escrita por vez; o que se junta vai num array JSON, numa linha. */
function escrever(conexao: Deno.TcpConn): (mensagem: string) => void {
  const papel = new Uint8Array(PAPEL_BYTES);
  let fila: string[] = [];
  let escrevendo = false;
  let juntas = 0;
  async function escoar() {
    while (fila.length > 0) {
      await (juntas > 1 ? umaVolta() : undefined);
      juntas = fila.length;
      const linha = (juntas > 1 ? `[${fila.join(",")}]` : fila[0]!) + "\n";
      fila = [];
      let bytes = linha.length * 3 <= PAPEL_BYTES
        ? papel.subarray(0, codificador.encodeInto(linha, papel).written)
        : codificador.encode(linha);
      while (bytes.length > 0) bytes = bytes.subarray(await conexao.write(bytes));
    }
    escrevendo = false;
  }
  return (mensagem) => {
    fila.push(mensagem);
    if (escrevendo) return;
    escrevendo = true;
    escoar().catch(daRede);
  };
}

async function discar(porta: number): Promise<Deno.TcpConn> {
  for (;;) {
    try {
      const conexao = await Deno.connect({ hostname: "127.0.0.1", port: porta });
      conexao.setNoDelay(true);
      return conexao;
    } catch {
      await new Promise((resolver) => setTimeout(resolver, CONSOLE_MS));
    }
  }
}

// --- Quem pede ---------------------------------------------------------------

/** Um operário do esqueleto, com uma conexão a cada servidor; muitos podem usar o mesmo. */
export async function ligarAoEsqueleto(portas: readonly number[]): Promise<Operador & Disposable> {
  const conexoes = await Promise.all(portas.map(discar));
  const enviar = conexoes.map(escrever);
  const timestamps = new Map<string, number>();
  const esperas = new Map<number, (resposta: Mensagem) => void>();
  let id = 0;
  for (const conexao of conexoes) {
    ler(conexao, (resposta) => {
      esperas.get(resposta.id!)!(resposta);
      esperas.delete(resposta.id!);
    }).catch(daRede);
  }
  const pedir = async (pedido: Pick<Mensagem, "tipo" | "key">) => {
    const { timestamp, ...resposta } = await new Promise<Mensagem>((resolver) => {
      esperas.set(++id, resolver);
      enviar[Math.floor(Math.random() * enviar.length)]!(texto({ ...pedido, id }));
    });
    timestamps.set(pedido.key, timestamp);
    return resposta;
  };
  return {
    put: (key, value) => pedir({ tipo: "PUT", key, value } as Mensagem),
    get(key) {
      return pedir({ tipo: "GET", key, timestamp: timestamps.get(key) ?? 0 } as Mensagem);
    },
    [Symbol.dispose]() {
      for (const conexao of conexoes) conexao.close();
    },
  };
}

// --- Um servidor -------------------------------------------------------------

async function servir([minha, todas, modo, pasta = ""]: readonly string[]): Promise<void> {
  const portas = todas!.split(",").map(Number);
  const lider = Number(minha) === portas[0];
  const tabela = new Map<string, Omit<Registro, "key">>();
  /** Os PUTs por confirmar, em ordem, e os encaminhados: como se lhes responde. */
  const porConfirmar = new Map<number, () => void>();
  const encaminhados = new Map<number, (resposta: Mensagem) => void>();
  let ultimo = 0;

  let linhas: string[] = [];
  const imprimir = (linha: string) => void linhas.push(linha);
  const falador = modo === "falador";
  setInterval(async () => {
    if (linhas.length === 0) return;
    let bytes = codificador.encode(linhas.join("\n") + "\n");
    linhas = [];
    while (bytes.length > 0) bytes = bytes.subarray(await Deno.stdout.write(bytes));
  }, CONSOLE_MS);

  const ouvinte = Deno.listen({ hostname: "127.0.0.1", port: Number(minha) });
  const outra = lider || pasta !== ""
    ? new Worker(import.meta.url, { type: "module", name: [pasta, lider ? todas : ""].join() })
    : undefined;
  if (outra) outra.onmessage = ({ data }: MessageEvent<number>) => confirmar(data);
  let rodada: Rodada = { linhas: [], registros: [], ate: 0 };
  let confirmar: (ate: number) => void = (ate) => {
    for (const [timestamp, responder] of porConfirmar) {
      if (timestamp > ate) break;
      porConfirmar.delete(timestamp);
      responder();
    }
  };

  function guardar(registro: Registro) {
    const { key, value, timestamp } = registro;
    tabela.delete(key);
    tabela.set(key, { value, timestamp });
    ultimo = timestamp;
    if (lider) rodada.linhas.push(texto({ tipo: "REPLICATION", ...registro }));
    if (pasta !== "") rodada.registros.push(registro);
    if (rodada.ate === 0 && outra) {
      const seguir = () => {
        outra.postMessage(rodada);
        rodada = { linhas: [], registros: [], ate: 0 };
      };
      if (porConfirmar.size > 1) setImmediate(seguir);
      else queueMicrotask(seguir);
    }
    rodada.ate = timestamp;
  }

  let encaminhar: (mensagem: string) => void = () => {};
  if (!lider) {
    const conexao = await discar(portas[0]!);
    encaminhar = escrever(conexao);
    ler(conexao, (resposta) => {
      encaminhados.get(resposta.id!)!(resposta);
      encaminhados.delete(resposta.id!);
    }).catch(daRede);
  }
  let encaminhado = 0;

  function tratar(
    { tipo, id, key, value, timestamp, origem }: Mensagem,
    enviar: (mensagem: string) => void,
    quem: string,
  ) {
    if (tipo === "GET") {
      const { value, timestamp: meu } = tabela.get(key) ?? { value: null, timestamp: 0 };
      if (falador) {
        imprimir(
          `Cliente ${quem} GET key:${key} ts:${timestamp}. Meu ts é ${meu}, portanto devolvendo ${value}`,
        );
      }
      enviar(texto({ tipo: "GET_OK", id, key, value, timestamp: meu }));
    } else if (tipo === "REPLICATION") {
      if (falador) imprimir(`REPLICATION key:${key} value:${value} ts:${timestamp}`);
      guardar({ key, value, timestamp });
      confirmar = (ate) => enviar(texto({ tipo: "REPLICATION_OK", timestamp: ate }));
    } else if (lider) {
      const cliente = origem ?? quem;
      if (falador) imprimir(`Cliente ${cliente} PUT key:${key} value:${value}`);
      const dele = ultimo + 1;
      porConfirmar.set(dele, () => {
        if (falador) imprimir(`Enviando PUT_OK ao Cliente ${cliente} da key:${key} ts:${dele}`);
        enviar(texto({ tipo: "PUT_OK", id, key, timestamp: dele }));
      });
      guardar({ key, value, timestamp: dele });
    } else {
      if (falador) imprimir(`Encaminhando PUT key:${key} value:${value}`);
      encaminhados.set(++encaminhado, (resposta) => enviar(texto({ ...resposta, id })));
      encaminhar(texto({ tipo: "FORWARD", id: encaminhado, key, value, origem: quem }));
    }
  }

  for await (const conexao of ouvinte) {
    conexao.setNoDelay(true);
    const { hostname, port } = conexao.remoteAddr;
    const quem = `${hostname}:${port}`;
    const enviar = escrever(conexao);
    let confirmado = 0;
    const acabar = () => {
      // Na memória, um seguidor confirma de uma vez o que veio numa leitura.
      if (!lider && pasta === "" && ultimo > confirmado) confirmar(confirmado = ultimo);
    };
    ler(conexao, (mensagem) => tratar(mensagem, enviar, quem), acabar).catch(daRede);
  }
}

/** A outra thread: no líder, uma conexão com cada um dos outros; e o disco, se há pasta. */
function replicar(outra: DedicatedWorkerGlobalScope): void {
  const [pasta, ...portas] = outra.name.split(",");
  const outros = portas.slice(1).map(Number);
  const confirmados = outros.map(() => 0);
  const ligados = Promise.all(outros.map(async (porta, n) => {
    const conexao = await discar(porta);
    ler(conexao, ({ timestamp }) => {
      confirmados[n] = timestamp;
      avisar();
    }).catch(daRede);
    return escrever(conexao);
  }));
  let gravado = pasta === "" ? Infinity : 0;
  let avisado = 0;
  function avisar() {
    const ate = Math.min(gravado, ...confirmados);
    if (ate > avisado) outra.postMessage(avisado = ate);
  }

  const gravar = pasta === "" ? undefined : abrirDisco(pasta!);
  let porGravar: Registro[] = [];
  outra.onmessage = async ({ data: { linhas, registros, ate } }: MessageEvent<Rodada>) => {
    for (const enviar of await ligados) linhas.forEach(enviar);
    if (!gravar) return;
    porGravar.push(...registros);
    if (porGravar.length > registros.length) return;
    setImmediate(() => {
      gravado = porGravar.at(-1)?.timestamp ?? ate;
      gravar(porGravar);
      porGravar = [];
      avisar();
    });
  };
}

/** Uma tabela em disco; o que se lhe dá é uma transação, sincronizada. */
function abrirDisco(pasta: string): (registros: readonly Registro[]) => void {
  Deno.mkdirSync(pasta, { recursive: true });
  const banco = new DatabaseSync(`${pasta}/esqueleto.db`);
  banco.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
  banco.exec("CREATE TABLE t (key TEXT PRIMARY KEY, value TEXT, ts INTEGER) WITHOUT ROWID");
  const por = banco.prepare("INSERT OR REPLACE INTO t VALUES (?, ?, ?)");
  return (registros) => {
    banco.exec("BEGIN");
    for (const { key, value, timestamp } of registros) por.run(key, value, timestamp);
    banco.exec("COMMIT");
  };
}

interface DedicatedWorkerGlobalScope {
  readonly name: string;
  postMessage(mensagem: unknown): void;
  onmessage: ((evento: MessageEvent<Rodada>) => void) | null;
}

if (import.meta.main) {
  if ("DedicatedWorkerGlobalScope" in globalThis) {
    replicar(globalThis as unknown as DedicatedWorkerGlobalScope);
  } else await servir(Deno.args);
}
