/**
 * O que todo retransmissor TCP tem: uma porta onde atende, que se pode fechar e voltar a abrir no
 * mesmo número, e as tarefas das conexões aceitas. O que se faz com os bytes é de quem o usa.
 *
 * ```ts
 * import { derrubar, discarPara, PortaDeRetransmissor } from "./retransmissor.ts";
 *
 * await using porta = new PortaDeRetransmissor(async (origem) => {
 *   await origem.write(new TextEncoder().encode("olá"));
 *   derrubar(origem);
 * });
 * porta.abrir();
 * using conexao = await discarPara(porta.numero);
 * const recebido = new Uint8Array(10);
 * if (await conexao.read(recebido) !== 4) throw new Error("não atendeu");
 * ```
 *
 * @module
 */

const ONDE = "127.0.0.1";

/**
 * De onde vêm as portas: abaixo das que os sistemas dão a quem disca ou pede uma qualquer, que
 * tomariam a de um retransmissor fechado.
 */
const PORTAS = { de: 20_000, ate: 32_000 } as const;

/** Portas que se tentam até achar uma livre; além, não há nenhuma. */
const TENTATIVAS_MAX = 200;

/** De quanto em quanto se tenta voltar a atender numa porta que outro ocupa, em milissegundos. */
const OCUPADA_MS = 20;

/** Uma porta de 127.0.0.1 que aceita conexões; a de quem vai ser retransmitido. */
export class PortaDeRetransmissor {
  readonly numero: number;
  readonly #atender: (origem: Deno.TcpConn) => Promise<void>;
  readonly #tarefas = new Set<Promise<void>>();
  #ouvinte: Deno.TcpListener | undefined;
  /** Se é de atender; enquanto a porta não se solta de antes, ainda não se atende. */
  #aberta = false;
  /** Quem está aceitando conexões, até ao fim. */
  #aceitando: Promise<void> | undefined;

  /**
   * Escolhe uma porta; só se atende nela depois de {@linkcode abrir}.
   *
   * @param atender Trata uma conexão até ela acabar; uma falha sua é um erro de quem o escreveu.
   */
  constructor(atender: (origem: Deno.TcpConn) => Promise<void>) {
    this.#atender = atender;
    this.numero = escolherPorta();
  }

  /** Se quem disca para cá é atendido; se não, é recusado como por um processo que não existe. */
  get aberta(): boolean {
    return this.#aberta;
  }

  /** Atende; a porta não muda. Abrir de novo nada faz. */
  abrir(): void {
    if (this.#aberta) return;
    this.#aberta = true;
    if (this.#aceitando || !this.#tentar()) this.#guardar(this.#reabrir(this.#aceitando));
  }

  /** Deixa de atender quem disca; as conexões aceitas continuam. Fechar de novo nada faz. */
  fechar(): void {
    this.#aberta = false;
    this.#ouvinte?.close();
    this.#ouvinte = undefined;
  }

  /** Atende, solta a porta por quem a tinha. */
  async #reabrir(anterior: Promise<void> | undefined): Promise<void> {
    await anterior;
    while (this.#aberta && !this.#ouvinte && !this.#tentar()) {
      await new Promise((resolver) => setTimeout(resolver, OCUPADA_MS));
    }
  }

  /** Atende, se a porta está livre; diz se estava. */
  #tentar(): boolean {
    try {
      this.#aceitando = this.#aceitar(escutar(this.numero));
      return true;
    } catch (erro) {
      if (!(erro instanceof Deno.errors.AddrInUse)) throw erro;
      return false;
    }
  }

  async #aceitar(ouvinte: Deno.TcpListener): Promise<void> {
    this.#ouvinte = ouvinte;
    for await (const origem of ouvinte) this.#guardar(this.#atender(origem));
  }

  #guardar(tarefa: Promise<void>): void {
    this.#tarefas.add(tarefa);
    tarefa.finally(() => this.#tarefas.delete(tarefa));
  }

  /** Fecha, e espera pelas conexões, que quem usa isto derruba antes. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.fechar();
    await this.#aceitando;
    dadas.delete(this.numero);
    while (this.#tarefas.size > 0) await Promise.all(this.#tarefas);
  }
}

function escutar(port: number): Deno.TcpListener {
  return Deno.listen({ hostname: ONDE, port });
}

/** As portas que já se deram: uma fechada está livre, e é de quem a tem. */
const dadas = new Set<number>();

/** Uma porta livre, ao acaso, que nenhum sistema dá a quem pede uma qualquer. @throws {Error} se não se acha. */
export function escolherPorta(): number {
  for (let tentativa = 0;; tentativa++) {
    const porta = PORTAS.de + Math.floor(Math.random() * (PORTAS.ate - PORTAS.de));
    if (dadas.has(porta)) continue;
    try {
      escutar(porta).close();
      dadas.add(porta);
      return porta;
    } catch (erro) {
      const ocupada = erro instanceof Deno.errors.AddrInUse;
      if (!ocupada || tentativa >= TENTATIVAS_MAX) throw erro;
    }
  }
}

/** Disca para uma porta desta máquina. @throws {Error} se ninguém atende. */
export async function discarPara(porta: number): Promise<Deno.TcpConn> {
  const destino = await Deno.connect({ hostname: ONDE, port: porta });
  destino.setNoDelay();
  return destino;
}

/** Escreve todos os bytes. @throws {Error} se a conexão acabou. */
export async function escreverTudo(para: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let n = 0; n < bytes.length;) n += await para.write(bytes.subarray(n));
}

/** Fecha conexões, as que ainda não estavam fechadas. */
export function derrubar(...conexoes: readonly (Deno.TcpConn | undefined)[]): void {
  for (const conexao of conexoes) {
    try {
      conexao?.close();
    } catch (erro) {
      if (!(erro instanceof Deno.errors.BadResource)) throw erro;
    }
  }
}
