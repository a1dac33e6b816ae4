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
import { abrirFila, type NaFila } from "../lib/fila.ts";
import { falhaDefinitiva } from "../lib/pedidos.ts";
import type { Rastro } from "../lib/rastro.ts";
import type { Certificado, Segredo } from "../lib/seguranca.ts";
import { abrirTarefas } from "../lib/tarefas.ts";
import { DE_VERDADE, esperar, RELOGIO_MS } from "../lib/tempo.ts";
import { noLimite, textoDoErro } from "../lib/texto.ts";
import {
  atender,
  CONSOLE,
  type Corpo,
  type CorpoDe,
  escutar,
  LIMITES_AO_ATENDER,
  LINHA_BYTES_MAX,
  linhaDeRecusa,
  Mensagem,
  respostaAoGet,
} from "../mensagem.ts";
import { type Etcd, type Versao } from "./etcd.ts";

/** Limites do que se pede ao etcd. */
const LIMITES = {
  /** Operações de uma transação: o máximo de um etcd por configurar. */
  operacoes: 128,
  /** Caracteres de key e value de uma transação de PUTs; o etcd aceita 1,5 MiB por pedido. */
  caracteres: 256 * 1024,
  /** Transações ao mesmo tempo, de PUTs (que esperam pelo disco) e de GETs: o resto junta-se. */
  gravando: 2,
  lendo: 1,
  /** Caracteres que se quer de uma resposta; as keys por transação seguem o tamanho dos values. */
  resposta: 2 * 1024 * 1024,
  /** Caracteres de todos os PUTs recebidos e por acabar; além, ERRO definitivo. */
  puts: 64 * 1024 * 1024,
} as const;

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

/** Um PUT, de quando chega até a resposta. */
interface Escrita extends CorpoDe<"PUT"> {
  readonly conexao: Conexao;
  readonly vence: number;
  readonly tamanho: number;
}

/** Um GET à espera. */
interface Leitura {
  readonly conexao: Conexao;
  readonly pedido: CorpoDe<"GET">;
  readonly vence: number;
}

