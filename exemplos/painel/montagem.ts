/**
 * Três servidores, dois clientes e os elos entre eles: o que se desfaz para recomeçar.
 *
 * @module
 */

import { textoDoErro } from "../../lib/texto.ts";
import { ClienteDoPainel } from "./clientes.ts";
import { Elos } from "./elos.ts";
import type { Noticia } from "./noticias.ts";
import { lerPasta, Processo } from "./palco.ts";
import { Projecao } from "./projecao.ts";
import type { FotoDoCliente, FotoDoServidor, Quem } from "./tipos.ts";

/** Os servidores, o líder primeiro, com as portas do enunciado. */
export const SERVIDORES = [
  { quem: "s1", nome: "Servidor 1", porta: 10097 },
  { quem: "s2", nome: "Servidor 2", porta: 10098 },
  { quem: "s3", nome: "Servidor 3", porta: 10099 },
] as const;

/** Os clientes. */
export const CLIENTES = [
  { quem: "x", nome: "Cliente X" },
  { quem: "y", nome: "Cliente Y" },
] as const;

/** O servidor que lidera. */
export const LIDER: Quem = SERVIDORES[0].quem;

/** O que uma montagem conta, e o que lhe vem de fora. */
export interface AvisosDaMontagem {
  agora(): number;
  /** O número da próxima mensagem. */
  numerar(): number;
  /** Aconteceu isto, e a projeção já o sabe. */
  contar(noticia: Noticia): void;
  linha(quem: Quem, texto: string, erro: boolean): void;
  /** Um cliente tem outra coisa a dizer, ou mudou outra coisa que não são mensagens. */
  mudou(): void;
}

/** Um servidor: as suas portas, e o processo, se há um. */
interface Lugar {
  readonly porta: number;
  /** Por onde alcança o líder, e por onde este o alcança. */
  lider: number;
  anuncio: number | undefined;
  readonly pasta: string;
  processo: Processo | undefined;
  /** Se o processo guarda na pasta. */
  dados: boolean;
}

/** Três servidores, dois clientes e os seus elos. */
export class Montagem implements AsyncDisposable {
  readonly elos: Elos;
  readonly projecao = new Projecao();
  readonly #avisos: AvisosDaMontagem;
  readonly #pasta: string;
  readonly #lugares = new Map<Quem, Lugar>();
  readonly #clientes = new Map<Quem, ClienteDoPainel>();

