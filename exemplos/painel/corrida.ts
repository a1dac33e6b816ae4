/**
 * Uma corrida viva: a montagem, o diário do que nela acontece, os pedidos da página e as cenas.
 *
 * @module
 */

import { CENAS, type Encenacao, encenar, type Palco, RITMO, type Ritmo } from "./cenas.ts";
import { Diario } from "./diario.ts";
import { Montagem, SERVIDORES } from "./montagem.ts";
import { escolherPortas } from "../processos.ts";
import type { Noticia } from "./noticias.ts";
import type { Cena, CenaVista, Foto, Pedido } from "./tipos.ts";
import type { Servico } from "./servir.ts";

/** As portas do enunciado. */
const PORTAS = SERVIDORES.map(({ porta }) => porta);

/** Uma corrida viva. */
export class Corrida implements Servico, Palco, AsyncDisposable {
  readonly diario: Diario;
  readonly ritmo: Ritmo;
  readonly cenas: readonly Cena[] = CENAS.map(({ id, titulo, olhe }) => ({ id, titulo, olhe }));
  readonly #inicio = performance.now();
  readonly #portas: readonly number[];
  #montagem: Montagem;
  #encenacao: Encenacao | undefined;
  #mensagens = 0;
  #cena: CenaVista | undefined;
  /** Os que esperam que algo aconteça, para verem se era aquilo. */
  readonly #esperas = new Set<(noticia?: Noticia) => void>();