/** Como está o membro ao lado. */
interface Membro {
  /** Se responde: só então se atendem clientes. */
  presente: boolean;
  /** Se conhece um líder: só então se lhe mandam PUTs. */
  comLider: boolean;
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

// --- PUT ---------------------------------------------------------------------

/** O que as partes da ponte usam umas das outras. */
interface Partes {
  readonly etcd: Etcd;
  enviar(conexao: Conexao, corpo: Corpo): void;
  conexoesDe(conexao: Conexao): Conexoes;
}

/** Os PUTs: esperam a vez, vão numa transação, e cada um tem a sua resposta. */
function abrirEscritas(
  { etcd, membro, enviar, conexoesDe, mostra }: Partes & { membro: Membro; mostra: Mostra },
) {
  const fila = abrirFila<Escrita>(LIMITES.puts);
  /** Os que estão numa transação, por responder; e as keys deles, que esperam por ela. */
  const emVoo = new Set<NaFila<Escrita>>();
  const ocupadas = new Set<string>();
  let gravando = 0;
  let marcado = false;
  let relogio: (() => void) | undefined;

  function responder(put: NaFila<Escrita>, resposta: Corpo): void {
    if (!fila.responder(put)) return;
    const { conexao, tamanho, id } = put.pedido;
    enviar(conexao, { ...resposta, id });
    conexoesDe(conexao).acabar(conexao, tamanho);
  }

  function falhar(put: NaFila<Escrita>, erro: string, definitivo: boolean): void {
    fila.tirar(put);
    responder(put, { tipo: "ERRO", erro: `PUT ${erro}`, definitivo });
  }

  function verificarPrazos(): void {
    const agora = DE_VERDADE.agora();
    const motivo = membro.comLider ? "o etcd está ocupado" : "o etcd não tem líder";
    for (const put of fila.espera) {
      if (put.pedido.vence <= agora) falhar(put, `não aceito no prazo: ${motivo}`, true);
    }
    for (const put of emVoo) {
      if (put.pedido.vence <= agora) falhar(put, "não confirmado no prazo pelo etcd", false);
    }
    relogio = fila.espera.size + emVoo.size > 0
      ? DE_VERDADE.depois(RELOGIO_MS, verificarPrazos)
      : undefined;
  }

  /** Os próximos que cabem numa transação: cada key uma vez, e nenhuma que já vá noutra. */
  function proximos(): NaFila<Escrita>[] {
    const lote: NaFila<Escrita>[] = [];
    const keys = new Set(ocupadas);
    let caracteres = 0;
    for (const put of fila.espera) {
      const { key, value } = put.pedido;
      if (keys.has(key)) continue;
      caracteres += key.length + value.length;
      if (lote.length > 0 && caracteres > LIMITES.caracteres) break;
      keys.add(key);
      lote.push(put);
      if (lote.length === LIMITES.operacoes) break;
    }
    return lote;
  }

  function escoar(): void {
    while (membro.comLider && gravando < LIMITES.gravando) {
      const lote = proximos();
      if (lote.length === 0) return;
      gravar(lote);
    }
  }

  async function gravar(lote: readonly NaFila<Escrita>[]): Promise<void> {
    gravando++;
    for (const put of lote) {
      fila.tirar(put);
      emVoo.add(put);
      ocupadas.add(put.pedido.key);
    }
    const pares = lote.map(({ pedido }) => pedido);
    const prazo = Math.max(...pares.map(({ vence }) => vence)) - DE_VERDADE.agora();
    const acabar = mostra.gravando(pares);
    try {
      const timestamp = await etcd.gravar(pares, Math.max(1, prazo));
      acabar(timestamp);
      for (const put of lote) {
        const { key, conexao } = put.pedido;
        if (!put.respondido) mostra.linha?.(CONSOLE.putOk(conexao.endereco, key, timestamp));
        responder(put, { tipo: "PUT_OK", key, timestamp });
      }
    } catch (erro) {
      acabar(undefined);
      for (const put of lote) {
        falhar(put, `não confirmado: ${textoDoErro(erro)}`, falhaDefinitiva(erro));
      }
    }
    gravando--;
    for (const put of lote) {
      emVoo.delete(put);
      ocupadas.delete(put.pedido.key);
    }
    escoar();
  }

  return {
    semResposta: () => fila.semResposta,
    escoar,
    receber(conexao: Conexao, pedido: CorpoDe<"PUT">, vence: number): void {
      const { key, value } = pedido;
      const conexoes = conexoesDe(conexao);
      const tamanho = Math.max(key.length + value.length, LIMITES_AO_ATENDER.pedidoMinimo);
      const cabe = conexoes.cabe(conexao);
      const put = fila.receber({ ...pedido, conexao, vence, tamanho });
      mostra.linha?.(CONSOLE.put(conexao.endereco, key, value));
      conexoes.comecar(conexao, tamanho);
      if (!put.cabe || !cabe) {
        return falhar(put, `recusado: ${noLimite("já há PUTs demais em curso")}`, true);
      }
      relogio ??= DE_VERDADE.depois(RELOGIO_MS, verificarPrazos);
      if (marcado) return;
      // Os que vieram na mesma volta vão juntos.
      marcado = true;
      DE_VERDADE.aSeguir(() => {
        marcado = false;
        escoar();
      });
    },
  };
}

// --- GET ---------------------------------------------------------------------

/** Os GETs: os que esperam juntos vão numa transação, e os da mesma key, numa leitura só. */
function abrirLeituras(
  { etcd, enviar, conexoesDe, imprimir }: Partes & Pick<OpcoesDaPonte, "imprimir">,
) {
  let espera: Leitura[] = [];
  let pendentes = 0;
  let lendo = 0;
  let marcado = false;
  /** Keys por transação, conforme o tamanho dos values que têm vindo. */
  let quantas = 16;

  function responder({ conexao }: Leitura, resposta: Corpo): void {
    pendentes--;
    enviar(conexao, resposta);
    conexoesDe(conexao).acabar(conexao, 0);
  }

  function responderCom(leitura: Leitura, versao: Versao | undefined, revisao: number): void {
    const { conexao, pedido } = leitura;
    const { id, timestamp } = pedido;
    // Uma key ausente: zero; a quem já a viu, apagada depois disso, a revisão em que não a há.
    const apagada = timestamp > 0 && revisao >= timestamp;
    const meu = versao?.timestamp ?? (apagada ? revisao : 0);
    const value = versao ? versao.value : null;
    const ilegivel = value === undefined
      ? "não é texto UTF-8"
      : (value?.length ?? 0) > LINHA_BYTES_MAX
      ? "não cabe numa linha"
      : "";
    if (ilegivel) {
      const erro = `GET recusado: o value, que outro programa escreveu, ${ilegivel}`;
      return responder(leitura, { tipo: "ERRO", id, erro, definitivo: true });
    }
    const resposta = respostaAoGet(pedido, value!, meu);
    imprimir?.(CONSOLE.get(conexao.endereco, timestamp, resposta));
    responder(leitura, resposta);
  }

  function escoar(): void {
    while (lendo < LIMITES.lendo && espera.length > 0) {
      const porKey = new Map<string, Leitura[]>();
      let n = 0;
      for (; n < espera.length; n++) {
        const { key } = espera[n]!.pedido;
        const iguais = porKey.get(key);
        if (iguais) iguais.push(espera[n]!);
        else if (porKey.size === quantas) break;
        else porKey.set(key, [espera[n]!]);
      }
      espera = espera.slice(n);
      ler(porKey);
    }
  }

  async function ler(porKey: ReadonlyMap<string, readonly Leitura[]>): Promise<void> {
    lendo++;
    const grupos = [...porKey.values()];
    const vence = Math.min(...grupos.flat().map(({ vence }) => vence));
    try {
      const prazo = Math.max(1, vence - DE_VERDADE.agora());
      const { revisao, versoes } = await etcd.ler([...porKey.keys()], prazo);
      const caracteres = versoes.reduce((soma, v) => soma + (v?.value?.length ?? 0), 0);
      const media = Math.max(1, caracteres / versoes.length);
      quantas = Math.max(1, Math.min(LIMITES.operacoes, Math.floor(LIMITES.resposta / media)));
      grupos.forEach((grupo, n) => {
        for (const leitura of grupo) responderCom(leitura, versoes[n], revisao);
      });
    } catch (erro) {
      for (const leitura of grupos.flat()) {
        const { id } = leitura.pedido;
        const texto = `GET não respondido: ${textoDoErro(erro)}`;
        responder(leitura, { tipo: "ERRO", id, erro: texto, definitivo: true });
      }
    }
    lendo--;
    escoar();
  }

  return {
    semResposta: () => pendentes,
    receber(leitura: Leitura): void {
      pendentes++;
      conexoesDe(leitura.conexao).comecar(leitura.conexao, 0);
      espera.push(leitura);
      if (marcado) return;
      marcado = true;
      DE_VERDADE.aSeguir(() => {
        marcado = false;
        escoar();
      });
    },
  };
}

// --- A console ---------------------------------------------------------------

/** O que se mostra do que muda no etcd; ver {@linkcode abrirMostra}. */
interface Mostra {
  readonly linha: ((linha: string) => void) | undefined;
  /** Vai-se gravar; chama-se o que isto devolve com a revisão, ou sem ela se não se sabe. */
  gravando(pares: readonly { key: string }[]): (revisao: number | undefined) => void;
  readonly fim: Promise<void>;
}

/**
 * Mostra como REPLICATION o que chega ao membro vindo de outras pontes: tudo o que muda, menos o
 * que esta gravou. Do que muda numa key que esta está a gravar só se sabe de quem é quando isso
 * acaba: até lá, espera.
 */
function abrirMostra(
  etcd: Etcd,
  linha: ((linha: string) => void) | undefined,
  sinal: AbortSignal,
): Mostra {
  type Mudanca = { key: string; value: string; timestamp: number };
  const emCurso = new Map<string, Mudanca[]>();
  /** Revisões que esta gravou e ainda não viu passar, com as keys delas. */
  const minhas = new Map<number, Set<string>>();

  function mostrar(mudanca: Mudanca): void {
    const keys = minhas.get(mudanca.timestamp);
    if (!keys?.delete(mudanca.key)) linha?.(CONSOLE.replication(mudanca));
    else if (keys.size === 0) minhas.delete(mudanca.timestamp);
  }

  const fim = linha === undefined ? Promise.resolve() : etcd.ver((mudanca) => {
    // Chegam por ordem: o que é de antes desta já passou.
    for (const revisao of minhas.keys()) if (revisao < mudanca.timestamp) minhas.delete(revisao);
    const espera = emCurso.get(mudanca.key);
    if (espera) espera.push(mudanca);
    else mostrar(mudanca);
  }, sinal);
  return {
    linha,
    fim,
    gravando(pares) {
      if (linha === undefined) return () => {};
      for (const { key } of pares) emCurso.set(key, []);
      return (revisao) => {
        if (revisao !== undefined) minhas.set(revisao, new Set(pares.map(({ key }) => key)));
        for (const { key } of pares) {
          const espera = emCurso.get(key) ?? [];
          emCurso.delete(key);
          espera.forEach(mostrar);
        }
      };
    },
  };
}
