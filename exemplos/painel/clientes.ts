/**
 * Os clientes da corrida: cada um é um {@linkcode Cliente} do próprio projeto, que sorteia o servidor
 * como o enunciado diz, a não ser que se lhe diga qual.
 *
 * @module
 */

import { Cliente } from "../../cliente.ts";
import { falhaDefinitiva } from "../../lib/pedidos.ts";
import { textoDoErro, visivel } from "../../lib/texto.ts";
import { MUNDO } from "../../mensagem.ts";
import { PRAZO_MS } from "./palco.ts";

/** Um servidor, como um cliente o alcança e como se lhe chama. */
export interface Alcance {
  /** Onde o cliente disca: o retransmissor dele. */
  readonly porta: number;
  /** Onde o servidor atende de verdade, `IP:PORTA`. */
  readonly endereco: string;
}

/** O que se diz de um cliente acabado de começar. */
const NADA = "Ainda não pediu nada";

/** Um cliente, e a última coisa que tem a dizer. */
export class ClienteDoPainel implements AsyncDisposable {
  /** O último resultado, como a console o diria, ou o pedido que espera. */
  #ultimo: string = NADA;
  /** Os pedidos à espera de resposta, como se dizem. */
  readonly #aEspera = new Set<{ readonly pedido: string }>();
  readonly #servidores: readonly Alcance[];
  readonly #cliente: Cliente;
  /** O servidor escolhido para o pedido que se está a fazer; nenhum, sorteia-se. */
  #escolhido: number | undefined;

  constructor(servidores: readonly Alcance[]) {
    this.#servidores = servidores;
    // Só o sorteio se troca: enquanto se faz um pedido, é o número que tira o escolhido de todos.
    const acaso = () =>
      this.#escolhido === undefined ? MUNDO.acaso() : (this.#escolhido + 0.5) / servidores.length;
    this.#cliente = new Cliente(
      servidores.map(({ porta }) => ({ ip: "127.0.0.1", porta })),
      { prazo: PRAZO_MS, repetir: false },
      { ...MUNDO, acaso },
    );
  }

  /** Pedidos à espera de resposta. */
  get emCurso(): number {
    return this.#aEspera.size;
  }

  /**
   * O que espera, e o último resultado, como a console o diria.
   *
   * @param falta O que falta para que um PUT ande; vazio, nada.
   */
  situacao(falta: string): string {
    const porque = falta === "" ? "" : ` (${falta})`;
    const aEspera = [...this.#aEspera].map(({ pedido }) =>
      `${pedido}: à espera da resposta${pedido.startsWith("PUT") ? porque : ""}`
    );
    const outros = aEspera.length > 2 ? [`e mais ${aEspera.length - 2} à espera`] : [];
    const ultimo = aEspera.length > 0 && this.#ultimo === NADA ? [] : [this.#ultimo];
    return [...aEspera.slice(0, 2), ...outros, ...ultimo].join(" · ");
  }

  /**
   * Um PUT; a resposta, ou a falha, fica em {@linkcode situacao}.
   *
   * @param servidor O escolhido, pela ordem deles; sem, um sorteado.
   */
  async put(key: string, value: string, servidor?: number): Promise<void> {
    const pedido = `PUT key: ${visivel(key)} value: ${visivel(value)}`;
    try {
      const { timestamp, servidor: quem } = await this.#escolher(
        pedido,
        servidor,
        () => this.#cliente.put(key, value),
      );
      this.#ultimo = `PUT_OK key: ${visivel(key)} value ${visivel(value)} ` +
        `timestamp ${timestamp} realizada no servidor ${this.#nome(quem)}`;
    } catch (erro) {
      const certeza = falhaDefinitiva(erro)
        ? "(o PUT não aconteceu)"
        : "(o PUT pode ter acontecido)";
      this.#ultimo = `ERRO: ${this.#trocar(textoDoErro(erro))} ${certeza}`;
    }
  }

  /** Um GET, como {@linkcode put}. */
  async get(key: string, servidor?: number): Promise<void> {
    try {
      const resposta = await this.#escolher(
        `GET key: ${visivel(key)}`,
        servidor,
        () => this.#cliente.get(key),
      );
      const value = resposta.tipo === "GET_OK" ? resposta.value ?? "NULL" : resposta.tipo;
      this.#ultimo = `GET key: ${visivel(key)} value: ${visivel(value)} obtido do servidor ` +
        `${this.#nome(resposta.servidor)}, meu timestamp ${resposta.meuTimestamp} ` +
        `e do servidor ${resposta.timestamp}`;
    } catch (erro) {
      this.#ultimo = `ERRO: ${this.#trocar(textoDoErro(erro))}`;
    }
  }

  /** Um pedido que não se chegou a fazer. */
  recusar(erro: string): void {
    this.#ultimo = `ERRO: ${erro}`;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#cliente.fechar();
  }

  /** Faz um pedido; o sorteio dele, que é logo, dá o servidor escolhido. */
  async #escolher<T>(
    pedido: string,
    servidor: number | undefined,
    pedir: () => Promise<T>,
  ): Promise<T> {
    this.#escolhido = servidor;
    const espera = { pedido };
    this.#aEspera.add(espera);
    try {
      const resposta = pedir();
      this.#escolhido = undefined;
      return await resposta;
    } finally {
      this.#aEspera.delete(espera);
    }
  }

  #nome(alcance: string): string {
    return this.#servidores.find(({ porta }) => `127.0.0.1:${porta}` === alcance)?.endereco ??
      alcance;
  }

  /** O texto com o endereço de cada servidor no lugar do seu retransmissor. */
  #trocar(texto: string): string {
    return this.#servidores.reduce(
      (feito, { porta, endereco }) => feito.replaceAll(`127.0.0.1:${porta}`, endereco),
      texto,
    );
  }
}
