/**
 * Um mundo de mentira, inteiro num processo e sem tempo de verdade: máquinas com nome, uma rede
 * que se pode cortar, um relógio que só anda quando nada mais há a fazer, e um acaso que se
 * repete com a semente. Três servidores não sabem que não é o verdadeiro.
 *
 * @module
 */

import { xoroshiro128plus } from "npm:pure-rand@8.4.2/generator/xoroshiro128plus";
import { uniformInt } from "npm:pure-rand@8.4.2/distribution/uniformInt";
import type { Canal, Ouvinte } from "../lib/canal.ts";
import type { Porta } from "../lib/chamadas.ts";
import { type Endereco, textoDoEndereco } from "../lib/endereco.ts";
import { falha } from "../lib/pedidos.ts";
import { type MundoDoServidor, type OutraThread, Servidor } from "../servidor.ts";

/** Quanto um pedaço leva de uma máquina a outra, em milissegundos do relógio de mentira. */
const VIAGEM_MS = 1;

/** Um temporizador por disparar. */
interface Marca {
  readonly quando: number;
  readonly n: number;
  readonly fazer: () => void;
}

/** Bytes num sentido: o que já chegou, e quem espera por mais. */
class Tubo {
  readonly #chegados: Uint8Array[] = [];
  #fim: "aberto" | "acabou" | "cortado" = "aberto";
  #aoChegar: (() => void)[] = [];

  chegar(bytes: Uint8Array): void {
    this.#chegados.push(bytes);
    this.#acordar();
  }

  #acordar(): void {
    for (const acordar of this.#aoChegar.splice(0)) acordar();
  }

