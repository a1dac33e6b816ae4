/**
 * As conexões que os outros discaram: aceitá-las, contar o que cada uma ocupa, vigiar quem parou,
 * e fechá-las dizendo por quê. Quem envia sem ler, abre uma linha e não a acaba, ou abre muitas
 * conexões custa memória dentro de limites e não para os outros.
 *
 * ```ts ignore
 * const conexoes = abrirConexoes(Deno.listen({ port: 8000 }), {
 *   separador: () => new TextLineStream(),
 *   receber: (conexao, linha) => conexoes.enviar(conexao, linha.toUpperCase()),
 *   recusa: (motivo) => `não: ${motivo}`,
 *   ...
 * });
 * conexoes.aceitar();
 * ```
 *
 * @module
 */

import { acabarDeEnviar, type Canal, erroDaRede, fecharSeAberto, type Ouvinte } from "./canal.ts";
import {
  abrirConexao,
  alivio,
  type Conexao,
  type Confianca,
  DESPEDIDA_MS,
  despedir,
  type LimitesDasConexoes,
  olhar,
} from "./conexao.ts";
import type { Separador } from "./entrada.ts";
import { contar, type Contas } from "./metricas.ts";
import { PULSO_MS } from "./pedidos.ts";
import type { Rastro } from "./rastro.ts";
import type { Tarefas } from "./tarefas.ts";
import { esperar, RELOGIO_MS, type Tempo } from "./tempo.ts";
import { noLimite } from "./texto.ts";

/**
 * Quanto uma conexão cheia de pedidos espera que algum acabe, em milissegundos; se nenhum acaba,
 * ninguém há de esperar pelo prazo dos outros: volta-se a lê-la.
 */
const LUGAR_MS = 250;

/** Espera depois de um erro ao aceitar conexões (descritores esgotados), em milissegundos. */
const ACEITAR_DE_NOVO_MS = 100;

/** O que {@linkcode abrirConexoes} usa de quem a chama. */
export interface OpcoesDasConexoes {
  readonly limites: LimitesDasConexoes;
  readonly tempo: Tempo;
  readonly tarefas: Tarefas;
  /** Termina os laços e as esperas. */
  readonly parada: AbortSignal;
  readonly rastro: Rastro | undefined;
  /** O que é quem completou a ligação (o TLS, se o há): um estranho ainda tem algo a provar. */
  readonly aoLigar: Confianca;
  /** Quem separa as linhas de uma conexão: um `TextLineStream`. */
  separador(): Separador;
  /**
   * Trata uma linha, lida em `lida`, que é de quando se contam os prazos; devolve uma promessa só
   * quando é preciso esperar antes da próxima.
   */
  receber(conexao: Conexao, linha: string, lida: number): Promise<void> | undefined;
  /** A linha que diz a alguém por que se lhe fecha a conexão. */
  recusa(motivo: string): string;
  /** Uma conexão fechou. */
  aoFechar(conexao: Conexao): void;
}

/**
 * Por que este lado recusa ou fecha uma conexão: há demais; estava parada, e abriu lugar; ocupava
 * memória sem andar; não lê, ou emudeceu; não acaba uma linha; não prova quem é; mandou o que não
 * se lê (uma linha comprida demais, o que não é UTF-8).
 */
export type Recusa = "limite" | "ociosa" | "memoria" | "calada" | "linha" | "prova" | "entrada";

/** O que as conexões já custaram, e quantas se recusaram; ver {@linkcode Conexoes.contas}. */
export interface ContasDasConexoes {
  readonly abertas: number;
  readonly aceitas: number;
  /** Bytes recebidos e enviados, de todas. */
  readonly lidos: number;
  readonly escritos: number;
  /** Quantas, por {@linkcode Recusa}. */
  readonly recusas: Contas;
}

