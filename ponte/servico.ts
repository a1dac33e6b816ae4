/**
 * O serviço da ponte: o nosso protocolo para os clientes, e o etcd no lugar da tabela e da
 * replicação. Um cliente não nota a diferença.
 *
 * ```text
 *   clientes ──PUT, GET──▶ ponte ──txn de puts──▶ ┌ etcd ┐ ◀──▶ os outros membros
 *                                ──txn de ranges─▶└──────┘
 * ```
 *
 * O timestamp de um value é o `mod_revision` dele. Os PUTs que esperam juntos vão numa transação,
 * cada key uma vez: partilham o timestamp, mas não a key, que é onde um cliente o compara. Um GET
 * lê do membro ao lado, que pode ir atrasado mas nunca mostra o que não está confirmado; se não
 * tem o que o cliente já viu, TRY_OTHER_SERVER_OR_LATER.
 *
 * @module
 */

import type { Conexao } from "../lib/conexao.ts";
import type { Conexoes } from "../lib/conexoes.ts";
import { type Endereco, textoDoEndereco } from "../lib/endereco.ts";
import type { Rastro } from "../lib/rastro.ts";
import type { Certificado, Segredo } from "../lib/seguranca.ts";
import { abrirTarefas } from "../lib/tarefas.ts";
import { DE_VERDADE, esperar, RELOGIO_MS } from "../lib/tempo.ts";
import { textoDoErro } from "../lib/texto.ts";
import { atender, type Corpo, escutar, linhaDeRecusa, Mensagem } from "../mensagem.ts";
import { abrirEscritas } from "./escritas.ts";
import type { Etcd } from "./etcd.ts";
import { abrirLeituras } from "./leituras.ts";
import { abrirMostra } from "./mostra.ts";
import type { Membro } from "./partes.ts";

/** De quanto em quanto tempo se pergunta ao membro se está vivo, em milissegundos. */
const PERGUNTA_MS = 250;

/** Quanto se espera por essa resposta; depois, o membro está fora. */
const RESPOSTA_MS = 1_500;

/** Como começar uma ponte. */
export interface OpcoesDaPonte extends Endereco {
  readonly etcd: Etcd;
  /** Maior espera por um pedido, em milissegundos. */
  readonly prazo: number;
  readonly segredo?: Segredo | undefined;
  readonly tls?: Certificado | undefined;
  readonly rastro?: Rastro | undefined;
  /** Recebe as linhas da console (nada). */
  readonly imprimir?: ((linha: string) => void) | undefined;
  /** Recebe o que um operador gostaria de saber. */
  avisar(linha: string): void;
}

/** Uma ponte no ar; ver {@linkcode iniciarPonte}. */
export interface Ponte extends AsyncDisposable {
  /** Onde atende, `IP:PORTA`. */
  readonly endereco: string;
  /** Cumprida quando parou de todo. */
  readonly parada: Promise<void>;
  /** Não aceita mais pedidos, responde aos que leu, e para. */
  parar(): Promise<void>;
}

/**
 * Começa a atender assim que o membro responde; enquanto ele está fora não aceita ninguém, e os
 * clientes vão a outra ponte.
 *
 * @throws {Error} se o endereço não pode ser usado.
 */
