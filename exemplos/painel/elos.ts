/**
 * Os elos entre os processos: por onde passa cada mensagem, uma a uma, e onde se pode atrasar,
 * segurar ou cortar. Cada par de processos tem um elo, e cada um deles disca para um retransmissor
 * daqui em vez de discar para o outro.
 *
 * Um sinal de vida (PULSE) ou uma prova (AUTH) passa já; o primeiro só se mostra se se pede, a segunda nunca. O que um servidor espera
 * pouco tempo, para entrar no grupo, demora no máximo o que {@linkcode DEMORA_MAX_MS} diz, e não
 * espera que o soltem: sem isso o grupo se desfaria só por ser visto devagar.
 *
 * @module
 */

import { ehPulso } from "../../ferramentas/diagrama/familias.ts";
import { derrubar, discarPara, PortaDeRetransmissor } from "../../ferramentas/retransmissor.ts";
import { type ACaminho, Fila } from "./fila.ts";
import { ehCalada, ehConteudo, mostravel, type Noticia } from "./noticias.ts";
import type { FotoDoElo, Quem } from "./tipos.ts";

/** O maior atraso de um elo, de um servidor ou de tudo, em milissegundos. */
export const ATRASO_MS_MAX = 10_000;

/** As que nunca esperam que as soltem: as de entrar no grupo e ficar em dia. */
const SEM_ESPERA = /^(JOIN|LEADER|FETCH|SYNC)(_OK)?$|^ENTRY$/;

/** O que demoram, no máximo, as de que um servidor espera a resposta só uns segundos. */
const DEMORA_MAX_MS: { readonly [tipo: string]: number } = {
  LEADER: 800,
  LEADER_OK: 800,
  FETCH: 1_500,
  ENTRY: 1_500,
  FETCH_OK: 1_500,
};

/** Um par de processos, e o que se faz ao que passa entre eles. */
interface Elo {
  readonly de: Quem;
  readonly para: Quem;
  ida: number;
  volta: number;
  cortado: boolean;
}

/** Um retransmissor: quem disca para ele, e onde atende o destino. */
interface Rota {
  readonly elo: Elo;
  readonly de: Quem;
  readonly para: Quem;
  readonly porta: PortaDeRetransmissor;
}

/** Uma conexão que passa por aqui. */
interface Ligacao {
  readonly rota: Rota;
  readonly numero: number;
  readonly origem: Deno.TcpConn;
  readonly destino: Deno.TcpConn;
  readonly ida: Fila;
  readonly volta: Fila;
}

/** Os elos de uma corrida. */
export class Elos {
  /** Milissegundos que tudo demora a mais. */
  tudo = 0;
  /** Se se contam também os sinais de vida. */
  pulsos = false;
  /** O que cada servidor demora a receber. */
  readonly atrasos = new Map<Quem, number>();
  readonly #elos: Elo[] = [];
  readonly #rotas: Rota[] = [];
  readonly #ligacoes = new Set<Ligacao>();
  /** Os servidores que atendem, e quem: todos, ou só os ditos. */
  readonly #atendem = new Map<Quem, readonly Quem[] | "todos">();
  readonly #agora: () => number;
  readonly #contar: (noticia: Noticia) => void;
  #passo = false;
  readonly #numerar: () => number;
  #conexoes = 0;

  /**
   * @param agora O relógio da corrida.
   * @param numerar O número da próxima mensagem.
   * @param contar Recebe o que acontece, na hora.
   */
  constructor(agora: () => number, numerar: () => number, contar: (noticia: Noticia) => void) {
    this.#agora = agora;
    this.#numerar = numerar;
    this.#contar = contar;
  }