/** As conexões aceitas; ver {@linkcode abrirConexoes}. */
export interface Conexoes {
  /** Aceita e atende até a parada. */
  aceitar(): Promise<void>;
  /** A cada pulso, derruba quem emudeceu ou parou, até a parada. */
  vigiar(): Promise<void>;
  /** Envia uma linha. */
  enviar(conexao: Conexao, linha: string): void;
  /** Um pedido, de tantos caracteres, começa; a conexão não acaba enquanto o houver. */
  comecar(conexao: Conexao, caracteres: number): void;
  /** Um pedido acaba: já se enviou a resposta. */
  acabar(conexao: Conexao, caracteres: number): void;
  /** Guardam-se mais (ou, negativo, menos) caracteres do que se leu, por culpa do outro lado. */
  guardar(conexao: Conexao, caracteres: number): void;
  /** Se cabe mais um pedido numa conexão; se não, responde-se-lhe já que não. */
  cabe(conexao: Conexao): boolean;
  /** Espera que o outro lado leia o que já se lhe respondeu; `undefined`, se não deve muito. */
  lidas(conexao: Conexao): Promise<void> | undefined;
  /** Envia a última linha, e não lê mais nada. */
  dispensar(conexao: Conexao, ultima: string, porque: Recusa): void;
  fechar(conexao: Conexao): void;
  /** O que já houve, desde o início. */
  contas(): ContasDasConexoes;
  /** Não aceita mais ninguém; os que cá estão continuam a ser atendidos. */
  encerrar(): void;
  /** Se ainda há linhas lidas por tratar. */
  haPorTratar(): boolean;
  /** Depois de {@linkcode encerrar}: espera que cada um leia o que lhe falta, um pouco, e fecha todas. */
  fecharTodas(): Promise<void>;
}