  acabar(fim: "acabou" | "cortado"): void {
    if (this.#fim === "aberto") this.#fim = fim;
    this.#acordar();
  }

  async ler(buffer: Uint8Array): Promise<number | null> {
    while (this.#chegados.length === 0) {
      if (this.#fim === "cortado") throw new Deno.errors.ConnectionReset("cortada");
      if (this.#fim === "acabou") return null;
      await new Promise<void>((resolver) => this.#aoChegar.push(resolver));
    }
    const [primeiro] = this.#chegados;
    const n = Math.min(buffer.length, primeiro!.length);
    buffer.set(primeiro!.subarray(0, n));
    if (n === primeiro!.length) this.#chegados.shift();
    else this.#chegados[0] = primeiro!.subarray(n);
    return n;
  }
}

const semDisco: MundoDoServidor["abrirDisco"] = () =>
  Promise.reject(new Error("Este mundo não tem disco"));

/** Uma conexão entre duas máquinas. */
interface Ligacao {
  readonly maquinas: readonly string[];
  cortar(): void;
}

/** O mundo de mentira. */
export class Mundo {
  readonly #gerador;
  readonly #marcas: Marca[] = [];
  readonly #ouvintes = new Map<string, (canal: Canal) => void>();
  readonly #ligacoes = new Set<Ligacao>();
  readonly #isoladas = new Set<string>();
  #agora = 0;
  #n = 0;
  #porta = 40_000;

  constructor(semente: number) {
    this.#gerador = xoroshiro128plus(semente);
  }

  /** O relógio, em milissegundos. */
  get agora(): number {
    return this.#agora;
  }

  /** Faz o mundo andar até a condição valer; falha se o relógio passa de `ate`. */
  async correr(condicao: () => boolean, ate: number): Promise<void> {
    for (;;) {
      // Uma volta do laço de eventos: cumpre todas as promessas que já o podiam ser.
      await new Promise((resolver) => setImmediate(resolver));
      if (condicao()) return;
      this.#marcas.sort((a, b) => a.quando - b.quando || a.n - b.n);
      const marca = this.#marcas.shift();
      if (!marca || marca.quando > ate) throw new Error(`Nada aconteceu até ${ate} ms`);
      this.#agora = Math.max(this.#agora, marca.quando);
      marca.fazer();
    }
  }

  /** Espera uma promessa, com o mundo a andar. */
  async esperar<T>(promessa: Promise<T>, ms: number): Promise<T> {
    let acabou = false;
    promessa.finally(() => acabou = true).catch(() => {});
    await this.correr(() => acabou, this.#agora + ms);
    return await promessa;
  }

  /** Corta tudo o que liga uma máquina às outras, e não deixa ligar de novo. */
  isolar(ip: string): void {
    this.#isoladas.add(ip);
    for (const ligacao of this.#ligacoes) if (ligacao.maquinas.includes(ip)) ligacao.cortar();
  }

  /** Corta só as conexões que uma máquina discou para outra; podem ligar-se de novo. */
  cortar(de: string, para: string): void {
    for (const ligacao of this.#ligacoes) {
      if (ligacao.maquinas[0] === de && ligacao.maquinas[1] === para) ligacao.cortar();
    }
  }

  /** Deixa passar um tempo, com o mundo a andar. */
  async passar(ms: number): Promise<void> {
    let passou = false;
    this.#depois(ms, () => passou = true);
    await this.correr(() => passou, this.#agora + ms);
  }

  /** A máquina volta à rede. */
  religar(ip: string): void {
    this.#isoladas.delete(ip);
  }

  /** O mundo como o vê quem está numa máquina. */
  maquina(ip: string, abrirDisco = semDisco): MundoDoServidor {
    const mundo: MundoDoServidor = {
      agora: () => this.#agora,
      depois: (ms, fazer) => this.#depois(ms, fazer),
      aSeguir: (fazer) => void this.#depois(0, fazer),
      acaso: () => uniformInt(this.#gerador, 0, 2 ** 30 - 1) / 2 ** 30,
      sigilo: () =>
        Array.from({ length: 64 }, () => uniformInt(this.#gerador, 0, 15).toString(16)).join(""),
      escutar: (endereco) => this.#escutar({ ...endereco, ip }),
      conectar: (endereco) => this.#conectar(ip, endereco),
      abrirThread: () => this.#abrirThread(mundo),
      abrirDisco,
    };
    return mundo;
  }

  #depois(ms: number, fazer: () => void): () => void {
    const marca = { quando: this.#agora + ms, n: this.#n++, fazer };
    this.#marcas.push(marca);
    return () => {
      const n = this.#marcas.indexOf(marca);
      if (n >= 0) this.#marcas.splice(n, 1);
    };
  }

  #escutar({ ip, porta }: Endereco): Ouvinte {
    const fila: Canal[] = [];
    let fechado = false;
    let aoChegar: (() => void) | undefined;
    const nome = textoDoEndereco({ ip, porta });
    this.#ouvintes.set(nome, (canal) => {
      fila.push(canal);
      aoChegar?.();
    });
    return {
      addr: { transport: "tcp", hostname: ip, port: porta },
      close: () => {
        fechado = true;
        this.#ouvintes.delete(nome);
        aoChegar?.();
      },
      async accept() {
        while (fila.length === 0) {
          if (fechado) throw new Deno.errors.BadResource("fechado");
          await new Promise<void>((resolver) => aoChegar = resolver);
        }
        return fila.shift()!;
      },
    };
  }

  #conectar(de: string, para: Endereco): Promise<Canal> {
    const aceitar = this.#ouvintes.get(textoDoEndereco(para));
    if (!aceitar || this.#isoladas.has(de) || this.#isoladas.has(para.ip)) {
      const motivo = `${textoDoEndereco(para)}: conexão recusada`;
      return Promise.reject(falha(motivo, { definitivo: true }));
    }
    const lados = [
      { transport: "tcp" as const, hostname: de, port: this.#porta++ },
      { transport: "tcp" as const, hostname: para.ip, port: para.porta },
    ] as const;
    const [ida, volta] = [new Tubo(), new Tubo()];
    const ligacao: Ligacao = {
      maquinas: [de, para.ip],
      cortar: () => {
        ida.acabar("cortado");
        volta.acabar("cortado");
        this.#ligacoes.delete(ligacao);
      },
    };
    this.#ligacoes.add(ligacao);
    const canal = (
      local: Deno.NetAddr,
      remoteAddr: Deno.NetAddr,
      sai: Tubo,
      entra: Tubo,
    ): Canal => ({
      localAddr: local,
      remoteAddr,
      read: (buffer) => entra.ler(buffer),
      write: (bytes) => {
        if (!this.#ligacoes.has(ligacao)) {
          return Promise.reject(new Deno.errors.BrokenPipe("cortada"));
        }
        const copia = bytes.slice();
        this.#depois(VIAGEM_MS, () => sai.chegar(copia));
        return Promise.resolve(bytes.length);
      },
      closeWrite: () => {
        this.#depois(VIAGEM_MS, () => sai.acabar("acabou"));
        return Promise.resolve();
      },
      close: () => {
        this.#ligacoes.delete(ligacao);
        entra.acabar("acabou");
        this.#depois(VIAGEM_MS, () => sai.acabar("acabou"));
      },
    });
    aceitar(canal(lados[1], lados[0], volta, ida));
    return Promise.resolve(canal(lados[0], lados[1], ida, volta));
  }

  /** A "outra thread" é o mesmo Replicador, ao lado; o que passa é copiado, e demora uma volta. */
  #abrirThread(mundo: MundoDoServidor): OutraThread {
    const passar = (para: () => Porta) => (mensagem: unknown) => {
      const copia = structuredClone(mensagem);
      queueMicrotask(() => para().onmessage?.({ data: copia }));
    };
    const deLa: Porta = { onmessage: null, postMessage: passar(() => daqui) };
    const daqui: OutraThread = {
      onmessage: null,
      onerror: null,
      postMessage: passar(() => deLa),
      terminate: () => deLa.onmessage = null,
    };
    new Servidor.Replicador(deLa, mundo);
    return daqui;
  }
}
