/**
 * O que cada servidor tem e cada cliente viu, a partir só das mensagens que passaram e de quem
 * começou e morreu: o mesmo para uma corrida viva, uma vista pelos seus rastros e uma gravada.
 *
 * Uma REPLICATION (ou uma ENTRY) conta como estando na tabela de um seguidor quando sai o
 * REPLICATION_OK dela, ou um GET_OK a mostra; no líder, quando ele a manda, que é logo depois de a
 * inserir. Está confirmada quando todos a confirmaram ao líder, ou dele sai o PUT_OK.
 *
 * @module
 */

import type { Conteudo } from "../../ferramentas/diagrama/setas.ts";
import { LISTA_MAX, type Tabela, TabelaVista } from "./tabela_vista.ts";
import type { Noticia } from "./noticias.ts";
import type { Quem } from "./tipos.ts";

/** Um servidor, como se sabe dele. */
interface Servidor {
  vivo: boolean;
  lider: boolean;
  /** As conexões por que o líder o pôs em dia; nenhuma, não está. */
  emDia: readonly Ligacao[];
  /** A última conexão por que recebeu um SYNC. */
  sincronizado: Ligacao | undefined;
  tabela: TabelaVista;
  /** As REPLICATIONs e ENTRYs que chegaram e de que ainda não saiu o REPLICATION_OK. */
  chegadas: Versao[];
  /** Até que timestamp o líder sabe que ele confirmou. */
  confirmado: number;
}

type Ligacao = number | string;
type Saida = Extract<Noticia, { tipo: "saiu" }>;

/** O que uma mensagem leva de uma key. */
interface Versao {
  readonly key: string;
  readonly value: string;
  readonly timestamp: number;
}

/** O que se sabe de um servidor, para quem o mostra. */
export interface ServidorVisto extends Tabela {
  readonly vivo: boolean;
  readonly lider: boolean;
  readonly emDia: boolean;
}

/** O que se sabe de uma corrida. */
export class Projecao {
  readonly #servidores = new Map<Quem, Servidor>();
  /** O maior timestamp que cada cliente viu de cada key. */
  readonly #clientes = new Map<Quem, Map<string, number>>();
  /** As mensagens a caminho. */
  readonly #aCaminho = new Map<number, Saida>();

  /** Um servidor de que se sabe que existe. */
  conhecer(quem: Quem, lider: boolean): void {
    this.#servidor(quem).lider = lider;
  }

  /** Toma conta do que aconteceu. */
  receber(noticia: Noticia): void {
    switch (noticia.tipo) {
      case "saiu":
        this.#aCaminho.set(noticia.id, noticia);
        return this.#sair(noticia);
      case "chegou": {
        const saida = this.#aCaminho.get(noticia.id);
        this.#aCaminho.delete(noticia.id);
        return saida && this.#chegar(saida);
      }
      case "perdeu-se":
        return void this.#aCaminho.delete(noticia.id);
      case "fechou":
        return this.#fechar(noticia.ligacao);
      case "iniciou":
      case "morreu":
        return this.#recomecar(noticia);
    }
  }

  /** Como está um servidor. */
  servidor(quem: Quem): ServidorVisto {
    const { vivo, lider, emDia, tabela } = this.#servidor(quem);
    return { vivo, lider, emDia: vivo && emDia.length > 0, ...tabela.ver() };
  }

  /** O que um cliente viu, o mais novo primeiro. */
  timestamps(cliente: Quem): readonly { key: string; timestamp: number }[] {
    const vistos = [...this.#clientes.get(cliente) ?? []].slice(-LISTA_MAX).reverse();
    return vistos.map(([key, timestamp]) => ({ key, timestamp }));
  }

  #servidor(quem: Quem): Servidor {
    let servidor = this.#servidores.get(quem);
    if (!servidor) {
      servidor = {
        vivo: false,
        lider: false,
        emDia: [],
        sincronizado: undefined,
        tabela: new TabelaVista(),
        chegadas: [],
        confirmado: 0,
      };
      this.#servidores.set(quem, servidor);
    }
    return servidor;
  }

  /** Começou ou morreu: tem o que está em disco, e nada mais. */
  #recomecar({ tipo, quem, tabela }: Extract<Noticia, { tipo: "iniciou" | "morreu" }>): void {
    const servidor = this.#servidor(quem);
    const confirmadas = servidor.tabela;
    servidor.vivo = tipo === "iniciou";
    servidor.emDia = [];
    servidor.chegadas = [];
    servidor.confirmado = 0;
    servidor.tabela = new TabelaVista();
    for (const versao of tabela) {
      servidor.tabela.por(versao, confirmadas.confirmada(versao.key, versao.timestamp));
    }
    if (servidor.lider) { for (const outro of this.#servidores.values()) outro.emDia = []; }
  }

  #fechar(ligacao: Ligacao): void {
    for (const servidor of this.#servidores.values()) {
      if (servidor.emDia.includes(ligacao)) servidor.emDia = [];
    }
  }

