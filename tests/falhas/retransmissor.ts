/**
 * Um retransmissor TCP, entre quem disca e quem atende: só passa os bytes adiante, até que um
 * teste lhe peça uma falha.
 *
 * @module
 */

import { pausar, type Sorteio } from "./acaso.ts";

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
