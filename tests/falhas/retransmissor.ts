/**
 * Um retransmissor TCP, entre quem disca e quem atende: só passa os bytes adiante, até que um
 * teste lhe peça uma falha.
 *
 * @module
 */

import {
  derrubar,
  discarPara,
  escreverTudo,
  PortaDeRetransmissor,
} from "../../ferramentas/retransmissor.ts";
import { pausar, type Sorteio } from "./acaso.ts";

/** O sentido em que os bytes vão: de quem discou para o destino, ou de volta. */
export type Sentido = "ida" | "volta";

/** O que se engole num retransmissor: um sentido, ou os dois. */
export type Engole = Sentido | "os dois";

/** Uma conexão que passa por aqui: os seus dois lados. */
interface Ligacao {
  readonly origem: Deno.TcpConn;
  destino: Deno.TcpConn | undefined;
  /** Se alguma coisa dela foi engolida: então não pode continuar depois de sarar. */
  perdeu: boolean;
}

/** Um retransmissor TCP. Sem falhas, só passa os bytes adiante; cada campo é uma falha. */
export class Retransmissor {
  /** Milissegundos que cada pedaço espera. */
  atraso = 0;
  /** Bytes por segundo; zero, sem limite. */
  ritmo = 0;
  /** Se cada pedaço é entregue aos poucos. */
  picado = false;
  /** Sentido que emudece, com as conexões abertas: os bytes esperam, e chegam quando sara. */
  mudo: Sentido | undefined;
  /**
   * Sentido que some sem que ninguém o saiba: o que vem por ele é engolido, o fim de um
   * dos lados também, e as conexões ficam abertas; as novas são aceitas, e engolidas.
   */
  engole: Engole | undefined;
  readonly #porta = new PortaDeRetransmissor((origem) => this.#ligar(origem));
  readonly #ligacoes = new Set<Ligacao>();
  readonly #destino: number;
  readonly #trocas: readonly (readonly [string, string])[];
  readonly #sorteio: Sorteio;

  /** @param trocas Textos trocados no caminho de ida: o endereço que um servidor anuncia. */
  constructor(
    destino: number,
    sorteio: Sorteio,
    trocas: readonly (readonly [string, string])[] = [],
  ) {
    this.#destino = destino;
    this.#trocas = trocas;
    this.#sorteio = sorteio;
    this.#porta.abrir();
  }

  /** Onde se disca para passar por aqui. */
  get porta(): number {
    return this.#porta.numero;
  }

  async #ligar(origem: Deno.TcpConn): Promise<void> {
    const ligacao: Ligacao = { origem, destino: undefined, perdeu: false };
    this.#ligacoes.add(ligacao);
    try {
      const destino = await discarPara(this.#destino);
      ligacao.destino = destino;
      origem.setNoDelay();
      await Promise.all([
        this.#passar(ligacao, origem, destino, "ida"),
        this.#passar(ligacao, destino, origem, "volta"),
      ]);
    } catch {
      // Ninguém atende no destino: quem discou só o sabe se a recusa lhe chega.
      await this.#engolirFim(ligacao, "volta");
    }
    cair(ligacao);
    this.#ligacoes.delete(ligacao);
  }

  /** Espera, se o fim de uma conexão é engolido com o resto do sentido por que seria sabido. */
  async #engolirFim(ligacao: Ligacao, sentido: Sentido): Promise<void> {
    while (this.#engolindo(sentido) && this.#ligacoes.has(ligacao)) {
      ligacao.perdeu = true;
      await pausar(20);
    }
  }

  /** Passa os bytes de um lado ao outro, até um deles acabar; e faz saber ao outro que acabou. */
  async #passar(
    ligacao: Ligacao,
    de: Deno.TcpConn,
    para: Deno.TcpConn,
    sentido: Sentido,
  ): Promise<void> {
    const buffer = new Uint8Array(64 * 1024);
    let noticia = sentido;
    try {
      for (let n; (n = await de.read(buffer)) !== null;) {
        if (this.atraso > 0) await pausar(this.atraso);
        if (this.ritmo > 0) await pausar(n / this.ritmo * 1000);
        // O que um sentido mudo segurou não pode faltar a quem depois volta a ouvir.
        while (this.mudo === sentido && this.#ligacoes.has(ligacao)) await pausar(20);
        if (this.#engolindo(sentido)) {
          ligacao.perdeu = true;
          continue;
        }
        const bytes = buffer.slice(0, n);
        await this.#entregar(sentido === "ida" ? this.#trocar(bytes) : bytes, para)
          .catch((erro) => {
            // Quem acabou foi o outro lado: é a este que se faz saber, pelo outro sentido.
            noticia = sentido === "ida" ? "volta" : "ida";
            throw erro;
          });
      }
    } catch {
      // Um dos lados caiu: o outro cai também.
    }
    await this.#engolirFim(ligacao, noticia);
    cair(ligacao);
  }

  #engolindo(sentido: Sentido): boolean {
    return this.engole === sentido || this.engole === "os dois";
  }

  async #entregar(bytes: Uint8Array, para: Deno.TcpConn): Promise<void> {
    const passo = this.picado ? this.#sorteio.inteiro(1, 200) : bytes.length;
    for (let i = 0; i < bytes.length; i += passo) {
      const parte = bytes.subarray(i, i + passo);
      await escreverTudo(para, parte);
      if (this.picado) await pausar(0);
    }
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
    return [...this.#ligacoes].reduce((soma, { destino }) => soma + (destino ? 2 : 1), 0);
  }

  /** Derruba as conexões. */
  cortar(): void {
    for (const ligacao of this.#ligacoes) cair(ligacao);
    this.#ligacoes.clear();
  }

  /**
   * Volta a só passar os bytes adiante. As conexões de que algo foi engolido caem: TCP não
   * perde bytes no meio e continua.
   */
  sarar(): void {
    Object.assign(this, {
      atraso: 0,
      ritmo: 0,
      picado: false,
      mudo: undefined,
      engole: undefined,
    });
    for (const ligacao of this.#ligacoes) {
      if (!ligacao.perdeu) continue;
      cair(ligacao);
      this.#ligacoes.delete(ligacao);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.sarar();
    this.#porta.fechar();
    this.cortar();
    await this.#porta[Symbol.asyncDispose]();
  }
}

function cair({ origem, destino }: Ligacao): void {
  derrubar(origem, destino);
}
