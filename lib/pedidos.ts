/**
 * Muitos pedidos em curso numa conexão que nós discamos: cada um leva um id, a resposta o
 * repete e acha quem espera num Map. Perdida a conexão, todos os que esperam falham na hora,
 * pelo mesmo motivo. (O desenho é o do cliente do NATS, core/src/muxsubscription.ts e
 * request.ts.)
 *
 * ```ts ignore
 * const elo = abrirElo<Conversa>(await Deno.connect({ port: 8000 }), "127.0.0.1:8000", {
 *   separador: new TextLineStream(),
 *   linhaBytesMax: 1024,
 *   ler: (linha, entregar) => entregar(JSON.parse(linha)),
 *   escrever: JSON.stringify,
 *   pulso: '{"vivo":true}',
 * });
 * const resposta = await elo.pedir({ pergunta: "que horas são?" }, 1000);
 * ```
 *
 * @module
 */

import type { Canal } from "./canal.ts";
import { abrirEntrada, type Entrada, type Separador } from "./entrada.ts";
import type { Rastro } from "./rastro.ts";
import { abrirSaida, type Saida } from "./saida.ts";
import { DE_VERDADE, ESPERA_MS_MAX, type Tempo } from "./tempo.ts";
import { textoDoErro } from "./texto.ts";

/** Intervalo entre pulsos, em milissegundos: os sinais de vida de uma ligação que deve durar. */
export const PULSO_MS = 1_000;

/** Pulsos sem um byte do outro lado até o dar por perdido. */
export const PULSOS_MUDOS_MAX = 4;

/** O `cause` dos erros de um pedido: se ele certamente não teve nem terá efeito. */
export interface Certeza {
  /** Se certamente não teve nem terá efeito; `false`, não se sabe. */
  readonly definitivo: boolean;
}

/** Um erro que diz se o pedido certamente não teve efeito. */
export function falha<C extends Certeza>(texto: string, cause: C): Error {
  return new Error(texto, { cause });
}

/** Se o erro garante que o pedido não teve efeito; na dúvida, não. */
export function falhaDefinitiva(erro: unknown): boolean {
  const causa = erro instanceof Error ? erro.cause as Certeza | undefined : undefined;
  return causa?.definitivo === true;
}

/** Uma conexão discada por nós, que leva mensagens `M`; ver {@linkcode abrirElo}. */
export interface Elo<M> {
  /** O outro lado, `IP:PORTA`. */
  readonly endereco: string;
  /** Se a conexão acabou, por um lado ou pelo outro. */
  readonly perdido: boolean;
  /**
   * Envia um pedido e espera a resposta. Falha se a conexão se perde ou o prazo (em
   * milissegundos; sem ele, não há) acaba, com `cause.definitivo` falso: o pedido pode
   * ter chegado.
   *
   * @param agora O que o relógio diz, de quem o acaba de consultar.
   */
  pedir(pedido: M, prazo?: number, agora?: number): Promise<M>;
  /** Envia uma linha, uma mensagem que não tem resposta própria. */
  enviar(linha: string): void;
  /** Passa a dar sinal de vida a cada pulso, e fecha a conexão quando o outro lado emudece. */
  vigiar(): void;
  /** Fecha a conexão; quem espera falha com este motivo. Fechar de novo nada faz. */
  fechar(motivo: string): void;
}

/** O que um {@linkcode Elo} avisa a quem o abriu. */
export interface AvisosDoElo<M> {
  /** A conexão acabou, por este motivo; uma vez só. */
  aoPerder?: ((motivo: string) => void) | undefined;
  /** Chegou uma mensagem sem id, que não responde a nenhum pedido. */
  aoReceber?: ((mensagem: M) => void) | undefined;
}

/** Como um {@linkcode Elo} lê e escreve mensagens. */
export interface OpcoesDoElo<M> extends AvisosDoElo<M> {
  /** Quem separa as linhas: um `TextLineStream`. */
  readonly separador: Separador;
  /** Bytes de uma linha do outro lado; além, a conexão se perde. */
  readonly linhaBytesMax: number;
  /** Entrega as mensagens de uma linha. @throws {Error} se não as há: a conexão se perde. */
  ler(linha: string, entregar: (mensagem: M) => void): void;
  /** A linha de uma mensagem. */
  escrever(mensagem: M): string;
  /** A linha de um sinal de vida. */
  readonly pulso: string;
  readonly tempo?: Tempo;
  /** Anota o que passa (nada). */
  readonly rastro?: Rastro | undefined;
}