  private constructor(portas: readonly number[], ritmo: Ritmo) {
    this.#portas = portas;
    this.ritmo = ritmo;
    this.diario = new Diario(() => this.#agora(), () => this.#fotografar());
    this.#montagem = this.#montar();
  }

  /**
   * Começa uma corrida, e espera que o grupo esteja em dia.
   *
   * @param portas As dos servidores, se estão livres; se não, outras.
   * @param ritmo O das cenas.
   */
  static async iniciar(portas: readonly number[] = PORTAS, ritmo = RITMO): Promise<Corrida> {
    const corrida = new Corrida(escolherPortas(portas), ritmo);
    try {
      await corrida.#comecar();
      return corrida;
    } catch (erro) {
      await corrida[Symbol.asyncDispose]();
      throw erro;
    }
  }

  /** Onde estão os servidores, o que cada um tem, e os elos. */
  get montagem(): Montagem {
    return this.#montagem;
  }

  /** A cena que está a correr, até acabar. */
  get encenacao(): Encenacao | undefined {
    return this.#encenacao;
  }

  /** Faz o que a página pede. @throws {Error} se não se pode. */
  async pedir(pedido: Pedido): Promise<void> {
    const { elos } = this.#montagem;
    switch (pedido.pedir) {
      case "PUT":
        this.#montagem.pedir(pedido.cliente, pedido.key, pedido.value, pedido.servidor);
        break;
      case "GET":
        this.#montagem.pedir(pedido.cliente, pedido.key, undefined, pedido.servidor);
        break;
      case "atraso-elo":
        elos.atrasar(pedido.de, pedido.para, pedido.sentido, pedido.ms);
        break;
      case "atraso-servidor":
        this.#montagem.endereco(pedido.servidor);
        elos.atrasos.set(pedido.servidor, pedido.ms);
        break;
      case "atraso-tudo":
        elos.tudo = pedido.ms;
        break;
      case "cortar":
        elos.cortar(pedido.de, pedido.para);
        break;
      case "sarar":
        elos.sarar(pedido.de, pedido.para);
        break;
      case "matar":
        await this.#montagem.matar(pedido.servidor);
        break;
      case "iniciar":
        await this.#montagem.iniciar(pedido.servidor, pedido.dados);
        break;
      case "passo":
        elos.passo = pedido.ligado;
        break;
      case "pulsos":
        elos.pulsos = pedido.ligado;
        break;
      case "proxima":
        // A que a página ainda via pode já se ter perdido: não é um erro de quem a pediu.
        if (pedido.id !== undefined || elos.esperam > 0) elos.proxima(pedido.id);
        break;
      case "cena":
        await this.#encenar(pedido.cena);
        break;
      case "recomecar":
        await this.#recomecar();
        break;
    }
    this.diario.mudou();
  }

  /** Espera que aconteça uma coisa: `serve` é chamada agora, e a cada notícia. */
  esperar(serve: (noticia?: Noticia) => boolean, sinal: AbortSignal): Promise<void> {
    return new Promise((resolver, rejeitar) => {
      const acabar = () => {
        this.#esperas.delete(ver);
        sinal.removeEventListener("abort", desistir);
      };
      const ver = (noticia?: Noticia) => {
        if (!serve(noticia)) return;
        acabar();
        resolver();
      };
      const desistir = () => {
        acabar();
        rejeitar(sinal.reason);
      };
      if (sinal.aborted) return desistir();
      sinal.addEventListener("abort", desistir);
      this.#esperas.add(ver);
      ver();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#desistirDaCena();
    await this.#montagem[Symbol.asyncDispose]();
    this.diario[Symbol.dispose]();
  }

  #agora(): number {
    return performance.now() - this.#inicio;
  }

  #montar(): Montagem {
    return new Montagem({
      agora: () => this.#agora(),
      numerar: () => ++this.#mensagens,
      contar: (noticia) => this.#receber(noticia),
      linha: (quem, texto, erro) =>
        this.diario.anotar({ quando: this.#agora(), tipo: "linha", quem, texto, erro }),
      mudou: () => {
        this.diario.mudou();
        for (const ver of this.#esperas) ver();
      },
    }, this.#portas);
  }

  #receber(noticia: Noticia): void {
    if (noticia.tipo === "saiu") {
      const { ligacao: _, ...acontecimento } = noticia;
      this.diario.anotar(acontecimento);
    } else if (noticia.tipo === "chegou" || noticia.tipo === "perdeu-se") {
      this.diario.anotar(noticia);
    } else this.diario.mudou();
    for (const ver of this.#esperas) ver(noticia);
  }

  #fotografar(): Omit<Foto, "n" | "quando"> {
    const { servidores, clientes, elos } = this.#montagem;
    return {
      servidores,
      clientes,
      elos: elos.foto,
      tudo: elos.tudo,
      passo: elos.passo,
      pulsos: elos.pulsos,
      esperam: elos.esperam,
      cena: this.#cena,
      comandos: true,
      gravada: false,
    };
  }

  /** Começa os três, e espera que estejam em dia. */
  async #comecar(): Promise<void> {
    const montagem = this.#montagem;
    await Promise.all(SERVIDORES.map(({ quem }) => montagem.iniciar(quem, true)));
    await this.esperar(() => montagem.emDia, AbortSignal.timeout(20_000));
  }

  async #recomecar(): Promise<void> {
    await this.#desistirDaCena();
    this.#cena = undefined;
    const anterior = this.#montagem;
    await anterior[Symbol.asyncDispose]();
    this.#montagem = this.#montar();
    await this.#comecar();
  }

  async #encenar(id: string): Promise<void> {
    const cena = CENAS.find((uma) => uma.id === id);
    if (!cena) throw new TypeError(`Não há cena "${id}"`);
    await this.#desistirDaCena();
    const encenacao = encenar(cena, this);
    this.#encenacao = encenacao;
    const { titulo, olhe } = cena;
    this.#cena = { id, titulo, olhe, acabou: false, falha: "" };
    encenacao.fim.then(() => {
      // Pode já correr outra, ou ter-se recomeçado.
      if (this.#encenacao !== encenacao) return;
      this.#encenacao = undefined;
      this.#cena = { id, titulo, olhe, acabou: true, falha: encenacao.erro ?? "" };
      this.diario.mudou();
    });
  }

  async #desistirDaCena(): Promise<void> {
    const encenacao = this.#encenacao;
    this.#encenacao = undefined;
    encenacao?.desistir();
    await encenacao?.fim;
  }
}