  /** O que uma mensagem diz de quem a manda. */
  #sair({ de, para, mensagem, ligacao }: Saida): void {
    const { tipo } = mensagem;
    switch (tipo) {
      case "REPLICATION":
      case "ENTRY": {
        const versao = versaoDe(mensagem);
        const servidor = this.#servidor(de);
        if (tipo === "REPLICATION") this.#lidera(servidor);
        return versao && servidor.tabela.por(versao, false);
      }
      case "REPLICATION_OK":
        return this.#aplicar(this.#servidor(de), Number(mensagem.timestamp));
      case "PUT_OK":
        // O seguidor que encaminhou o PUT repete o que o líder já tinha dito.
        if (this.#servidor(de).lider) this.#confirmar(Number(mensagem.timestamp));
        return;
      case "GET_OK": {
        const versao = versaoDe(mensagem);
        return versao && this.#servidor(de).tabela.por(versao, false);
      }
      // Quem voltou vazio, ou com menos, di-lo: o seguidor ao líder, e o líder ao buscar o que falta.
      case "FETCH":
      case "LEADER_OK":
        return this.#servidor(de).tabela.cortarDepoisDe(Number(mensagem.timestamp));
      case "JOIN":
        this.#servidor(de).emDia = [];
        return;
      case "LEADER":
        return this.#lidera(this.#servidor(de));
      case "JOIN_OK":
        return this.#porEmDia(de, para, ligacao);
    }
  }

  /** O que uma mensagem muda em quem a recebe. */
  #chegar({ de, para, mensagem, ligacao }: Saida): void {
    switch (mensagem.tipo) {
      case "REPLICATION":
      case "ENTRY": {
        const versao = versaoDe(mensagem);
        const servidor = this.#servidor(para);
        if (!versao) return;
        // O líder, que busca o que os outros têm, toma-o já; um seguidor di-lo ao confirmar.
        if (servidor.lider) {
          const { tabela } = this.#servidor(de);
          servidor.tabela.por(versao, tabela.confirmada(versao.key, versao.timestamp));
        } else servidor.chegadas.push(versao);
        return;
      }
      case "SYNC": {
        const servidor = this.#servidor(para);
        servidor.sincronizado = ligacao;
        if (mensagem.descartar !== undefined) servidor.tabela = new TabelaVista();
        return;
      }
      case "LEADER":
        this.#servidor(para).chegadas = [];
        return;
      case "REPLICATION_OK":
      case "SYNC_OK": {
        const servidor = this.#servidor(de);
        servidor.confirmado = Math.max(servidor.confirmado, Number(mensagem.timestamp));
        return mensagem.tipo === "REPLICATION_OK" ? this.#contar() : undefined;
      }
      case "PUT_OK":
      case "GET_OK":
        return this.#ver(para, String(mensagem.key), Number(mensagem.timestamp));
    }
  }

  /** Um cliente viu um timestamp; um servidor, que recebe o PUT_OK do líder, não é um. */
  #ver(cliente: Quem, key: string, timestamp: number): void {
    if (this.#servidores.has(cliente)) return;
    const vistos = this.#clientes.get(cliente) ?? new Map<string, number>();
    this.#clientes.set(cliente, vistos);
    if (timestamp <= (vistos.get(key) ?? 0)) return;
    vistos.delete(key);
    vistos.set(key, timestamp);
  }

  #lidera(servidor: Servidor): void {
    if (servidor.lider) return;
    for (const outro of this.#servidores.values()) outro.lider = false;
    servidor.lider = true;
  }

  /** Um seguidor confirma tudo o que lhe chegou até um timestamp. */
  #aplicar(servidor: Servidor, ate: number): void {
    const lider = [...this.#servidores.values()].find((um) => um.lider);
    let n = servidor.chegadas.findIndex(({ timestamp }) => timestamp > ate);
    if (n < 0) n = servidor.chegadas.length;
    for (const versao of servidor.chegadas.splice(0, n)) {
      const confirmada = lider?.tabela.confirmada(versao.key, versao.timestamp) ?? false;
      servidor.tabela.por(versao, confirmada);
    }
  }

  /** O líder pôs um seguidor em dia; com todos em dia, o que há está em todos. */
  #porEmDia(lider: Quem, seguidor: Quem, ligacao: Ligacao): void {
    const { sincronizado } = this.#servidor(seguidor);
    this.#lidera(this.#servidor(lider));
    const ligacoes = sincronizado === undefined ? [ligacao] : [ligacao, sincronizado];
    this.#servidor(seguidor).emDia = ligacoes;
    if (this.#seguidoresEmDia().length < this.#servidores.size - 1) return;
    this.#servidor(lider).emDia = ["lidera"];
    this.#contar();
  }

  #seguidoresEmDia(): Servidor[] {
    return [...this.#servidores.values()].filter(({ lider, emDia }) => !lider && emDia.length > 0);
  }

  /** O que todos já confirmaram ao líder. */
  #contar(): void {
    const emDia = this.#seguidoresEmDia();
    if (emDia.length < this.#servidores.size - 1) return;
    this.#confirmar(Math.min(...emDia.map(({ confirmado }) => confirmado)));
  }

  #confirmar(ate: number): void {
    for (const { tabela } of this.#servidores.values()) tabela.confirmar(ate);
  }
}

/** A versão que uma mensagem leva, se leva uma. */
function versaoDe({ key, value, timestamp }: Conteudo): Versao | undefined {
  return typeof key === "string" && typeof value === "string" && typeof timestamp === "number"
    ? { key, value, timestamp }
    : undefined;
}