/** O elo por uma conexão aberta; `nome` é o outro lado. */
export function abrirElo<M extends { readonly id?: number | undefined }>(
  canal: Canal,
  nome: string,
  opcoes: OpcoesDoElo<M>,
): Elo<M> {
  const { rastro, aoPerder, aoReceber, ler, escrever, pulso, tempo = DE_VERDADE } = opcoes;
  const espera = abrirEspera<M>(nome, tempo);
  let motivoDaPerda: string | undefined;
  let pararPulsos = () => {};
  const entrada = abrirEntrada(
    canal,
    opcoes.separador,
    () => opcoes.linhaBytesMax,
    { aoReceber: rastro?.("recebeu", canal) },
  );
  const saida = abrirSaida(canal, {
    aoEnviar: rastro?.("enviou", canal),
    aoFalhar: (erro) => perder(`Conexão perdida com ${nome}: ${textoDoErro(erro)}`),
    tempo,
  });
  saida.emLotes = true;

  function perder(motivo: string, definitivo = false) {
    if (motivoDaPerda !== undefined) return;
    motivoDaPerda = motivo;
    canal.close();
    pararPulsos();
    espera.desistir(motivo, definitivo);
    aoPerder?.(motivo);
  }

  function entregar(mensagem: M) {
    if (mensagem.id === undefined) aoReceber?.(mensagem);
    else espera.responder(mensagem.id, mensagem);
  }

  async function receber() {
    await entrada.ler((linhas) => {
      for (const linha of linhas) ler(linha, entregar);
      return true;
    });
    if (entrada.falha) throw entrada.falha;
  }
  receber().then(
    () => perder(`Conexão encerrada por ${nome}`),
    (erro) => {
      // Quem responde em TLS não entendeu nenhum pedido: só isso falha antes de se ler algo.
      const definitivo = entrada.lidos === 0 && erro instanceof TypeError;
      perder(`Conexão perdida com ${nome}: ${textoDoErro(erro)}`, definitivo);
    },
  );

  return {
    endereco: nome,
    get perdido() {
      return motivoDaPerda !== undefined;
    },
    pedir(pedido, prazo = Infinity, agora = tempo.agora()) {
      if (motivoDaPerda !== undefined) {
        return Promise.reject(falha(motivoDaPerda, { definitivo: true }));
      }
      const { id, resposta } = espera.abrir(prazo, agora);
      saida.enviar(escrever({ ...pedido, id }));
      return resposta;
    },
    enviar: saida.enviar,
    fechar: (motivo) => perder(motivo),
    vigiar() {
      if (motivoDaPerda !== undefined) return;
      pararPulsos = pulsar(
        { entrada, saida, pulso, tempo },
        () => perder(`${nome} não responde`),
      );
    },
  };
}

/** A cada pulso dá sinal de vida, ou avisa que o outro lado emudeceu. Devolve como parar. */
function pulsar(
  { entrada, saida, pulso, tempo }: {
    entrada: Entrada;
    saida: Saida;
    pulso: string;
    tempo: Tempo;
  },
  aoEmudecer: () => void,
): () => void {
  let [lidos, mudos] = [0, 0];
  let parar = tempo.depois(PULSO_MS, bater);
  function bater() {
    mudos = entrada.lidos === lidos ? mudos + 1 : 0;
    lidos = entrada.lidos;
    parar = tempo.depois(PULSO_MS, bater);
    if (mudos > PULSOS_MUDOS_MAX) aoEmudecer();
    else saida.enviar(pulso);
  }
  return () => parar();
}

/** Os pedidos de um elo à espera de resposta, cada um com o seu prazo. */
interface Espera<M> {
  /** Um pedido novo: o id que leva, e a resposta que terá; o prazo é em milissegundos. */
  abrir(prazo: number, agora: number): { id: number; resposta: Promise<M> };
  /** Chegou a resposta a um id; a que vem depois do prazo não tem quem a espere. */
  responder(id: number, resposta: M): void;
  /** Todos falham, por este motivo; `definitivo`, se certamente nenhum teve efeito. */
  desistir(motivo: string, definitivo: boolean): void;
}

/** Quem espera uma resposta. */
interface Pendente<M> {
  resolver(resposta: M): void;
  rejeitar(erro: Error): void;
  /** A espera máxima, em milissegundos, e quando acaba. */
  readonly prazo: number;
  readonly vence: number;
}

function abrirEspera<M>(nome: string, tempo: Tempo): Espera<M> {
  const pendentes = new Map<number, Pendente<M>>();
  let ultimoId = 0;
  /** Quando se verificam os prazos: nenhum acaba antes. Sem relógio, nunca. */
  let proxima = Infinity;
  let pararRelogio = () => {};

  function acertarRelogio(agora: number, vence: number) {
    pararRelogio();
    proxima = vence;
    if (vence === Infinity) return;
    pararRelogio = tempo.depois(Math.min(vence - agora, ESPERA_MS_MAX), verificarPrazos);
  }

  function verificarPrazos() {
    const agora = tempo.agora();
    let primeiro = Infinity;
    for (const [id, { vence, prazo, rejeitar }] of pendentes) {
      if (vence > agora) {
        primeiro = Math.min(primeiro, vence);
        continue;
      }
      pendentes.delete(id);
      rejeitar(falha(`Sem resposta de ${nome} em ${Math.round(prazo)} ms`, { definitivo: false }));
    }
    acertarRelogio(agora, primeiro);
  }

  return {
    abrir(prazo, agora) {
      const id = ++ultimoId;
      const vence = agora + prazo;
      const resposta = new Promise<M>((resolver, rejeitar) => {
        pendentes.set(id, { resolver, rejeitar, prazo, vence });
      });
      if (vence < proxima) acertarRelogio(agora, vence);
      return { id, resposta };
    },
    responder(id, resposta) {
      pendentes.get(id)?.resolver(resposta);
      pendentes.delete(id);
    },
    desistir(motivo, definitivo) {
      pararRelogio();
      for (const { rejeitar } of pendentes.values()) rejeitar(falha(motivo, { definitivo }));
      pendentes.clear();
    },
  };
}