  /** Um retransmissor para quem, `de`, disca a `para`, que atende nessa porta; devolve o seu número. */
  abrir(de: Quem, para: Quem, destino: number): number {
    let elo = this.#achar(de, para);
    if (!elo) this.#elos.push(elo = { de, para, ida: 0, volta: 0, cortado: false });
    const porta = new PortaDeRetransmissor((origem) => this.#ligar(rota, origem, destino));
    const rota: Rota = { elo, de, para, porta };
    this.#rotas.push(rota);
    this.#conferir(rota);
    return porta.numero;
  }

  /** A quem um servidor atende, agora que começou ou morreu; os outros, que discam, são recusados. */
  atende(servidor: Quem, quais: readonly Quem[] | "todos"): void {
    this.#atendem.set(servidor, quais);
    this.#rotas.forEach((rota) => this.#conferir(rota));
  }

  get foto(): readonly FotoDoElo[] {
    return this.#elos.map((elo) => ({ ...elo }));
  }

  /** Se as mensagens esperam que as soltem, uma a uma. */
  get passo(): boolean {
    return this.#passo;
  }

  /** Desligado, seguem as que esperavam. */
  set passo(ligado: boolean) {
    this.#passo = ligado;
    if (!ligado) { for (const fila of this.#filas()) fila.soltar(() => true); }
  }

  /** Quantas esperam que as soltem. */
  get esperam(): number {
    return this.#filas().reduce((soma, fila) => soma + fila.presas, 0);
  }

  /**
   * Solta a que espera há mais tempo, ou uma pelo número.
   *
   * @throws {Error} se não há nenhuma, ou há outra à frente dela na mesma conexão.
   */
  proxima(id?: number): void {
    const primeiras = this.#filas().flatMap((fila) => fila.presa ? [{ fila, ...fila.presa }] : []);
    const achada = id === undefined
      ? primeiras.sort((a, b) => a.id - b.id)[0]
      : primeiras.find((uma) => uma.id === id);
    if (achada) return achada.fila.soltar((mensagem) => mensagem.id === achada.id);
    if (id === undefined) throw new Error("Nenhuma mensagem espera");
    throw new Error("Essa mensagem não espera, ou tem outra à frente na mesma conexão");
  }

  /** Atrasa um elo; o sentido é o de `de` para `para`, como foram ditos. */
  atrasar(de: Quem, para: Quem, sentido: "ida" | "volta" | "os dois", ms: number): void {
    const elo = this.#exigir(de, para);
    const aoContrario = elo.de !== de;
    if (sentido === "os dois" || (sentido === "ida") !== aoContrario) elo.ida = ms;
    if (sentido === "os dois" || (sentido === "volta") !== aoContrario) elo.volta = ms;
  }

  /** Corta um elo: as conexões caem, o que ia a caminho perde-se, e as novas são recusadas. */
  cortar(de: Quem, para: Quem): void {
    const elo = this.#exigir(de, para);
    elo.cortado = true;
    for (const ligacao of this.#ligacoes) if (ligacao.rota.elo === elo) cair(ligacao);
    this.#rotas.forEach((rota) => this.#conferir(rota));
  }

  sarar(de: Quem, para: Quem): void {
    this.#exigir(de, para).cortado = false;
    this.#rotas.forEach((rota) => this.#conferir(rota));
  }

  /** Nada atrasado, nada cortado, nada à espera. */
  sararTudo(): void {
    this.tudo = 0;
    this.atrasos.clear();
    for (const elo of this.#elos) Object.assign(elo, { ida: 0, volta: 0, cortado: false });
    this.#rotas.forEach((rota) => this.#conferir(rota));
    this.passo = false;
  }

  /** Se quem disca de um para o outro é atendido. */
  alcanca(de: Quem, para: Quem): boolean {
    return this.#rotas.some((rota) => rota.de === de && rota.para === para && rota.porta.aberta);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { porta } of this.#rotas) porta.fechar();
    for (const ligacao of this.#ligacoes) cair(ligacao);
    await Promise.all(this.#rotas.map(({ porta }) => porta[Symbol.asyncDispose]()));
  }

  #filas(): Fila[] {
    return [...this.#ligacoes].flatMap(({ ida, volta }) => [ida, volta]);
  }

  #achar(de: Quem, para: Quem): Elo | undefined {
    return this.#elos.find((elo) =>
      (elo.de === de && elo.para === para) || (elo.de === para && elo.para === de)
    );
  }

  #exigir(de: Quem, para: Quem): Elo {
    const elo = this.#achar(de, para);
    if (!elo) throw new TypeError(`Não há elo entre "${de}" e "${para}"`);
    return elo;
  }

  #conferir({ elo, de, para, porta }: Rota): void {
    const quais = this.#atendem.get(para) ?? [];
    if ((quais === "todos" || quais.includes(de)) && !elo.cortado) porta.abrir();
    else porta.fechar();
  }

  async #ligar(rota: Rota, origem: Deno.TcpConn, porta: number): Promise<void> {
    let destino: Deno.TcpConn | undefined;
    try {
      destino = await discarPara(porta);
      origem.setNoDelay();
    } catch {
      // Acabou de morrer, e quem discou ainda não o sabia.
      return derrubar(origem, destino);
    }
    const { de, para, elo } = rota;
    const avisos = {
      agora: this.#agora,
      chegou: ({ id }: ACaminho) => this.#contar({ tipo: "chegou", quando: this.#agora(), id }),
      perdeuSe: ({ id }: ACaminho) =>
        this.#contar({ tipo: "perdeu-se", quando: this.#agora(), id }),
    };
    const numero = ++this.#conexoes;
    const [ida, volta] = [new Fila(destino, avisos), new Fila(origem, avisos)];
    const ligacao: Ligacao = { rota, numero, origem, destino, ida, volta };
    this.#ligacoes.add(ligacao);
    if (elo.cortado) cair(ligacao);
    await Promise.all([
      this.#passar(ligacao, origem, ida, volta, [de, para]),
      this.#passar(ligacao, destino, volta, ida, [para, de]),
    ]);
    this.#ligacoes.delete(ligacao);
    this.#contar({ tipo: "fechou", quando: this.#agora(), de, para, ligacao: numero });
  }

  /** Lê de um lado até ele acabar; o que já vinha dele ainda chega, e o que lhe ia perde-se. */
  async #passar(
    ligacao: Ligacao,
    lado: Deno.TcpConn,
    fila: Fila,
    outra: Fila,
    [de, para]: readonly [Quem, Quem],
  ): Promise<void> {
    const buffer = new Uint8Array(64 * 1024);
    const decodificador = new TextDecoder();
    let resto = "";
    try {
      for (let n; (n = await lado.read(buffer)) !== null;) {
        const texto = decodificador.decode(buffer.subarray(0, n), { stream: true });
        resto += texto;
        if (!texto.includes("\n")) continue;
        const linhas = resto.split("\n");
        resto = linhas.pop()!;
        for (const linha of linhas) this.#receber(ligacao, linha, fila, de, para);
        await fila.lugar();
      }
    } catch {
      // Este lado caiu.
    }
    outra.perder();
    await fila.esgotar();
    derrubar(ligacao.origem, ligacao.destino);
  }

  /** Uma linha, com uma mensagem ou um lote delas, que seguem uma a uma. */
  #receber({ rota, numero }: Ligacao, linha: string, fila: Fila, de: Quem, para: Quem): void {
    let itens: unknown[];
    try {
      itens = [JSON.parse(linha)].flat();
    } catch {
      return fila.passar(linha); // Não é uma mensagem: que o destino o diga.
    }
    for (const item of itens) {
      const texto = itens.length === 1 ? linha : JSON.stringify(item);
      const quando = this.#agora();
      if (!ehConteudo(item) || ehCalada(item)) {
        fila.passar(texto);
        if (this.pulsos && ehConteudo(item) && ehPulso(item)) {
          const id = this.#numerar();
          const chega = { chega: quando, ligacao: numero };
          this.#contar({ tipo: "saiu", quando, id, de, para, mensagem: item, ...chega });
          this.#contar({ tipo: "chegou", quando, id });
        }
        continue;
      }
      const atraso = this.#atraso(rota.elo, de, para, item.tipo);
      let chega: number | undefined;
      if (!this.#passo || SEM_ESPERA.test(item.tipo)) {
        chega = fila.ultima = Math.max(fila.ultima, quando + atraso);
      }
      const id = this.#numerar();
      const mensagem = mostravel(item);
      // Atrás de uma que espera não se sabe quando chega.
      const sabe = fila.presas === 0 ? chega : undefined;
      this.#contar({ tipo: "saiu", quando, id, de, para, mensagem, chega: sabe, ligacao: numero });
      fila.entrar({ id, texto, chega });
    }
  }

  #atraso(elo: Elo, de: Quem, para: Quem, tipo: string): number {
    const doElo = elo.de === de ? elo.ida : elo.volta;
    const atraso = doElo + (this.atrasos.get(para) ?? 0) + this.tudo;
    return Math.min(atraso, DEMORA_MAX_MS[tipo] ?? Infinity);
  }
}

/** Uma conexão cai: perde-se o que ia nos dois sentidos. */
function cair({ origem, destino, ida, volta }: Ligacao): void {
  ida.perder();
  volta.perder();
  derrubar(origem, destino);
}