export function iniciarPonte(opcoes: OpcoesDaPonte): Ponte {
  const { etcd, prazo, avisar } = opcoes;
  const parada = new AbortController();
  const tarefas = abrirTarefas(parada.signal);
  const fim = Promise.withResolvers<void>();
  const membro: Membro = { presente: false, comLider: false };
  // Uma porta ocupada tem de se saber já, ainda que o etcd não esteja lá.
  let ouvinte = escutar(opcoes, opcoes.tls);
  const onde = { ip: opcoes.ip, porta: ouvinte.addr.port };
  let conexoes: Conexoes | undefined;
  let encerrando = false;

  const enviar = (conexao: Conexao, corpo: Corpo) =>
    conexoesDe(conexao).enviar(conexao, new Mensagem(corpo).linha());
  const recusar = (conexao: Conexao, id: number | undefined, erro: string) =>
    conexoesDe(conexao).enviar(conexao, linhaDeRecusa(id, erro));
  /** As conexões a que esta pertence: um membro que volta abre outras. */
  const donas = new WeakMap<Conexao, Conexoes>();
  const conexoesDe = (conexao: Conexao) => donas.get(conexao)!;

  const mostra = abrirMostra(etcd, opcoes.imprimir, parada.signal);
  const escritas = abrirEscritas({ etcd, membro, enviar, conexoesDe, mostra });
  const leituras = abrirLeituras({ etcd, enviar, conexoesDe, imprimir: opcoes.imprimir });

  function receber(conexao: Conexao, corpo: Corpo, lida: number): void {
    donas.set(conexao, conexoes!);
    const { id, tipo } = corpo;
    const vence = lida + prazo;
    if (encerrando && (tipo === "PUT" || tipo === "GET")) {
      return recusar(conexao, id, "Pedido recusado: o servidor está parando");
    }
    if (tipo === "PUT") return escritas.receber(conexao, corpo, vence);
    if (tipo === "GET") return leituras.receber({ conexao, pedido: corpo, vence });
    if (tipo === "PULSE") return enviar(conexao, { tipo: "PULSE_OK", id });
    if (tipo === "AUTH") {
      return recusar(conexao, id, "AUTH recusado: este servidor não tem segredo");
    }
    recusar(conexao, id, `Pedido recusado: ${tipo} não cabe nesta conexão`);
  }

  /** Atende até que o membro se perca, ou se pare. */
  async function servir(): Promise<void> {
    const desta = new AbortController();
    const minhas = atender(ouvinte, {
      mundo: DE_VERDADE,
      tarefas,
      parada: AbortSignal.any([parada.signal, desta.signal]),
      rastro: opcoes.rastro,
      segredo: opcoes.segredo,
      receber,
    });
    conexoes = minhas;
    avisar(`Pronto: ponte em ${textoDoEndereco(onde)}, sobre o etcd`);
    tarefas.guardar(minhas.aceitar());
    tarefas.guardar(minhas.vigiar());
    while (membro.presente && !encerrando) await esperar(DE_VERDADE, RELOGIO_MS);
    minhas.encerrar();
    // O que se leu tem resposta, até o seu prazo.
    const limite = DE_VERDADE.agora() + prazo;
    const falta = () =>
      escritas.semResposta() + leituras.semResposta() > 0 ||
      (minhas.haPorTratar() && DE_VERDADE.agora() < limite);
    while (falta()) await esperar(DE_VERDADE, RELOGIO_MS);
    desta.abort();
    await minhas.fecharTodas();
  }

  async function trabalhar(): Promise<void> {
    let aberto = true;
    while (!encerrando) {
      if (!membro.presente) {
        if (aberto) ouvinte.close();
        aberto = false;
        await esperar(DE_VERDADE, RELOGIO_MS);
        continue;
      }
      try {
        if (!aberto) ouvinte = escutar({ ...opcoes, ...onde }, opcoes.tls);
      } catch (erro) {
        avisar(`Aviso: ${textoDoErro(erro)}`);
        await esperar(DE_VERDADE, PERGUNTA_MS);
        continue;
      }
      await servir();
      aberto = false;
    }
    if (aberto) ouvinte.close();
    parada.abort();
    await tarefas.acabarem();
    await mostra.fim;
    etcd.fechar();
    fim.resolve();
  }

  async function perguntar(): Promise<void> {
    let dito = "";
    while (!parada.signal.aborted) {
      try {
        membro.comLider = await etcd.temLider(RESPOSTA_MS);
        membro.presente = true;
        const agora = membro.comLider ? "" : "o etcd não tem líder; os PUTs esperam";
        if (agora !== dito) avisar(agora ? `Aviso: ${agora}` : "O etcd tem líder: aceita PUTs");
        dito = agora;
        escritas.escoar();
      } catch (erro) {
        membro.presente = membro.comLider = false;
        const agora = textoDoErro(erro);
        if (agora !== dito) avisar(`Aviso: ${agora}; não atende até que ele volte`);
        dito = agora;
      }
      await esperar(DE_VERDADE, PERGUNTA_MS, parada.signal);
    }
  }

  const inicio = etcd.temLider(RESPOSTA_MS).then(
    (comLider) => Object.assign(membro, { presente: true, comLider }),
    () => {},
  );
  tarefas.guardar(inicio.then(perguntar));
  inicio.then(trabalhar).catch(fim.reject);
  const parar = () => {
    encerrando = true;
    return fim.promise;
  };
  return {
    endereco: textoDoEndereco(onde),
    parada: fim.promise,
    parar,
    [Symbol.asyncDispose]: parar,
  };
}
