/**
 * De rastros que crescem às notícias: cada mensagem sai logo que se vê que foi enviada, e chega
 * quando se vê que foi recebida, ainda que se leia primeiro o rastro de quem a recebeu.
 *
 * @module
 */

import { acharPares, type Evento, type Par } from "../../ferramentas/diagrama/setas.ts";
import { ehCalada, mostravel, type Noticia } from "./noticias.ts";
import type { Quem } from "./tipos.ts";

/** Quanto se espera pelo rastro do outro lado, em milissegundos; depois, conta o que se sabe. */
const OUTRO_LADO_MS = 1_000;

/** Quanto se espera que chegue uma mensagem a quem também escreve um rastro; depois, perdeu-se. */
const PERDIDA_MS = 60_000;

/** Eventos à espera do seu par; além, os mais antigos deixam de esperar. */
const ESPERA_MAX = 20_000;

/** Acha os pares à medida que os eventos se leem. */
export class Pareador {
  readonly #inicio: number;
  /** Os que ainda não têm par, por ordem. */
  #esperam: Evento[] = [];
  /** De quem é cada ponta de uma conexão. */
  readonly #donos = new Map<string, Quem>();
  /** As mensagens que já se disse que saíram, e ainda não que chegaram. */
  readonly #saidas = new Map<Evento, number>();
  #mensagens = 0;

  /** @param inicio A hora, desde 1970, de que se contam as das notícias. */
  constructor(inicio: number) {
    this.#inicio = inicio;
  }

  /** As notícias que estes eventos dão, por ordem; `agora` é a hora desde 1970. */
  receber(eventos: readonly Evento[], agora: number): Noticia[] {
    for (const { local, quem } of eventos) this.#donos.set(local, quem);
    const novos = eventos.filter(({ mensagem }) => !ehCalada(mensagem));
    const todos = [...this.#esperam, ...novos].slice(-ESPERA_MAX);
    const restam = new Set<Evento>();
    const noticias = acharPares(todos).flatMap((par) => this.#contar(par, agora, restam));
    this.#esperam = todos.filter((evento) => restam.has(evento));
    return noticias.sort((a, b) => a.quando - b.quando);
  }

  #contar(par: Par, agora: number, restam: Set<Evento>): Noticia[] {
    const { enviado, recebido } = par;
    if (enviado && recebido) {
      const quando = Math.max(enviado.quando, recebido.quando);
      return [...this.#sair(par, enviado, quando), this.#acabar("chegou", enviado, quando)];
    }
    const um = (enviado ?? recebido)!;
    const idade = agora - um.quando;
    if (recebido) {
      if (idade > OUTRO_LADO_MS) {
        return [
          ...this.#sair(par, recebido, recebido.quando),
          this.#acabar("chegou", recebido, recebido.quando),
        ];
      }
      restam.add(recebido);
      return [];
    }
    const alheio = !this.#donos.has(um.remoto);
    const saida = this.#sair(par, um, undefined);
    if (idade > PERDIDA_MS || (alheio && idade > OUTRO_LADO_MS)) {
      const quando = alheio ? um.quando : agora;
      return [...saida, this.#acabar(alheio ? "chegou" : "perdeu-se", um, quando)];
    }
    restam.add(um);
    return saida;
  }

  /** Diz que uma mensagem saiu, se ainda não se disse. */
  #sair({ fio }: Par, evento: Evento, chegada: number | undefined): Noticia[] {
    if (this.#saidas.has(evento)) return [];
    const id = ++this.#mensagens;
    this.#saidas.set(evento, id);
    const [origem, destino] = fio.split(" → ") as [string, string];
    return [{
      tipo: "saiu",
      quando: evento.quando - this.#inicio,
      id,
      de: this.#donos.get(origem) ?? origem,
      para: this.#donos.get(destino) ?? destino,
      mensagem: mostravel(evento.mensagem),
      chega: chegada === undefined ? undefined : chegada - this.#inicio,
      ligacao: fio,
    }];
  }

  #acabar(tipo: "chegou" | "perdeu-se", evento: Evento, quando: number): Noticia {
    const id = this.#saidas.get(evento)!;
    this.#saidas.delete(evento);
    return { tipo, quando: quando - this.#inicio, id };
  }
}