/** Cuida das conexões de um ouvinte. */
export function abrirConexoes(ouvinte: Ouvinte, opcoes: OpcoesDasConexoes): Conexoes {
  const { limites, tempo, tarefas, parada, rastro } = opcoes;
  const todas = new Set<Conexao>();
  /** Caracteres em curso e guardados, de todas. */
  let ocupados = 0;
  let encerrando = false;
  /** O que já houve; os bytes, os das que fecharam. */
  const passado = { aceitas: 0, lidos: 0, escritos: 0, recusas: {} as Contas };

  async function aceitar(): Promise<void> {
    while (!encerrando) {
      let canal: Canal;
      try {
        canal = await ouvinte.accept();
      } catch (erro) {
        if (encerrando) return;
        // Quem desistiu antes de ser aceito não custa nada; sem descritores, abre-se lugar.
        const desistiu = erro instanceof Deno.errors.NotConnected ||
          erro instanceof Deno.errors.ConnectionReset ||
          erro instanceof Deno.errors.ConnectionAborted;
        const esgotados = /too many open files|os error 10024/i.test((erro as Error).message);
        if (desistiu || (esgotados && derrubarOciosa())) continue;
        await esperar(tempo, ACEITAR_DE_NOVO_MS, parada);
        continue;
      }
      const cheio = todas.size >= limites.conexoes && !derrubarOciosa();
      const conexao = abrir(canal);
      if (cheio) {
        const motivo = `${noLimite(`há ${limites.conexoes} conexões`)}, e todas têm pedidos`;
        expulsar(conexao, motivo, "limite");
      } else tarefas.guardar(atender(conexao));
    }
  }

  function abrir(canal: Canal): Conexao {
    const conexao = abrirConexao(canal, {
      separador: opcoes.separador(),
      linhaBytes: limites.linhaBytes,
      rastro,
      aoGuardar: (bytes) => guardar(conexao, bytes),
      aoEscrever: (caracteres) => ocupar(conexao, -caracteres),
      aoFalhar: () => fechar(conexao),
      tempo,
    });
    if (!canal.handshake) conexao.confianca = opcoes.aoLigar;
    todas.add(conexao);
    passado.aceitas++;
    return conexao;
  }

  /** Atende uma conexão até o outro lado acabar e ter todas as respostas. */
  async function atender(conexao: Conexao): Promise<void> {
    const { canal, entrada, saida } = conexao;
    try {
      if (canal.handshake) {
        await canal.handshake();
        conexao.confianca = opcoes.aoLigar;
      }
      await entrada.ler((linhas) => tratar(conexao, linhas, tempo.agora()));
      if (entrada.falha) {
        contar(passado.recusas, "entrada" satisfies Recusa);
        enviar(conexao, opcoes.recusa(entrada.falha.message));
      }
      while (conexao.pedidos > 0 && !conexao.fechada) await alivio(conexao);
      await saida.esvaziar();
      if (entrada.falha || conexao.dispensada) {
        await despedir(conexao, tempo, () => fechar(conexao));
      }
    } catch (erro) {
      // Conexão perdida: não há a quem responder, e os pedidos em curso seguem. Um erro do
      // próprio programa, não: é um estado impossível, e para o processo.
      if (!erroDaRede(erro)) throw erro;
    } finally {
      fechar(conexao);
    }
  }

  /**
   * Trata as linhas de uma leitura, a partir de uma; devolve se se lê mais. Só espera quando é
   * preciso: quase sempre uma leitura é tratada de uma vez.
   */
  function tratar(
    conexao: Conexao,
    linhas: readonly string[],
    lida: number,
    primeira = 0,
  ): boolean | Promise<boolean> {
    conexao.tratando = true;
    for (let n = primeira; n < linhas.length; n++) {
      if (conexao.fechada || conexao.dispensada) break;
      const espera = opcoes.receber(conexao, linhas[n]!, lida) ?? lidas(conexao);
      if (espera) return espera.then(() => tratar(conexao, linhas, lida, n + 1));
    }
    conexao.tratando = false;
    const espera = haverLugar(conexao);
    return espera ? espera.then(() => !conexao.dispensada) : !conexao.dispensada;
  }

  /** A conta única: o que está em curso numa conexão, e em todas. */
  function ocupar(conexao: Conexao, caracteres: number): void {
    conexao.emCurso += caracteres;
    somar(caracteres);
    if (caracteres >= 0) return;
    conexao.empatada = false;
    conexao.aoAliviar?.();
  }

  function guardar(conexao: Conexao, caracteres: number): void {
    if (conexao.fechada) return;
    conexao.guardados += caracteres;
    somar(caracteres);
  }

  /** Se já são demais, cai quem mais ocupa sem andar: não lê o que pediu, ou não acaba uma linha. */
  function somar(caracteres: number): void {
    ocupados += caracteres;
    if (ocupados <= limites.total || caracteres <= 0) return;
    let [maior, peso]: [Conexao | undefined, number] = [undefined, 0];
    for (const conexao of todas) {
      const { confianca, saida, vistos, emCurso, guardados } = conexao;
      if (confianca === "par") continue;
      const naoLe = saida.fila > 0 && saida.escritos === vistos.escritos;
      const ocupa = guardados + (naoLe ? emCurso : 0);
      if (ocupa > peso) [maior, peso] = [conexao, ocupa];
    }
    if (maior) derrubar(maior, "memoria");
  }

  function enviar(conexao: Conexao, linha: string): void {
    const antes = conexao.saida.fila;
    conexao.saida.enviar(linha);
    ocupar(conexao, conexao.saida.fila - antes);
  }

  function comecar(conexao: Conexao, caracteres: number): void {
    conexao.pedidos++;
    ocupar(conexao, Math.max(caracteres, limites.pedidoMinimo));
  }

  function acabar(conexao: Conexao, caracteres: number): void {
    conexao.pedidos--;
    ocupar(conexao, -Math.max(caracteres, limites.pedidoMinimo));
  }

  // O que um par leva é de muitos: parar de o ler faria uns esperarem pelos outros, e os
  // sinais de vida não chegarem.

  function lidas(conexao: Conexao): Promise<void> | undefined {
    const { confianca, saida, fechada } = conexao;
    if (fechada || confianca === "par" || saida.fila < limites.respostas) return undefined;
    return alivio(conexao).then(() => lidas(conexao));
  }

  function cabe({ confianca, emCurso, saida }: Conexao): boolean {
    return confianca === "par" || emCurso - saida.fila < limites.pedidos;
  }

  /** Espera que haja lugar numa conexão cheia, enquanto nela alguma coisa acaba. */
  function haverLugar(conexao: Conexao): Promise<void> | undefined {
    if (conexao.fechada || conexao.empatada || cabe(conexao)) return undefined;
    const desistir = tempo.depois(LUGAR_MS, () => {
      conexao.empatada = true;
      conexao.aoAliviar?.();
    });
    return alivio(conexao).then(() => {
      desistir();
      return haverLugar(conexao);
    });
  }

  function dispensar(conexao: Conexao, ultima: string, porque: Recusa): void {
    contar(passado.recusas, porque);
    enviar(conexao, ultima);
    conexao.dispensada = true;
  }

  /** Fecha uma conexão, dizendo por quê; a quem não lê isso nem até o pulso seguinte, sem dizer. */
  function expulsar(conexao: Conexao, motivo: string, porque: Recusa): void {
    if (conexao.dispensada) return fechar(conexao);
    dispensar(conexao, opcoes.recusa(`Conexão fechada: ${motivo}`), porque);
    conexao.saida.esvaziar().then(() => fechar(conexao));
  }

  function fechar(conexao: Conexao): void {
    if (conexao.fechada) return;
    guardar(conexao, -conexao.guardados);
    conexao.fechada = true;
    todas.delete(conexao);
    passado.lidos += conexao.entrada.lidos;
    passado.escritos += conexao.saida.escritos;
    fecharSeAberto(conexao.canal);
    conexao.aoAliviar?.();
    opcoes.aoFechar(conexao);
  }

  /** Fecha uma conexão sem dizer por quê. */
  function derrubar(conexao: Conexao, porque: Recusa): void {
    contar(passado.recusas, porque);
    fechar(conexao);
  }

  /** Abre lugar para uma conexão nova: cai a mais antiga das que nada têm em curso, se há uma. */
  function derrubarOciosa(): boolean {
    for (const conexao of todas) {
      const { confianca, emCurso, entrada, vistos } = conexao;
      if (confianca === "par" || emCurso > 0) continue;
      if (entrada.parcial > 0 && entrada.lidos !== vistos.lidos) continue;
      derrubar(conexao, "ociosa");
      return true;
    }
    return false;
  }

  async function vigiar(): Promise<void> {
    while (!parada.aborted) {
      for (const conexao of todas) {
        const parou = olhar(conexao, limites);
        if (parou?.porque === "calada") derrubar(conexao, parou.porque);
        else if (parou) expulsar(conexao, parou.motivo, parou.porque);
      }
      await esperar(tempo, PULSO_MS, parada);
    }
  }

  return {
    aceitar,
    vigiar,
    enviar,
    comecar,
    acabar,
    guardar,
    cabe,
    lidas,
    dispensar,
    fechar,
    contas() {
      let { lidos, escritos } = passado;
      for (const { entrada, saida } of todas) {
        lidos += entrada.lidos;
        escritos += saida.escritos;
      }
      return { ...passado, lidos, escritos, abertas: todas.size };
    },
    encerrar() {
      encerrando = true;
      ouvinte.close();
    },
    haPorTratar: () => [...todas].some(({ tratando, fechada }) => tratando && !fechada),
    async fecharTodas() {
      // A quem estava calado não há o que dizer; os outros ainda podem ter o que ler.
      const saindo = [...todas].filter(({ entrada, saida, vistos }) =>
        saida.fila > 0 || entrada.lidos !== vistos.lidos
      );
      for (const conexao of saindo) {
        conexao.saida.esvaziar().then(() => {
          conexao.dispensada = true;
          return acabarDeEnviar(conexao.canal);
        });
      }
      const fim = tempo.agora() + DESPEDIDA_MS;
      while (saindo.some(({ fechada }) => !fechada) && tempo.agora() < fim) {
        await esperar(tempo, RELOGIO_MS);
      }
      for (const conexao of todas) fechar(conexao);
    },
  };
}