  /** @param portas As dos servidores, pela ordem deles. */
  constructor(avisos: AvisosDaMontagem, portas: readonly number[]) {
    this.#avisos = avisos;
    this.#pasta = Deno.makeTempDirSync({ prefix: "painel-" });
    const { agora, numerar } = avisos;
    this.elos = new Elos(agora, numerar, (noticia) => this.#contar(noticia));
    for (const [n, { quem }] of SERVIDORES.entries()) {
      const porta = portas[n]!;
      const pasta = `${this.#pasta}/${quem}`;
      const lugar = { porta, pasta, lider: porta, anuncio: undefined, processo: undefined };
      this.#lugares.set(quem, { ...lugar, dados: false });
      this.projecao.conhecer(quem, quem === LIDER);
    }
    const doLider = this.#lugar(LIDER).porta;
    for (const [quem, lugar] of this.#lugares) {
      if (quem === LIDER) continue;
      lugar.anuncio = this.elos.abrir(LIDER, quem, lugar.porta);
      lugar.lider = this.elos.abrir(quem, LIDER, doLider);
    }
    for (const { quem } of CLIENTES) {
      const alcances = [...this.#lugares].map(([servidor, { porta }]) => ({
        porta: this.elos.abrir(quem, servidor, porta),
        endereco: `127.0.0.1:${porta}`,
      }));
      this.#clientes.set(quem, new ClienteDoPainel(alcances));
    }
  }

  /** Os servidores como estão. */
  get servidores(): FotoDoServidor[] {
    return SERVIDORES.map(({ quem, nome }) => ({
      quem,
      nome,
      endereco: this.endereco(quem),
      atraso: this.elos.atrasos.get(quem) ?? 0,
      ...this.projecao.servidor(quem),
    }));
  }

  /** Os clientes como estão. */
  get clientes(): FotoDoCliente[] {
    return CLIENTES.map(({ quem, nome }) => ({
      quem,
      nome,
      timestamps: this.projecao.timestamps(quem),
      situacao: this.#clientes.get(quem)!.situacao(this.#oQueFalta()),
    }));
  }

  /** O que falta para que um PUT ande; vazio, nada. */
  #oQueFalta(): string {
    const nomes = (quais: readonly { nome: string }[]) =>
      quais.map(({ nome }) => nome).join(" e o ");
    const mortos = SERVIDORES.filter(({ quem }) => !this.vivo(quem));
    if (mortos.length > 0) return `falta o ${nomes(mortos)}`;
    const atras = SERVIDORES.filter(({ quem }) => !this.projecao.servidor(quem).emDia);
    return atras.length > 0 ? `falta pôr em dia o ${nomes(atras)}` : "";
  }

  /** Onde um servidor atende, `IP:PORTA`. @throws {TypeError} se não existe. */
  endereco(quem: Quem): string {
    return `127.0.0.1:${this.#lugar(quem).porta}`;
  }

  vivo(quem: Quem): boolean {
    return this.#lugar(quem).processo !== undefined;
  }

  /** Se está tudo vivo e em dia. */
  get emDia(): boolean {
    return SERVIDORES.every(({ quem }) => this.projecao.servidor(quem).emDia);
  }

  /** Começa um servidor parado, e espera que atenda. */
  async iniciar(quem: Quem, dados: boolean): Promise<void> {
    const lugar = this.#lugar(quem);
    if (lugar.processo) throw new Error(`${quem} já está a correr`);
    const tabela = dados ? lerPasta(lugar.pasta) : [];
    const pasta = dados ? lugar.pasta : undefined;
    const processo = new Processo({ ...lugar, pasta }, {
      linha: (texto, erro) => this.#avisos.linha(quem, texto, erro),
      acabou: () => this.#acabou(quem, processo),
    });
    lugar.processo = processo;
    lugar.dados = dados;
    this.#contar({ tipo: "iniciou", quando: this.#avisos.agora(), quem, tabela });
    // O líder disca de volta a quem se lhe apresenta: só quem já atende o faz.
    this.elos.atende(quem, [LIDER]);
    await processo.pronto();
    if (lugar.processo === processo) this.elos.atende(quem, "todos");
  }

  /** SIGKILL a um servidor. */
  async matar(quem: Quem): Promise<void> {
    const { processo } = this.#lugar(quem);
    if (!processo) throw new Error(`${quem} já está parado`);
    await processo.matar();
  }

  /** Pede, por um cliente, a um servidor escolhido ou sorteado; não espera pela resposta. */
  pedir(cliente: Quem, key: string, value: string | undefined, servidor: Quem | undefined): void {
    const quem = this.#clientes.get(cliente);
    if (!quem) throw new TypeError(`Não há cliente "${cliente}"`);
    let qual: number | undefined;
    try {
      qual = servidor === undefined ? undefined : this.#alcancar(cliente, servidor);
    } catch (erro) {
      quem.recusar(textoDoErro(erro));
      this.#avisos.mudou();
      throw erro;
    }
    const resposta = value === undefined ? quem.get(key, qual) : quem.put(key, value, qual);
    this.#avisos.mudou();
    resposta.then(() => this.#avisos.mudou());
  }

  /** Se um cliente ainda espera por uma resposta, ou ainda a está a ler. */
  ocupado(cliente: Quem): boolean {
    return (this.#clientes.get(cliente)?.emCurso ?? 0) > 0;
  }

  /** Pedidos dos clientes à espera de resposta. */
  get emCurso(): number {
    return [...this.#clientes.values()].reduce((soma, { emCurso }) => soma + emCurso, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#lugares.values()].map(({ processo }) => processo?.matar()));
    await this.elos[Symbol.asyncDispose]();
    await Promise.all([...this.#clientes.values()].map((um) => um[Symbol.asyncDispose]()));
    await Deno.remove(this.#pasta, { recursive: true });
  }

  #lugar(quem: Quem): Lugar {
    const lugar = this.#lugares.get(quem);
    if (!lugar) throw new TypeError(`Não há servidor "${quem}"`);
    return lugar;
  }

  /** O número de um servidor, se um cliente o alcança. */
  #alcancar(cliente: Quem, servidor: Quem): number {
    if (!this.elos.alcanca(cliente, servidor)) {
      const { nome } = SERVIDORES.find(({ quem }) => quem === servidor)!;
      throw new Error(`o ${nome} não responde: está morto, ou o elo com ele está cortado`);
    }
    return [...this.#lugares.keys()].indexOf(servidor);
  }

  /** Um processo acabou, por si ou morto: do que tinha, fica o que está em disco. */
  #acabou(quem: Quem, processo: Processo): void {
    const lugar = this.#lugar(quem);
    if (lugar.processo !== processo) return;
    lugar.processo = undefined;
    this.elos.atende(quem, []);
    const tabela = lugar.dados ? lerPasta(lugar.pasta) : [];
    this.#contar({ tipo: "morreu", quando: this.#avisos.agora(), quem, tabela });
  }

  #contar(noticia: Noticia): void {
    this.projecao.receber(noticia);
    this.#avisos.contar(noticia);
  }
}
