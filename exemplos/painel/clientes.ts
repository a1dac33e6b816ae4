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

/** Um cliente, e a última coisa que tem a dizer. */
export class ClienteDoPainel implements AsyncDisposable {
  /** O último resultado, como a console o diria, ou o pedido que espera. */
  situacao = "Ainda não pediu nada";
  /** Pedidos à espera de resposta. */
  emCurso = 0;
  readonly #servidores: readonly Alcance[];
  readonly #cliente: Cliente;
  /** O servidor escolhido para o pedido que se está a fazer; nenhum, sorteia-se. */
  #escolhas: number[] = [];

  constructor(servidores: readonly Alcance[]) {
    this.#servidores = servidores;
    // Só o sorteio se troca: a primeira volta dele põe o escolhido à frente dos outros.
    const acaso = () => this.#escolhas.shift() ?? MUNDO.acaso();
    this.#cliente = new Cliente(
      servidores.map(({ porta }) => ({ ip: "127.0.0.1", porta })),
      { prazo: PRAZO_MS, repetir: false },
      { ...MUNDO, acaso },
    );
  }

  /**
   * Um PUT; a resposta, ou a falha, fica em `situacao`.
   *
   * @param servidor O escolhido, pela ordem deles; sem, um sorteado.
   */
  async put(key: string, value: string, servidor?: number): Promise<void> {
    this.situacao = `PUT key: ${visivel(key)} value: ${visivel(value)}: à espera da resposta`;
    try {
      const { timestamp, servidor: quem } = await this.#escolher(
        servidor,
        () => this.#cliente.put(key, value),
      );
      this.situacao = `PUT_OK key: ${visivel(key)} value ${visivel(value)} ` +
        `timestamp ${timestamp} realizada no servidor ${this.#nome(quem)}`;
    } catch (erro) {
      const certeza = falhaDefinitiva(erro)
        ? "(o PUT não aconteceu)"
        : "(o PUT pode ter acontecido)";
      this.situacao = `ERRO: ${this.#trocar(textoDoErro(erro))} ${certeza}`;
    }
  }

  /** Um GET, como {@linkcode put}. */
  async get(key: string, servidor?: number): Promise<void> {
    this.situacao = `GET key: ${visivel(key)}: à espera da resposta`;
    try {
      const resposta = await this.#escolher(servidor, () => this.#cliente.get(key));
      const value = resposta.tipo === "GET_OK" ? resposta.value ?? "NULL" : resposta.tipo;
      this.situacao = `GET key: ${visivel(key)} value: ${visivel(value)} obtido do servidor ` +
        `${this.#nome(resposta.servidor)}, meu timestamp ${resposta.meuTimestamp} ` +
        `e do servidor ${resposta.timestamp}`;
    } catch (erro) {
      this.situacao = `ERRO: ${this.#trocar(textoDoErro(erro))}`;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#cliente.fechar();
  }

  /** Faz um pedido; o sorteio dele, que é logo, dá o servidor escolhido. */
  async #escolher<T>(servidor: number | undefined, pedir: () => Promise<T>): Promise<T> {
    if (servidor !== undefined) this.#escolhas = sorteioDe(servidor, this.#servidores.length);
    this.emCurso++;
    try {
      const resposta = pedir();
      this.#escolhas = [];
      return await resposta;
    } finally {
      this.emCurso--;
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

/**
 * O acaso que, numa troca de Fisher-Yates do fim para o princípio, põe um item em primeiro e deixa
 * os outros como estavam.
 */
function sorteioDe(item: number, quantos: number): number[] {
  const acasos: number[] = [];
  for (let i = quantos - 1; i > 0; i--) acasos.push(((i === item ? 0 : i) + 0.5) / (i + 1));
  return acasos;
}
