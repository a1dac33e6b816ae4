/**
 * Um sentido de uma conexão que passa por um elo: as mensagens, cada uma com a hora a que chega ou
 * à espera de que a soltem, saem pela ordem em que entraram. Os sinais de vida passam à frente.
 *
 * @module
 */

import { derrubar, escreverTudo } from "../../ferramentas/retransmissor.ts";

/** Caracteres à espera num sentido; além, quem os manda espera também. */
const FILA_MAX = 64 * 1024 * 1024;

/** Uma mensagem a caminho. */
export interface ACaminho {
  readonly id: number;
  /** A linha, sem o fim. */
  readonly texto: string;
  /** Quando chega; `undefined`, quando a soltarem. */
  chega: number | undefined;
}

/** O que uma fila precisa de saber, e o que conta. */
export interface AvisosDaFila {
  agora(): number;
  chegou(mensagem: ACaminho): void;
  perdeuSe(mensagem: ACaminho): void;
}

/** As mensagens que vão para um dos lados de uma conexão. */
export class Fila {
  /** A hora a que chega a última que a tem: nenhuma a ultrapassa. */
  ultima = 0;
  readonly #destino: Deno.TcpConn;
  readonly #avisos: AvisosDaFila;
  /** As que ainda não saíram daqui, em ordem. */
  #itens: ACaminho[] = [];
  #caracteres = 0;
  #presas = 0;
  /** Se o destino já não recebe: o que entra perde-se. */
  #perdida = false;
  /** A escrita em curso: uma por vez. */
  #escrita: Promise<void> = Promise.resolve();
  #escoando: Promise<void> | undefined;
  /** Cumprida quando sair a próxima parte. */
  #umaParte = Promise.withResolvers<void>();
  /** Acorda quem espera pela hora da primeira. */
  #acordar: () => void = () => {};

  constructor(destino: Deno.TcpConn, avisos: AvisosDaFila) {
    this.#destino = destino;
    this.#avisos = avisos;
  }

  /** A primeira da fila, se espera que a soltem. */
  get presa(): ACaminho | undefined {
    const [primeira] = this.#itens;
    return primeira?.chega === undefined ? primeira : undefined;
  }

  /** Quantas esperam que as soltem. */
  get presas(): number {
    return this.#presas;
  }

  entrar(mensagem: ACaminho): void {
    if (this.#perdida) return this.#avisos.perdeuSe(mensagem);
    this.#itens.push(mensagem);
    if (mensagem.chega === undefined) this.#presas++;
    this.#caracteres += mensagem.texto.length;
    if (this.#itens.length === 1) this.#acordar();
    this.#escoando ??= this.#escoar().finally(() => this.#escoando = undefined);
  }

  /** Passa já uma linha, à frente das outras. */
  passar(linha: string): void {
    if (!this.#perdida) this.#escrever(linha + "\n");
  }

  /** Dá hora de chegada a uma que esperava, ou a todas. */
  soltar(quais: (mensagem: ACaminho) => boolean): void {
    for (const mensagem of this.#itens) {
      if (mensagem.chega !== undefined || !quais(mensagem)) continue;
      mensagem.chega = this.#avisos.agora();
      this.#presas--;
    }
    this.#acordar();
  }

  /** Espera que haja lugar. */
  async lugar(): Promise<void> {
    while (this.#caracteres > FILA_MAX && this.#escoando) await this.#umaParte.promise;
  }
  /** O que ainda ia a caminho perde-se, e o que entrar depois também. */
  perder(): void {
    this.#perdida = true;
    const perdidas = this.#itens;
    this.#itens = [];
    this.#caracteres = 0;
    this.#presas = 0;
    for (const mensagem of perdidas) this.#avisos.perdeuSe(mensagem);
    this.#acordar();
  }

  /** Espera que tudo tenha chegado, ou se tenha perdido. */
  async esgotar(): Promise<void> {
    await this.#escoando;
    await this.#escrita;
  }

  async #escoar(): Promise<void> {
    while (this.#itens.length > 0) {
      const agora = this.#avisos.agora();
      let n = this.#itens.findIndex(({ chega }) => chega === undefined || chega > agora);
      if (n < 0) n = this.#itens.length;
      if (n === 0) {
        await this.#esperar(this.#itens[0]!.chega);
        continue;
      }
      const parte = this.#itens.splice(0, n);
      const chegaram = await this.#escrever(parte.map(({ texto }) => texto + "\n").join(""));
      for (const mensagem of parte) {
        this.#caracteres -= mensagem.texto.length;
        if (chegaram) this.#avisos.chegou(mensagem);
        else this.#avisos.perdeuSe(mensagem);
      }
      this.#umaParte.resolve();
      this.#umaParte = Promise.withResolvers<void>();
    }
    this.#umaParte.resolve();
  }

  /** Espera por uma hora, ou que alguma coisa mude. */
  #esperar(chega: number | undefined): Promise<void> {
    return new Promise((resolver) => {
      const falta = chega && Math.max(0, chega - this.#avisos.agora());
      const temporizador = falta === undefined ? undefined : setTimeout(resolver, falta);
      this.#acordar = () => {
        clearTimeout(temporizador);
        resolver();
      };
    });
  }

  /** Escreve depois do que se está escrevendo; diz se conseguiu. */
  async #escrever(texto: string): Promise<boolean> {
    let conseguiu = false;
    const bytes = new TextEncoder().encode(texto);
    this.#escrita = this.#escrita.then(async () => {
      try {
        await escreverTudo(this.#destino, bytes);
        conseguiu = true;
      } catch {
        // O destino acabou: quem o lê há de notá-lo, e o que aqui ia perdeu-se.
        this.perder();
        derrubar(this.#destino);
      }
    });
    await this.#escrita;
    return conseguiu;
  }
}
