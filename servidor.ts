/**
 * Um servidor do sistema: guarda pares key-value e, com os outros, os mantém
 * replicados e consistentes.
 *
 * ```text
 *   clientes ──PUT, GET──▶ ┌─ thread principal ──────┐   ┌─ Worker (Replicador) ──┐
 *                          │ conexões, uma tarefa    │   │ no líder: uma conexão  │──REPLICATION──▶
 *   seguidor ──JOIN, ────▶ │   assíncrona cada       │   │   com cada seguidor    │◀─REPLICATION_OK
 *      FORWARD             │ tabela de hash, GET     │──▶│ com --dados: o disco   │──▶ SQLite
 *                          │ líder: ordem dos PUTs   │◀──│                        │
 *                          └─────────────────────────┘   └────────────────────────┘
 *                                   registros em lotes ──▶   ◀── confirmado até ts
 * ```
 *
 * Quem pergunta disca: o cliente disca para um servidor; o seguidor, para o
 * líder; o Worker do líder, para os seguidores. Assim cada conexão leva pedidos
 * num sentido e respostas no outro.
 *
 * Na ordem: os limites; o que se guarda (uma versão, a tabela, um PUT em curso, a fila
 * deles, o grupo, a ligação com o líder); a classe, pelas seções 5a a 5f do enunciado, o
 * grupo visto do líder e do seguidor, e a thread que replica; e o programa.
 *
 * ```ts
 * import { Cliente } from "./cliente.ts";
 * import { Servidor } from "./servidor.ts";
 *
 * await using lider = await Servidor.iniciar({ porta: 0, replicas: 1 });
 * await using outro = await Servidor.iniciar({ porta: 0, lider: lider.endereco });
 * await using cliente = new Cliente([outro.endereco]);
 * await cliente.put("cor", "azul"); // o líder e o outro têm o value
 * ```
 *
 * @module
 */

import type { Ouvinte } from "./lib/canal.ts";
import { atender as atenderThread, type Outra, type Porta } from "./lib/chamadas.ts";
import type { Conexao } from "./lib/conexao.ts";
import type { Conexoes, ContasDasConexoes } from "./lib/conexoes.ts";
import { abrirDisco, type AvisosDoDisco, type Disco, type Separados } from "./lib/disco.ts";
import { type Endereco, lerEndereco, lerIp, lerPorta, textoDoEndereco } from "./lib/endereco.ts";
import { abrirFila, type NaFila } from "./lib/fila.ts";
import type { MedidasDoDisco } from "./lib/gravacao.ts";
import {
  comumAte,
  ehComeco,
  EPOCAS_MAX,
  escolherOrigem,
  foiAlem,
  type Historia,
  SEM_HISTORIA,
} from "./lib/historia.ts";
import {
  abrirHistograma,
  contar,
  type Contas,
  type Histograma,
  type Metrica,
  observar,
  textoDasMetricas,
} from "./lib/metricas.ts";
import { inteiroEntre, lerArgumentos, lerOpcao } from "./lib/opcoes.ts";
import { type Elo, falhaDefinitiva } from "./lib/pedidos.ts";
import { abrirRastro, type Rastro } from "./lib/rastro.ts";
import { abrirRelato } from "./lib/relato.ts";
import { juntarEmLotes, LOTE_MAX } from "./lib/saida.ts";
import { abrirSaude, type Saude } from "./lib/saude.ts";
import {
  type Certificado,
  iguais,
  lerCertificado,
  lerSeguranca,
  OPCOES_DE_QUEM_ATENDE,
  type Segredo,
  type Seguranca,
} from "./lib/seguranca.ts";
import { atenderSinais } from "./lib/sinais.ts";
import { abrirTarefas, type Tarefas } from "./lib/tarefas.ts";
import { abrirTeclado, FIM_DO_TECLADO, perguntarAte } from "./lib/teclado.ts";
import { abrirTela, type Tela } from "./lib/tela.ts";
import { darAVez, ESPERA_MS_MAX, esperaDaTentativa, esperar, RELOGIO_MS } from "./lib/tempo.ts";
import { noLimite, textoDoErro, visivel } from "./lib/texto.ts";
import {
  atender,
  CAMPOS_SECRETOS,
  type CamposDe,
  CONSOLE,
  type Corpo,
  type CorpoDe,
  discar,
  escutar,
  type EstadoDoServidor,
  LIMITES_AO_ATENDER,
  linhaDeRecusa,
  Mensagem,
  MUNDO,
  type Mundo,
  PROTOCOLO,
  type Registro,
  respostaAoGet,
  type Tipo,
  VERSAO,
} from "./mensagem.ts";

// === Limites e tempos ========================================================

/** Padrões das opções; ver {@linkcode OpcoesDoServidor}. */
const PADRAO = { ip: "127.0.0.1", porta: 10097, replicas: 2, atraso: 0, prazo: 5_000 } as const;

/** O que limita o que os outros podem custar; "caracteres" são os de key, value e linhas. */
const LIMITES = {
  /** Outros servidores por quem o líder pode esperar. */
  replicas: 16,
  /** Caracteres de todos os PUTs recebidos e por acabar; além, ERRO definitivo. */
  puts: 64 * 1024 * 1024,
  /** JOINs sendo conferidos ao mesmo tempo; além, ERRO definitivo. */
  joins: 8,
  /** Registros que se examinam sem dar a vez às conexões. */
  examinadosPorVolta: 10_000,
  /** Registros lidos do disco por vez, ao começar. */
  lidosPorVez: 5_000,
  /**
   * Registros numa página do que se leva a um servidor que volta, ou se busca nele: poucos
   * por vez deixam lugar aos GETs de quem volta, o que bench/volta.ts mede.
   */
  pagina: 150,
  /** Páginas levadas e não confirmadas; com mais, um pulso esperaria demais atrás delas. */
  paginasEmCurso: 16,
} as const;

/** Esperas, em milissegundos. */
const ESPERAS = {
  /** Primeira e maior espera do seguidor antes de procurar o líder de novo. */
  voltar: { primeira: 50, maior: 1_000 },
  /** Por uma conexão e pela apresentação entre servidores. */
  apresentar: 2_000,
  /** Pela razão de um JOIN recusado, fechada já a conexão por onde o líder replicaria. */
  razao: 50,
  /** Por uma página do que um seguidor tem de mais novo. */
  buscar: 10_000,
  /** Pela confirmação de uma página levada, antes da próxima. */
  pagina: 5,
  /** Pelo que a outra thread tem medido; ocupada com um disco lento, vale o que disse antes. */
  medir: 500,
} as const;

/** Do prazo de um PUT encaminhado, a parte guardada para a resposta do líder voltar. */
const FOLGA_DO_ENCAMINHADO = 0.1;

/** Tentativas do seguidor antes de avisar que o líder não aparece: começar antes dele é normal. */
const TENTATIVAS_CALADAS = 4;

/**
 * Timestamps reservados por vez. Antes de usar um, o líder faz todos saberem da
 * reserva que o contém; quem recomeça vai além da maior reserva conhecida, e
 * assim nenhum timestamp que alguém possa ter visto se repete.
 */
const RESERVA = 1_000_000;

/**
 * Quanto a reserva avança com uma tabela restaurada de uma cópia, que não sabe que timestamps se
 * deram depois dela: mais do que poderiam ser.
 */
const SALTO_DE_UMA_COPIA = 1_000_000 * RESERVA;

if (LIMITES.puts / LIMITES_AO_ATENDER.pedidoMinimo > RESERVA / 2) {
  throw new RangeError("Os PUTs em curso têm de caber na metade de uma RESERVA");
}

// === O que entra e o que sai =================================================

/** Opções de {@linkcode Servidor.iniciar}. */
export interface OpcoesDoServidor {
  /** Endereço deste servidor (127.0.0.1). */
  ip?: string;
  /** Porta deste servidor (10097); 0 escolhe uma livre. */
  porta?: number;
  /** Endereço do líder; o próprio, ou ausente: este é o líder. */
  lider?: string | Endereco;
  /** Por onde os outros servidores alcançam este, se não é onde ele atende (o mesmo). */
  anuncio?: string | Endereco | undefined;
  /** Por quantos outros servidores o líder espera (2); com 0, é um servidor só. */
  replicas?: number;
  /** Espera antes de aplicar cada REPLICATION, em milissegundos (0). */
  atraso?: number;
  /** Maior espera pela confirmação de um PUT, em milissegundos (5000). */
  prazo?: number;
  /** Pasta onde guardar a tabela em disco (nenhuma: só na memória). */
  dados?: string | undefined;
  /** O segredo que todos no grupo têm de provar que sabem (nenhum: qualquer um pode pedir). */
  segredo?: Segredo | undefined;
  /** Atende em TLS, com este certificado e esta chave, e disca confiando em `ca` (todos em PEM). */
  tls?: Certificado & { ca?: string | undefined } | undefined;
  /** Arquivo onde se anota cada mensagem enviada e recebida (nenhum). */
  rastro?: string | undefined;
  /** Onde responder, em HTTP, a quem opera: `/livez`, `/readyz`, `/metrics` (em lado nenhum). */
  saude?: Endereco | undefined;
  /** Recebe cada linha das que o enunciado pede (nada); não pode demorar. */
  imprimir?: ((linha: string) => void) | undefined;
  /** Recebe os avisos: o que um operador gostaria de saber (nada). */
  avisar?: (linha: string) => void;
}

/** O que um servidor pede ao mundo, com o verdadeiro por padrão: um teste põe o seu. */
export interface MundoDoServidor extends Mundo {
  /** Atende num endereço, em TLS se há certificado; a porta 0 escolhe uma livre. */
  escutar(endereco: Endereco, certificado: Certificado | undefined): Ouvinte;
  /** A outra thread, onde {@linkcode Servidor.Replicador} trabalha. */
  abrirThread(): OutraThread;
  /** A tabela em disco; ver lib/disco.ts. */
  abrirDisco(pasta: string, avisos: AvisosDoDisco): Promise<Disco>;
}

/** Uma thread: por onde se fala com ela, e como acaba. */
export interface OutraThread extends Porta {
  onerror: ((evento: ErrorEvent) => void) | null;
  terminate(): void;
}

/** A rede, as threads e o disco da máquina. */
export const MUNDO_DO_SERVIDOR: MundoDoServidor = {
  ...MUNDO,
  escutar,
  abrirThread: () => new Worker(new URL("./servidor.ts", import.meta.url), { type: "module" }),
  abrirDisco,
};

// === O que se guarda =========================================================

/** O que a tabela guarda de uma key. */
interface Versao {
  readonly value: string;
  readonly timestamp: number;
}

/**
 * A tabela de hash, e o que se sabe dos timestamps. Um PUT tira a key e a põe de novo, e assim
 * o Map fica em ordem de timestamp: é o seu próprio log, e o que falta a um servidor que volta
 * é o trecho final, depois do maior timestamp que ele tem.
 */
interface Tabela {
  readonly versoes: Map<string, Versao>;
  /** O maior timestamp conhecido; no líder, o último dado. */
  timestamp: number;
  /** O primeiro timestamp que ainda não se pode dar; ver {@linkcode RESERVA}. */
  reserva: number;
  /** De que épocas vem o que há nela. */
  historia: Historia;
  /** Onde começou a cópia de outro servidor que ainda não acabou; `undefined`, nenhuma. */
  desde: number | undefined;
  /** Até onde está guardado: no líder, em todos os servidores; num seguidor, nele. */
  confirmado: number;
}

/** Um PUT em curso, de quando chega até a resposta. */
interface Escrita {
  readonly tipo: "PUT" | "FORWARD";
  readonly id: number | undefined;
  readonly key: string;
  readonly value: string;
  /** Endereço do cliente que pediu, ainda que outro servidor tenha encaminhado. */
  readonly origem: string;
  readonly conexao: Conexao;
  /** Quando se leu a linha que o trouxe, e quando acaba o prazo. */
  readonly lida: number;
  readonly vence: number;
  /** Caracteres que ocupa. */
  readonly tamanho: number;
}

/** Um seguidor que se apresentou ao líder. */
interface Membro extends Apresentacao {
  /** Se ele tem tudo o que o líder tem: recebe REPLICATION e conta para a admissão. */
  emDia: boolean;
  /** Rejeitada quando a sessão se perde. */
  readonly perda: PromiseWithResolvers<never>;
}

/** Um servidor que falta: desde quando, no relógio do mundo, e até onde tinha confirmado. */
interface Ausente {
  readonly desde: number;
  readonly confirmado: number;
}

/** O grupo, como o líder o vê. */
interface Grupo {
  /** Seguidores presentes, por endereço. */
  readonly membros: Map<string, Membro>;
  /** Endereços sendo discados. */
  readonly entrando: Set<string>;
  /** Os que se perderam e ainda não voltaram, por endereço. */
  readonly perdidos: Map<string, Ausente>;
  /** Se, desde o início, todos já estiveram presentes, e a tabela é a do grupo; e quem espera por isso. */
  aberto: boolean;
  /** O líder está a reunir o que os outros têm, para abrir; e a última queixa que fez disso. */
  reuniao: Promise<void> | undefined;
  queixa: string;
  readonly abertura: PromiseWithResolvers<void>;
  /** Se os PUTs podem entrar: todos estão em dia. */
  admissao: boolean;
}

/** A ligação com o líder, como um seguidor a vê. */
interface Ligacao {
  /** Prova, a quem o mostra, que foi a este processo que o líder respondeu. */
  readonly token: string;
  /** O elo com o líder, para JOIN e FORWARD. */
  elo: Elo<Corpo> | undefined;
  /** A conexão pela qual o líder replica. */
  conexao: Conexao | undefined;
  /** Se o líder aceitou este servidor: pode-se encaminhar PUTs. */
  integrado: boolean;
  /** Desde quando não é assim. */
  semLiderDesde: number;
  /** Se já esteve em dia desde que começou, ou desde que esvaziou a tabela. */
  pronto: boolean;
  /** Avisa que o elo ou a conexão do líder se perdeu. */
  aoPerder: () => void;
  /** REPLICATION recebidas e, por `atraso`, ainda não aplicadas: como desistir da espera. */
  readonly atrasadas: Map<() => void, () => void>;
  /** As páginas que o líder está buscando aqui: o primeiro FETCH diz de onde, os outros continuam. */
  paginas: AsyncGenerator<Registro[]> | undefined;
}

/**
 * Até que timestamp todos confirmaram: o menor dos confirmados, ou zero se falta
 * alguém. É a conta que decide cada PUT_OK. (A ideia é a de `commitment.go`, em
 * hashicorp/raft, com todos no lugar da maioria.)
 *
 * @param quantos Quantos têm de confirmar.
 * @param confirmados O que cada um dos presentes já confirmou.
 */
export function confirmadoPorTodos(quantos: number, confirmados: readonly number[]): number {
  if (confirmados.length < quantos) return 0;
  return quantos === 0 ? Infinity : Math.min(...confirmados);
}

// === A conversa entre as duas threads ========================================

/** O que o Replicador diz à thread principal. */
interface Noticias {
  /** Todos (os seguidores, e o disco se há) têm tudo até este timestamp. */
  confirmado(ate: number): void;
  /** Um seguidor se perdeu, tendo confirmado até um timestamp. */
  perdido(sessao: number, motivo: string, confirmado: number): void;
  /** O disco não grava, por este motivo; vazio, voltou a gravar. */
  disco(motivo: string): void;
}

/** O que um seguidor disse de si ao mostrar-se-lhe o token. */
interface Apresentacao {
  readonly sessao: number;
  /** O maior timestamp que ele tem. */
  readonly timestamp: number;
  /** A maior reserva de que ele sabe. */
  readonly reserva: number;
  /** De que épocas vem o que ele tem. */
  readonly historia: Historia;
  /** Onde começou a cópia que ele não acabou, se não a acabou. */
  readonly desde: number | undefined;
}

/** Como o Replicador disca e anota. */
interface OpcoesDoReplicador {
  /** Quantos seguidores têm de confirmar. */
  readonly replicas: number;
  readonly seguranca: Seguranca;
  /** O arquivo do rastro, e o nome deste servidor nele. */
  readonly rastro: string | undefined;
  readonly quem: string;
}

/** O que o Replicador faz para a thread principal. */
interface Replicacao {
  /** Abre o disco; devolve a nota que acompanha a tabela, e o que há a avisar. */
  abrirDisco(pasta: string): Promise<Pick<Disco, "nota" | "aviso" | "copia">>;
  /** A próxima página do que estava no disco, em ordem de timestamp; vazia, acabou. */
  ler(): Registro[];
  /** Guarda uma nota em disco, depois de tudo o que já foi mandado. */
  guardar(nota: string): Promise<void>;
  /** Esvazia o disco, fica com a nota, e põe à parte o que é posterior a um timestamp; sem disco, nada. */
  recomecar(depoisDe: number, nota: string): Separados | undefined;
  iniciar(opcoes: OpcoesDoReplicador): void;
  /** Disca e mostra o token: só então aquele endereço é um seguidor. */
  juntar(endereco: Endereco, token: string): Promise<Apresentacao>;
  /** A próxima página do que o seguidor tem depois de um timestamp; vazia, acabou. */
  buscar(sessao: number, timestamp: number): Promise<Registro[]>;
  /** Leva ao seguidor uma página; cumprida quando há lugar para outra. */
  levar(sessao: number, registros: readonly Registro[]): Promise<void>;
  /** Acerta com o seguidor (um SYNC); em dia, ele passa a receber REPLICATION. */
  acertar(sessao: number, acerto: CamposDe["SYNC"], emDia: boolean): Promise<void>;
  /** Desiste do seguidor. */
  soltar(sessao: number, motivo: string): void;
  /** Linhas para os seguidores em dia; registros, e talvez uma nota, para o disco. */
  replicar(
    linhas: readonly string[],
    registros: readonly Registro[],
    ate: number,
    nota: string | undefined,
  ): void;
  /** O que tem feito, para quem opera. */
  medir(): MedidasDoReplicador;
  /** Grava o que falta, e fecha o disco. */
  fechar(): void;
}

// === O que um operador vê ====================================================

/** O que um servidor conta; só se há quem lho pergunte. */
interface Medidas {
  /** Respostas, por tipo de pedido e por resultado. */
  readonly respostas: { [tipo: string]: Contas };
  /** De quando a linha foi lida até a resposta, por tipo, em segundos. */
  readonly tempos: { readonly [tipo: string]: Histograma };
  /** Registros levados a quem voltou, e quantas vezes alguém ficou em dia. */
  levados: number;
  postosEmDia: number;
}

/** Até onde um seguidor confirmou, e há quantos segundos se lhe mandou o que não confirma. */
interface MedidasDoSeguidor {
  readonly servidor: string;
  readonly confirmado: number;
  readonly segundos: number;
}

/** O que conta a outra thread. */
interface MedidasDoReplicador {
  readonly seguidores: readonly MedidasDoSeguidor[];
  readonly disco: MedidasDoDisco | undefined;
}

// === A classe Servidor =======================================================

/** Um servidor: líder se o endereço do líder é o seu, senão seguidor. */
export class Servidor {
  readonly #opcoes:
    & OpcoesDoServidor
    & Required<Pick<OpcoesDoServidor, "replicas" | "atraso" | "prazo" | "avisar">>;
  readonly #mundo: MundoDoServidor;
  /** Onde este servidor atende. */
  readonly #meu: Endereco;
  /** Por onde os outros servidores o alcançam. */
  readonly #conhecido: Endereco;
  /** O líder, se é outro; `undefined`, este é o líder. */
  readonly #lider: Endereco | undefined;
  readonly #ouvinte: Ouvinte;
  readonly #conexoes: Conexoes;
  readonly #rastro: Rastro | undefined;
  readonly #tabela: Tabela;
  /**
   * Os PUTs em curso. Esperam a sua vez: no líder, todos estarem em dia; no seguidor, o líder.
   * No líder, o número é o timestamp, e com ele estão na tabela, à espera de confirmação.
   */
  readonly #puts = abrirFila<Escrita>(LIMITES.puts);
  /** Como desistir da próxima verificação de prazos; `undefined`, não está marcada. */
  #pararRelogio: (() => void) | undefined;
  /** O que entrou na tabela nesta volta do laço de eventos; `ate` zero, nada. */
  readonly #volta = { registros: [] as Registro[], ate: 0 };
  /** A outra thread, se há o que fazer nela: no líder, replicar; com `dados`, gravar. */
  readonly #outra: Partes["outra"];
  /** Por que o disco não grava; vazio, se grava. Enquanto não grava, não há PUTs. */
  #discoFalho = "";
  readonly #saude: Saude | undefined;
  readonly #medidas: Medidas | undefined;
  /** O que a outra thread disse da última vez. */
  #medidasDaOutra: MedidasDoReplicador = { seguidores: [], disco: undefined };
  readonly #grupo: Grupo = {
    membros: new Map(),
    entrando: new Set(),
    perdidos: new Map(),
    aberto: false,
    reuniao: undefined,
    queixa: "",
    abertura: Promise.withResolvers<void>(),
    admissao: false,
  };
  readonly #ligacao: Ligacao;
  /** Se já não se aceitam pedidos novos. */
  #encerrando = false;
  /** Termina todos os laços e esperas. */
  readonly #parada = new AbortController();
  readonly #tarefas: Tarefas = abrirTarefas(this.#parada.signal);
  readonly #fim = Promise.withResolvers<void>();

  // --- Início e fim (seção 5a) -----------------------------------------------

  /**
   * Seção 5a. Começa a atender no endereço pedido e, em segundo plano, a
   * procurar os outros: os servidores podem começar em qualquer ordem.
   *
   * @param mundo De onde vêm a rede, o relógio, o acaso, a outra thread e o disco.
   * @throws {Error} se o endereço não pode ser usado (porta ocupada, IP alheio), ou
   * a pasta de dados (em uso, danificada, sem permissão): nada foi mudado nela.
   */
  static async iniciar(
    opcoes: OpcoesDoServidor = {},
    mundo: MundoDoServidor = MUNDO_DO_SERVIDOR,
  ): Promise<Servidor> {
    const { ip = PADRAO.ip, porta = PADRAO.porta, dados } = opcoes;
    const { replicas = PADRAO.replicas } = opcoes;
    const meu = { ip, porta };
    const [outro, anuncio] = [opcoes.lider, opcoes.anuncio].map((endereco) =>
      typeof endereco === "string" ? lerEndereco(endereco) : endereco
    );
    const souLider = !outro || textoDoEndereco(outro) === textoDoEndereco(anuncio ?? meu);
    const noticias: Noticias = {
      confirmado: (ate) => servidor.#confirmar(ate),
      perdido: (...perda) => servidor.#perderMembro(...perda),
      disco: (motivo) => servidor.#notarDisco(motivo),
    };
    let servidor: Servidor;
    // Responde a quem opera já enquanto enche a tabela: está vivo, e ainda não está pronto.
    const saude = opcoes.saude && abrirSaude(opcoes.saude, {
      estado: () => servidor?.estado ?? aEncher(outro ?? meu, anuncio ?? meu),
      metricas: () => servidor?.metricas() ?? "",
    });
    const outra = (souLider && replicas > 0) || dados !== undefined
      ? abrirOutra(mundo, noticias)
      : undefined;
    try {
      // Quem não pode responder ainda não atende: primeiro a tabela, depois o endereço.
      const { tabela, aviso } = await encherTabela(outra, dados);
      if (aviso) opcoes.avisar?.(`Aviso: ${aviso}`);
      const partes = { meu, anuncio, lider: souLider ? undefined : outro, outra, saude, tabela };
      servidor = new Servidor({ ...opcoes, replicas }, mundo, partes);
    } catch (erro) {
      await outra?.chamar("fechar").catch(() => {});
      outra?.thread.terminate();
      await saude?.fechar();
      throw erro;
    }
    try {
      await servidor.#comecar();
    } catch (erro) {
      await servidor.parar();
      throw erro;
    }
    return servidor;
  }

  private constructor(
    opcoes: OpcoesDoServidor,
    mundo: MundoDoServidor,
    partes: Partes,
  ) {
    const { ip: _ip, porta: _porta, lider: _lider, avisar = () => {}, ...resto } = opcoes;
    const { replicas = PADRAO.replicas, atraso = PADRAO.atraso, prazo = PADRAO.prazo } = opcoes;
    this.#opcoes = {
      ...resto,
      replicas,
      atraso,
      prazo,
      avisar: (linha) => avisar(visivel(linha)),
    };
    this.#mundo = mundo;
    this.#lider = partes.lider;
    this.#outra = partes.outra;
    this.#saude = partes.saude;
    this.#medidas = partes.saude && {
      respostas: {},
      tempos: { PUT: abrirHistograma(), FORWARD: abrirHistograma(), GET: abrirHistograma() },
      levados: 0,
      postosEmDia: 0,
    };
    this.#tabela = partes.tabela;
    this.#ligacao = {
      token: mundo.sigilo(),
      elo: undefined,
      conexao: undefined,
      integrado: false,
      semLiderDesde: mundo.agora(),
      pronto: false,
      aoPerder: () => {},
      atrasadas: new Map(),
      paginas: undefined,
    };
    const { segredo, tls, rastro } = this.#opcoes;
    this.#ouvinte = mundo.escutar(partes.meu, tls);
    this.#meu = { ...partes.meu, porta: this.#ouvinte.addr.port };
    this.#conhecido = partes.anuncio ?? this.#meu;
    try {
      this.#rastro = rastro === undefined
        ? undefined
        : abrirRastro(rastro, this.endereco, CAMPOS_SECRETOS);
    } catch (erro) {
      this.#ouvinte.close();
      throw erro;
    }
    this.#conexoes = atender(this.#ouvinte, {
      mundo,
      tarefas: this.#tarefas,
      parada: this.#parada.signal,
      rastro: this.#rastro,
      segredo,
      receber: (conexao, corpo, lida) => this.#receber(conexao, corpo, lida),
      aoRecusar: () => this.#medir("invalido", ERRO_DEFINITIVO),
      aoFechar: (conexao) => {
        if (conexao === this.#ligacao.conexao) this.#soltarLider();
      },
    });
  }

  async #comecar(): Promise<void> {
    const { replicas, rastro } = this.#opcoes;
    const opcoes = { replicas: this.souLider ? replicas : 0, seguranca: this.#seguranca, rastro };
    if (this.#outra) {
      await this.#outra.chamar("iniciar", { ...opcoes, quem: this.endereco });
      // Daqui em diante uma falha dela é um estado impossível, e para o processo.
      this.#outra.thread.onerror = null;
    }
    if (!this.souLider) this.#tarefas.guardar(this.#seguir());
    else if (replicas === 0) this.#tarefas.guardar(this.#abrir());
    this.#opcoes.avisar(this.#apresentacao());
    this.#tarefas.guardar(this.#conexoes.aceitar());
    this.#tarefas.guardar(this.#conexoes.vigiar());
  }

  /** O que este servidor é, ao começar. */
  #apresentacao(): string {
    const tem = `em ${this.endereco}, com ${this.#tabela.versoes.size} keys`;
    if (this.#lider) {
      return `Pronto: seguidor ${tem}; procura o líder em ${textoDoEndereco(this.#lider)}`;
    }
    const { replicas } = this.#opcoes;
    return replicas === 0
      ? `Pronto: servidor único ${tem}; aceita PUTs`
      : `Pronto: líder ${tem}; à espera de ${replicas} outros servidores`;
  }

  /** O endereço deste servidor, `IP:PORTA`. */
  get endereco(): string {
    return textoDoEndereco(this.#meu);
  }

  /** Se este servidor é o líder. */
  get souLider(): boolean {
    return this.#lider === undefined;
  }

  /** PUTs recebidos e ainda sem resposta. */
  get putsEmCurso(): number {
    return this.#puts.semResposta;
  }

  /** Cumprida quando este servidor parou de todo. */
  get parado(): Promise<void> {
    return this.#fim.promise;
  }

  /** Onde responde a quem opera, `IP:PORTA`; `undefined`, em lado nenhum. */
  get saude(): string | undefined {
    return this.#saude?.endereco;
  }

  /** Como discar para os outros servidores. */
  get #seguranca(): Seguranca {
    const { segredo, tls } = this.#opcoes;
    return { segredo, tls: tls && { ca: tls.ca } };
  }

  /**
   * Para em ordem: não aceita mais pedidos, espera os PUTs em curso (cada um acaba
   * até o seu prazo), fecha o disco e as conexões. Parar de novo só espera.
   */
  async parar(): Promise<void> {
    if (this.#encerrando) return this.parado;
    this.#encerrando = true;
    this.#conexoes.encerrar();
    // O que se leu tem resposta: os PUTs em curso, até o seu prazo; o resto, que se está parando.
    const fim = this.#mundo.agora() + this.#opcoes.prazo;
    const falta = () =>
      this.#puts.semResposta > 0 ||
      (this.#conexoes.haPorTratar() && this.#mundo.agora() < fim);
    while (falta()) await this.#esperar(RELOGIO_MS);
    this.#replicar();
    await this.#outra?.chamar("fechar").catch(() => {});
    this.#parada.abort();
    this.#pararRelogio?.();
    for (const desistir of this.#ligacao.atrasadas.keys()) desistir();
    this.#ligacao.elo?.fechar("Servidor parado");
    await this.#conexoes.fecharTodas();
    this.#outra?.thread.terminate();
    this.#outra?.desligar("servidor parado");
    this.#grupo.abertura.resolve();
    await this.#tarefas.acabarem();
    await this.#saude?.fechar();
    this.#rastro?.[Symbol.dispose]();
    this.#fim.resolve();
  }

  /** O mesmo que {@linkcode parar}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.parar();
  }

  /** Espera, ou menos se o servidor parar antes. */
  #esperar(ms: number): Promise<void> {
    return esperar(this.#mundo, ms, this.#parada.signal);
  }

  // --- Receber e responder (seção 5b) ----------------------------------------
  // Seção 5b. Recebe e responde simultaneamente: cada conexão tem a sua tarefa
  // (lib/conexoes.ts), e nenhuma espera por outra. As conexões com os seguidores, que o
  // líder usa para replicar, vivem noutra thread.

  /** Uma mensagem, um tratamento: o único lugar onde o tipo decide. */
  #receber(conexao: Conexao, corpo: Corpo, lida: number): void {
    const { prazo } = this.#opcoes;
    if (this.#encerrando && ["GET", "PUT", "FORWARD"].includes(corpo.tipo)) {
      const motivo = "Pedido recusado: o servidor está parando";
      return this.#recusar(conexao, corpo.id, motivo, corpo.tipo);
    }
    switch (corpo.tipo) {
      case "GET":
        return this.#tratarGet(conexao, corpo, lida);
      case "PUT":
        return this.#tratarPut(conexao, corpo, conexao.endereco, lida, lida + prazo);
      case "PULSE":
        return this.#enviar(conexao, { tipo: "PULSE_OK", id: corpo.id });
      case "JOIN":
        return this.#adiar(conexao, this.#tratarJoin(conexao, corpo));
      case "LEADER":
        return this.#tratarLeader(conexao, corpo);
      case "AUTH":
        return this.#recusar(
          conexao,
          corpo.id,
          "AUTH recusado: este servidor não tem segredo",
          "AUTH",
        );
    }
    if (corpo.tipo === "FORWARD" && this.souLider && conexao.confianca === "par") {
      const vence = lida + Math.min(corpo.prazo, prazo);
      return this.#tratarPut(conexao, corpo, corpo.origem, lida, vence);
    }
    if (conexao === this.#ligacao.conexao) {
      switch (corpo.tipo) {
        case "REPLICATION":
          return this.#tratarReplication(corpo);
        case "ENTRY":
          return this.#aplicar(corpo);
        case "FETCH":
          return this.#adiar(conexao, this.#tratarFetch(conexao, corpo));
        case "SYNC":
          return this.#adiar(conexao, this.#tratarSync(conexao, corpo));
      }
    }
    const { id, tipo } = corpo;
    this.#recusar(conexao, id, `Pedido recusado: ${tipo} não cabe nesta conexão`, tipo);
  }

  /** Um pedido cuja resposta vem depois, mesmo a quem já fechou a sua metade. */
  #adiar(conexao: Conexao, tratamento: Promise<void>): void {
    this.#conexoes.comecar(conexao, 0);
    this.#tarefas.guardar(tratamento.finally(() => this.#conexoes.acabar(conexao, 0)));
  }

  #enviar(conexao: Conexao, corpo: Corpo): void {
    this.#conexoes.enviar(conexao, new Mensagem(corpo).linha());
  }

  /** Um ERRO definitivo: o pedido não teve nem terá efeito. */
  #recusar(conexao: Conexao, id: number | undefined, erro: string, tipo: Tipo): void {
    this.#conexoes.enviar(conexao, linhaDeRecusa(id, erro));
    this.#medir(tipo, ERRO_DEFINITIVO);
  }

  /** Conta uma resposta e, se se diz quando se leu o pedido, o tempo que levou. */
  #medir(tipo: string, resultado: string, lida?: number): void {
    const medidas = this.#medidas;
    if (!medidas) return;
    contar(medidas.respostas[tipo] ??= {}, resultado);
    if (lida === undefined) return;
    observar(medidas.tempos[tipo]!, (this.#mundo.agora() - lida) / 1000);
  }

  // --- PUT (seção 5c) --------------------------------------------------------
  // O líder o insere e replica; qualquer outro o encaminha. Os que não podem andar já (falta
  // um servidor, ou o líder) esperam na fila, na ordem em que chegaram, até o seu prazo.

  /** Seção 5c. Requisição PUT, de um cliente ou encaminhada por um seguidor. */
  #tratarPut(
    conexao: Conexao,
    { tipo, id, key, value }: CorpoDe<"PUT"> | CorpoDe<"FORWARD">,
    origem: string,
    lida: number,
    vence: number,
  ): void {
    const tamanho = Math.max(key.length + value.length, LIMITES_AO_ATENDER.pedidoMinimo);
    const cabe = this.#conexoes.cabe(conexao);
    const escrita = { tipo, id, key, value, origem, conexao, lida, vence, tamanho };
    const put = this.#puts.receber(escrita);
    this.#opcoes.imprimir?.(
      this.souLider ? CONSOLE.put(origem, key, value) : CONSOLE.encaminhando(key, value),
    );
    this.#conexoes.comecar(conexao, tamanho);
    if (!put.cabe || !cabe) {
      const limite = (put.cabe ? LIMITES_AO_ATENDER.pedidos : LIMITES.puts) / 2 ** 20;
      const onde = put.cabe ? " nesta conexão" : "";
      const demais = noLimite(`já há PUTs demais em curso${onde}: ${limite} milhões de caracteres`);
      this.#falhar(put, `PUT recusado: ${demais}`, true);
    } else if (vence <= this.#mundo.agora()) {
      this.#falhar(put, "PUT não aceito no prazo: as respostas anteriores não foram lidas", true);
    } else if (this.#discoFalho) {
      this.#falhar(put, `PUT recusado: ${this.#discoFalho}`, true);
    } else {
      this.#escoarFila();
      this.#pararRelogio ??= this.#mundo.depois(RELOGIO_MS, () => this.#verificarPrazos());
    }
  }

  /** Faz andar os PUTs que esperavam, na ordem em que chegaram. */
  #escoarFila(): void {
    if (this.souLider ? !this.#grupo.admissao : !this.#ligacao.integrado) return;
    for (const put of this.#puts.espera) {
      if (this.souLider) this.#inserir(put);
      else this.#encaminhar(put, this.#ligacao.elo!);
    }
  }

  /**
   * Seção 5c, itens 1 e 2. Insere na tabela local com um timestamp novo, e só
   * então replica: por isso um GET ao líder pode mostrar um PUT ainda não
   * confirmado.
   */
  #inserir(put: NaFila<Escrita>): void {
    const { key, value } = put.pedido;
    const timestamp = this.#tabela.timestamp + 1;
    this.#puts.numerar(put, timestamp);
    this.#aplicar({ key, value, timestamp });
  }

  /** Põe uma versão na tabela, se é mais nova que a que há: uma key só anda para a frente. */
  #aplicar({ key, value, timestamp }: Registro): void {
    const tabela = this.#tabela;
    const volta = this.#volta;
    if (timestamp > (tabela.versoes.get(key)?.timestamp ?? 0)) {
      tabela.versoes.delete(key);
      tabela.versoes.set(key, { value, timestamp });
      tabela.timestamp = Math.max(tabela.timestamp, timestamp);
      if (this.#outra) volta.registros.push({ key, value, timestamp });
    }
    if (volta.ate === 0) this.#marcarReplicacao();
    volta.ate = Math.max(volta.ate, timestamp);
  }

  /**
   * Um PUT sozinho segue acabado o código síncrono. Havendo outros em curso, no fim da volta do
   * laço de eventos, com os que ela trouxe pelas outras conexões: vão mais em cada mensagem.
   */
  #marcarReplicacao(): void {
    const seguir = () => this.#replicar();
    if (this.#puts.numerados.size > 1) this.#mundo.aSeguir(seguir);
    else queueMicrotask(seguir);
  }

  /** Seção 5c, item 2. Entrega à outra thread, de uma vez, o que entrou na tabela nesta volta. */
  #replicar(): void {
    const { registros, ate } = this.#volta;
    if (ate === 0) return;
    this.#volta.registros = [];
    this.#volta.ate = 0;
    // Metade da reserva gasta, a seguinte vai atrás dos registros: quem a recebe já os tem.
    const { dados, replicas } = this.#opcoes;
    const renova = this.souLider && this.#grupo.aberto && ate + RESERVA / 2 >= this.#tabela.reserva;
    if (renova) this.#tabela.reserva += RESERVA;
    if (!this.#outra) return this.#confirmar(ate);
    // Prontas aqui, as linhas passam à outra thread como texto, que é barato de copiar.
    const linhas = this.souLider && replicas > 0
      ? juntarEmLotes(registros.map((r) => new Mensagem({ tipo: "REPLICATION", ...r }).linha()))
      : [];
    if (renova) {
      const { reserva } = this.#tabela;
      linhas.push(new Mensagem({ tipo: "SYNC", timestamp: ate, reserva }).linha());
    }
    const nota = renova ? notaDe(this.#tabela) : undefined;
    this.#outra.avisar("replicar", linhas, dados ? registros : [], ate, nota);
  }

  /** Seção 5c, quando este não é o líder: encaminha o PUT e devolve a resposta do líder. */
  async #encaminhar(put: NaFila<Escrita>, elo: Elo<Corpo>): Promise<void> {
    this.#puts.tirar(put);
    const { id, key, value, origem, vence } = put.pedido;
    const resta = Math.max(1, vence - this.#mundo.agora());
    const prazo = Math.ceil(resta * (1 - FOLGA_DO_ENCAMINHADO));
    try {
      const resposta = await elo.pedir({ tipo: "FORWARD", key, value, origem, prazo }, resta);
      if (resposta.tipo !== "PUT_OK" && resposta.tipo !== "ERRO") {
        throw new TypeError(`Resposta inesperada do líder: ${resposta.tipo}`);
      }
      this.#responder(put, { ...resposta, id });
    } catch (erro) {
      // O cliente não sabe, nem por um erro, onde está o líder: o motivo diria o endereço.
      const motivo = elo.perdido ? "a ligação com o líder se perdeu" : "o líder não respondeu";
      this.#falhar(put, `PUT não confirmado: ${motivo}`, falhaDefinitiva(erro));
    }
  }

  /**
   * Responde aos PUTs cujo prazo acabou. Quem ainda esperava para entrar não teve
   * nem terá efeito; quem já está na tabela chegará a todos, e só não se sabe
   * quando.
   */
  #verificarPrazos(): void {
    const { espera, numerados } = this.#puts;
    const agora = this.#mundo.agora();
    for (const put of espera) {
      if (put.pedido.vence > agora) continue;
      this.#falhar(put, `PUT não aceito no prazo: ${this.#oQueFalta()}`, true);
    }
    for (const [timestamp, put] of numerados) {
      if (put.pedido.vence > agora || put.respondido) continue;
      const erro = `PUT ${timestamp} não confirmado no prazo: ${this.#oQueFalta()}`;
      this.#falhar(put, erro, false);
    }
    this.#pararRelogio = espera.size + numerados.size > 0
      ? this.#mundo.depois(RELOGIO_MS, () => this.#verificarPrazos())
      : undefined;
  }

  /** Por que os PUTs não andam. */
  #oQueFalta(): string {
    if (this.#discoFalho) return this.#discoFalho;
    if (!this.souLider) return "sem ligação com o líder";
    const { replicas } = this.#opcoes;
    const { aberto, membros } = this.#grupo;
    if (!aberto) return `${membros.size} de ${replicas} outros servidores presentes`;
    const emDia = this.#quantosEmDia();
    return emDia < replicas
      ? `${emDia} de ${replicas} outros servidores em dia`
      : "um servidor ainda não confirmou";
  }

  /** A única resposta de um PUT; as seguintes nada fazem. */
  #responder(put: NaFila<Escrita>, resposta: Corpo): void {
    if (!this.#puts.responder(put)) return;
    const { tipo, conexao, lida, tamanho } = put.pedido;
    this.#enviar(conexao, resposta);
    this.#conexoes.acabar(conexao, tamanho);
    const definitivo = resposta.tipo === "ERRO" && resposta.definitivo;
    this.#medir(tipo, definitivo ? ERRO_DEFINITIVO : resposta.tipo, lida);
  }

  #falhar(put: NaFila<Escrita>, erro: string, definitivo: boolean): void {
    this.#puts.tirar(put);
    this.#responder(put, { tipo: "ERRO", id: put.pedido.id, erro, definitivo });
  }

  // --- REPLICATION (seção 5d), no seguidor -----------------------------------

  /** Seção 5d. Insere na tabela local; o REPLICATION_OK segue quando estiver guardado. */
  #tratarReplication({ key, value, timestamp }: Registro): void {
    const { imprimir, atraso } = this.#opcoes;
    imprimir?.(CONSOLE.replication({ key, value, timestamp }));
    if (atraso === 0) return this.#aplicar({ key, value, timestamp });
    const { atrasadas } = this.#ligacao;
    const inserir = () => this.#aplicar({ key, value, timestamp });
    const desistir = this.#mundo.depois(atraso, () => {
      atrasadas.delete(desistir);
      inserir();
    });
    atrasadas.set(desistir, inserir);
  }

  // --- REPLICATION_OK (seção 5e) ---------------------------------------------
  // O seguidor o manda quando tem (em disco, se o usa) tudo até um timestamp, e vale por todos
  // até ele. No líder, o Replicador os recebe e faz a conta: está confirmado o que todos têm.

  /** Está tudo guardado até este timestamp: neste servidor, e, se é o líder, em todos. */
  #confirmar(ate: number): void {
    this.#tabela.confirmado = ate;
    if (this.souLider) return this.#enviarPutOk(ate);
    const { conexao } = this.#ligacao;
    if (conexao) this.#enviar(conexao, { tipo: "REPLICATION_OK", timestamp: ate });
  }

  /** Seção 5c, item 3, e seção 5e. Todos confirmaram: os PUTs até aqui recebem o seu PUT_OK. */
  #enviarPutOk(ate: number): void {
    const { imprimir } = this.#opcoes;
    for (const [timestamp, put] of this.#puts.confirmar(ate)) {
      const { id, key, origem } = put.pedido;
      imprimir?.(CONSOLE.putOk(origem, key, timestamp));
      this.#responder(put, { tipo: "PUT_OK", id, key, timestamp });
    }
  }

  // --- GET (seção 5f) --------------------------------------------------------

  /** Seção 5f. Requisição GET: nunca um value anterior ao que o cliente já viu. */
  #tratarGet(conexao: Conexao, pedido: CorpoDe<"GET">, lida: number): void {
    const versao = this.#tabela.versoes.get(pedido.key);
    const resposta = respostaAoGet(pedido, versao?.value ?? null, versao?.timestamp ?? 0);
    this.#opcoes.imprimir?.(CONSOLE.get(conexao.endereco, pedido.timestamp, resposta));
    this.#enviar(conexao, resposta);
    if (!this.#medidas) return;
    const nada = resposta.tipo === "GET_OK" && resposta.value === null;
    this.#medir("GET", nada ? "NULL" : resposta.tipo, lida);
  }

  // --- O grupo, visto do líder -----------------------------------------------
  // As quatro perguntas da seção 5a não dizem ao líder onde estão os outros:
  // cada um se apresenta (JOIN), o Replicador disca de volta e mostra o token
  // recebido. Um seguidor que volta é posto em dia com os PUTs parados, e por
  // isso nunca em corrida com eles.

  async #tratarJoin(conexao: Conexao, join: CorpoDe<"JOIN">): Promise<void> {
    const { id, endereco, token } = join;
    try {
      conferirProtocolo(join);
      if (!this.souLider && iguais(token, this.#ligacao.token)) {
        throw new Error(
          "o líder pedido é este mesmo servidor: diga, com --anuncio, o seu endereço",
        );
      }
      if (!this.souLider) throw new Error("este servidor não é o líder");
      const pedido = lerEndereco(endereco);
      const todos = pedido.ip === "0.0.0.0" || pedido.ip === "::";
      const onde = todos ? { ...pedido, ip: conexao.canal.remoteAddr.hostname } : pedido;
      await this.#integrar(onde, token);
      conexao.confianca = "par";
      this.#enviar(conexao, { tipo: "JOIN_OK", id });
    } catch (erro) {
      this.#recusar(conexao, id, `JOIN recusado: ${(erro as Error).message}`, "JOIN");
    }
  }

  /** Faz de um servidor um seguidor em dia; falha se ele se perde no caminho. */
  async #integrar(endereco: Endereco, token: string): Promise<void> {
    const nome = textoDoEndereco(endereco);
    const grupo = this.#grupo;
    this.#conferirEntrada(nome);
    const membro = await this.#discarDeVolta(nome, endereco, token);
    try {
      // Outro pode ter tomado o lugar: só quem atendeu ocupa um, e um estranho calado, nenhum.
      this.#conferirLugar(nome);
      this.#conferirLideranca(membro);
      grupo.membros.set(nome, membro);
      if (!grupo.aberto) await Promise.race([this.#reunir(), membro.perda.promise]);
      await Promise.race([grupo.abertura.promise, membro.perda.promise]);
      await this.#porEmDia(nome, membro);
    } catch (erro) {
      this.#outra!.avisar("soltar", membro.sessao, (erro as Error).message);
      throw erro;
    }
    this.#admitir();
    grupo.perdidos.delete(nome);
    // Com todos em dia, o lugar de quem se perdeu já é de outro.
    if (grupo.admissao) grupo.perdidos.clear();
    const quem = [...grupo.perdidos.keys()].map((perdido) => `, ${perdido}`).join("");
    this.#opcoes.avisar(
      grupo.admissao
        ? `${nome} está em dia; não falta ninguém: aceita PUTs`
        : `${nome} está em dia; ${this.#oQueFalta()}${quem && `, falta${quem.slice(1)}`}`,
    );
  }

  /** Disca para quem quer entrar: só é um membro quem atende e reconhece o token. */
  async #discarDeVolta(nome: string, endereco: Endereco, token: string): Promise<Membro> {
    const { entrando } = this.#grupo;
    entrando.add(nome);
    try {
      const apresentacao = await this.#outra!.chamar("juntar", endereco, token);
      const perda = Promise.withResolvers<never>();
      perda.promise.catch(() => {});
      return { ...apresentacao, emDia: false, perda };
    } finally {
      entrando.delete(nome);
    }
  }

  /** @throws {Error} se quem tem este endereço não pode entrar agora. */
  #conferirEntrada(nome: string): void {
    const { entrando, perdidos } = this.#grupo;
    if ([this.#meu, this.#conhecido].map(textoDoEndereco).includes(nome)) {
      throw new Error(`${nome} é o endereço do líder`);
    }
    this.#conferirLugar(nome);
    if (entrando.has(nome)) throw new Error(`${nome} já está entrando`);
    // Quem já foi do grupo não espera atrás de estranhos.
    if (entrando.size >= LIMITES.joins && !perdidos.has(nome)) {
      throw new Error(noLimite(`já há ${LIMITES.joins} servidores entrando`));
    }
  }

  /** @throws {Error} se os outros já são tantos quantos o grupo espera. */
  #conferirLugar(nome: string): void {
    const { membros } = this.#grupo;
    const { replicas } = this.#opcoes;
    const outros = membros.size - (membros.has(nome) ? 1 : 0);
    if (outros >= replicas) throw new Error(`o grupo já tem os ${replicas} que espera`);
  }

  /**
   * Quem já seguiu outro líder, que começou depois deste, tem o que com ele se confirmou: levar-lhe a
   * tabela deste seria perdê-lo. Recomeçado, este reúne o que há, e toma-o.
   *
   * @throws {Error} se este líder, que nunca parou, já não é o último.
   */
  #conferirLideranca(membro: Membro): void {
    const grupo = this.#grupo;
    if (!grupo.aberto || !foiAlem(membro, this.#tabela)) return;
    // Sem dizer quem: tentam todos, a cada segundo, e diz-se uma vez.
    const queixa =
      "quem procura este líder já seguiu outro, que começou depois: recomece-o, para " +
      "que tome o que se confirmou sem ele, ou ponha-o a seguir o outro";
    if (queixa !== grupo.queixa) this.#opcoes.avisar(`Aviso: ${queixa}`);
    grupo.queixa = queixa;
    throw new Error(
      "este servidor já seguiu outro líder, que começou depois desse: recomece o líder",
    );
  }

  /**
   * Com todos presentes, um líder que recomeça reúne o que há e abre. É uma vez só para todos os que
   * esperam por isso: se falha, todos se apresentam de novo, e não fica quem a espere sem ninguém que
   * a tente.
   */
  #reunir(): Promise<void> {
    const grupo = this.#grupo;
    if (!grupo.reuniao && grupo.membros.size < this.#opcoes.replicas) return Promise.resolve();
    return grupo.reuniao ??= this.#reunirTodos().finally(() => grupo.reuniao = undefined);
  }

  /**
   * Escolhe a tabela que é a do grupo, toma-a se não é a sua, e abre. As que são começo umas das
   * outras são uma história só, e vale a mais adiantada.
   */
  async #reunirTodos(): Promise<void> {
    const tabela = this.#tabela;
    const grupo = this.#grupo;
    const todos = [...grupo.membros];
    const melhor = escolherOrigem([tabela, ...todos.map(([, membro]) => membro)]);
    if (!melhor) {
      const nomes = todos.map(([nome]) => nome).join(" e ");
      const queixa = `${nomes} têm dados de histórias diferentes, e o líder não tem a de nenhum: ` +
        "comece sem dados o que não é deste grupo";
      if (queixa !== grupo.queixa) this.#opcoes.avisar(`Aviso: ${queixa}`);
      grupo.queixa = queixa;
      throw new Error(queixa);
    }
    const achado = todos.find(([, membro]) => membro === melhor);
    if (achado) await this.#tomarDe(...achado);
    for (const [, { reserva }] of todos) tabela.reserva = Math.max(tabela.reserva, reserva);
    await this.#abrir();
  }

  /** Toma a tabela de um membro: o que ele tem depois, ou toda, se a própria é de outra história. */
  async #tomarDe(nome: string, membro: Membro): Promise<void> {
    const tabela = this.#tabela;
    if (!ehComeco(tabela, membro)) await this.#recomecar(comumAte(tabela, membro));
    // Antes do primeiro registro: cortada a meio, sabe-se de quem era e onde começou.
    tabela.historia = membro.historia;
    tabela.desde = Math.min(tabela.desde ?? Infinity, tabela.timestamp);
    await this.#guardarNota();
    const relatar = this.#relator(`Recuperando de ${nome}`, tabela.timestamp, membro.timestamp);
    while (membro.timestamp > tabela.timestamp) {
      const registros = await this.#outra!.chamar("buscar", membro.sessao, tabela.timestamp);
      for (const registro of registros) this.#aplicar(registro);
      // Ele sabe de um timestamp (de um SYNC) que não é o de nenhum dos seus registros.
      if (registros.length === 0) tabela.timestamp = membro.timestamp;
      relatar(registros);
    }
  }

  /**
   * Esvazia a tabela, que não é um começo da do grupo: é de outra história, e fica à parte o que é
   * posterior a um timestamp; ou uma cópia a meio, e o que nela é de fiar o grupo tem.
   */
  async #recomecar(comum: number): Promise<void> {
    this.#replicar();
    const tabela = this.#tabela;
    const { versoes } = tabela;
    const aMeio = tabela.desde !== undefined && comum >= tabela.desde;
    const depoisDe = aMeio ? tabela.timestamp : comum;
    const quantos = [...versoes.values()].filter(({ timestamp }) => timestamp > depoisDe).length;
    const vazia = { ...tabela, timestamp: 0, desde: 0 };
    const separados = await this.#outra?.chamar("recomecar", depoisDe, notaDe(vazia));
    versoes.clear();
    Object.assign(tabela, vazia);
    if (aMeio) return this.#opcoes.avisar("Uma cópia interrompida recomeça do princípio");
    const onde = separados?.arquivo ? `ficaram em ${separados.arquivo}` : "perderam-se";
    this.#opcoes.avisar(
      "Aviso: os dados deste servidor são de outra história, e vêm todos do grupo" +
        (quantos > 0 ? `; ${quantos} registros que só ele tinha ${onde}` : ""),
    );
  }

  /** Conta, de segundo em segundo, como vai a cópia de registros entre dois timestamps. */
  #relator(oQue: string, de: number, ate: number): (registros: readonly Registro[]) => void {
    const relatar = abrirRelato(oQue, this.#mundo, this.#opcoes.avisar);
    return (registros) => {
      const ultimo = registros.at(-1)?.timestamp ?? de;
      relatar(registros.length, (ultimo - de) / (ate - de));
    };
  }

  /** Todos presentes e lidos: daqui em diante quem sabe de tudo é o líder. */
  async #abrir(): Promise<void> {
    if (this.#grupo.aberto) return;
    this.#grupo.aberto = true;
    const tabela = this.#tabela;
    const epoca = { id: this.#mundo.sigilo(), apos: tabela.timestamp };
    tabela.historia = [...tabela.historia, epoca].slice(-EPOCAS_MAX);
    tabela.desde = undefined;
    // A reserva que alguém já conhecia pode ter sido usada; a nova começa depois.
    if (tabela.reserva > 0) tabela.timestamp = tabela.reserva - 1;
    tabela.reserva += RESERVA;
    await this.#guardarNota();
    this.#grupo.abertura.resolve();
    this.#admitir();
  }

  /** No disco, se há, antes que alguém use um timestamp dela. */
  async #guardarNota(): Promise<void> {
    // Quem recebe esta confirmação conta com tudo o que veio antes: segue à frente.
    this.#replicar();
    await this.#outra?.chamar("guardar", notaDe(this.#tabela));
  }

  /**
   * Leva ao membro o que lhe falta: o trecho da tabela depois do timestamp dele; ou toda ela, se o
   * que ele tem não é um começo dela.
   */
  async #porEmDia(nome: string, membro: Membro): Promise<void> {
    const tabela = this.#tabela;
    const outra = this.#outra!;
    const { sessao } = membro;
    // A cópia que se começou a receber deste mesmo líder, e não se acabou, continua de onde ia.
    const destaEpoca = membro.historia.at(-1)?.id === tabela.historia.at(-1)?.id;
    const comeco = destaEpoca || ehComeco(membro, tabela);
    const timestamp = comeco ? membro.timestamp : 0;
    const descartar = comeco ? undefined : comumAte(membro, tabela);
    if (descartar !== undefined && descartar < (membro.desde ?? Infinity)) {
      this.#opcoes.avisar(`Aviso: ${nome} tem dados de outra história: recebe os do grupo`);
    }
    // A reserva vai antes do primeiro registro: se o líder morre a meio, este já sabe dela.
    const { reserva, historia } = tabela;
    await outra.chamar("acertar", sessao, { timestamp, reserva, historia, descartar }, false);
    const relatar = this.#relator(`Pondo ${nome} em dia`, timestamp, tabela.timestamp);
    for await (const registros of this.#paginasDepoisDe(timestamp)) {
      await outra.chamar("levar", sessao, registros);
      relatar(registros);
      if (this.#medidas) this.#medidas.levados += registros.length;
    }
    const acerto = { timestamp: tabela.timestamp, reserva: tabela.reserva };
    await outra.chamar("acertar", sessao, acerto, true);
    membro.emDia = true;
    if (this.#medidas) this.#medidas.postosEmDia++;
  }

  /** O que a tabela tem depois de um timestamp, em ordem, sem ocupar a thread. */
  async *#paginasDepoisDe(timestamp: number): AsyncGenerator<Registro[]> {
    let pagina: Registro[] = [];
    let caracteres = 0;
    let examinados = 0;
    for (const [key, versao] of this.#tabela.versoes) {
      if (++examinados % LIMITES.examinadosPorVolta === 0) await darAVez(this.#mundo);
      if (versao.timestamp <= timestamp) continue;
      pagina.push({ key, ...versao });
      caracteres += key.length + versao.value.length;
      if (pagina.length >= LIMITES.pagina || caracteres >= LOTE_MAX) {
        yield pagina;
        pagina = [];
        caracteres = 0;
      }
    }
    if (pagina.length > 0) yield pagina;
  }

  #quantosEmDia(): number {
    return [...this.#grupo.membros.values()].filter(({ emDia }) => emDia).length;
  }

  /** Abre ou fecha a entrada de PUTs, conforme todos estejam em dia. */
  #admitir(): void {
    const todosEmDia = this.#quantosEmDia() === this.#opcoes.replicas;
    this.#grupo.admissao = this.#grupo.aberto && todosEmDia && !this.#discoFalho;
    // Todos em dia e nada por confirmar: o que há na tabela está em todos.
    const tudo = this.#grupo.admissao && this.#puts.numerados.size === 0;
    if (tudo) this.#tabela.confirmado = this.#tabela.timestamp;
    this.#escoarFila();
  }

  #perderMembro(sessao: number, motivo: string, confirmado: number): void {
    const { membros, perdidos } = this.#grupo;
    const achado = [...membros].find(([, membro]) => membro.sessao === sessao);
    if (!achado) return;
    const [nome, membro] = achado;
    membros.delete(nome);
    membro.perda.reject(new Error("servidor perdido"));
    this.#admitir();
    if (perdidos.has(nome)) return;
    perdidos.set(nome, { desde: this.#mundo.agora(), confirmado });
    const [antigo] = perdidos.keys();
    if (perdidos.size > LIMITES.replicas) perdidos.delete(antigo!);
    this.#opcoes.avisar(`Aviso: ${motivo}; os PUTs esperam que ${nome} volte`);
  }

  /** O disco falhou, ou voltou. Um seguidor que não grava se afasta, e o líder para de admitir. */
  #notarDisco(motivo: string): void {
    if (motivo === this.#discoFalho) return;
    this.#discoFalho = motivo;
    this.#opcoes.avisar(
      motivo ? `Aviso: ${motivo}; os PUTs são recusados` : "Aviso: o disco voltou a gravar",
    );
    if (this.souLider) this.#admitir();
    else if (motivo && this.#ligacao.conexao) this.#conexoes.fechar(this.#ligacao.conexao);
  }

  // --- O que um operador vê --------------------------------------------------

  /** Como está este servidor. */
  get estado(): EstadoDoServidor {
    const { timestamp, confirmado, versoes, historia } = this.#tabela;
    const { membros, entrando, perdidos, aberto, admissao } = this.#grupo;
    const { integrado, semLiderDesde, pronto } = this.#ligacao;
    const { replicas } = this.#opcoes;
    const lider = textoDoEndereco(this.#lider ?? this.#conhecido);
    const nomes = (emDia: boolean) =>
      [...membros].filter(([, membro]) => membro.emDia === emDia).map(([nome]) => nome);
    const emDia = this.souLider ? nomes(true) : integrado ? [lider] : [];
    const ausentes: [string, number][] = this.souLider
      ? [...perdidos].map(([nome, { desde }]) => [nome, desde])
      : integrado
      ? []
      : [[lider, semLiderDesde]];
    const aceitaPuts = (this.souLider ? admissao : integrado) && !this.#discoFalho;
    return {
      pronto: (this.souLider ? aberto : pronto) && !this.#encerrando,
      aceitaPuts: aceitaPuts && !this.#encerrando,
      motivo: this.#encerrando ? "está parando" : aceitaPuts ? "" : this.#oQueFalta(),
      papel: !this.souLider ? "seguidor" : replicas > 0 ? "lider" : "unico",
      servidor: textoDoEndereco(this.#conhecido),
      lider,
      replicas: this.souLider ? replicas : 0,
      emDia,
      entrando: [...new Set([...nomes(false), ...entrando])],
      faltam: ausentes.map(([servidor, desde]) => {
        const ms = this.#mundo.agora() - desde;
        const quando = new Date(Date.now() - ms).toISOString();
        return { servidor, desde: quando, segundos: Math.round(ms / 1000) };
      }),
      porVir: this.souLider ? Math.max(0, replicas - membros.size - perdidos.size) : 0,
      timestamp,
      confirmado,
      keys: versoes.size,
      epoca: historia.at(-1)!.id.slice(0, 8),
      versao: VERSAO,
    };
  }

  /** O que este servidor tem feito, no formato de texto do Prometheus; vazio, sem `saude`. */
  async metricas(): Promise<string> {
    const medidas = this.#medidas;
    if (!medidas) return "";
    const desistir = new AbortController();
    const resposta = this.#outra?.chamar("medir").catch(() => undefined);
    const dito = await Promise.race([
      resposta,
      esperar(this.#mundo, ESPERAS.medir, desistir.signal),
    ]);
    desistir.abort();
    if (dito) this.#medidasDaOutra = dito;
    const { espera, semResposta } = this.#puts;
    const ausentes = [...this.#grupo.perdidos].map(([servidor, { desde, confirmado }]) => {
      return { servidor, confirmado, segundos: (this.#mundo.agora() - desde) / 1000 };
    });
    return textoDasMetricas(metricasDe(this.estado, medidas, {
      ...this.#medidasDaOutra,
      ausentes: this.souLider ? ausentes : [],
      puts: { esperam: espera.size, semResposta },
      conexoes: this.#conexoes.contas(),
      discoFalho: this.#discoFalho !== "",
    }));
  }

  // --- O grupo, visto do seguidor --------------------------------------------

  /** Apresenta-se ao líder, e de novo sempre que o perde. */
  async #seguir(): Promise<void> {
    let tentativa = 0;
    while (!this.#parada.signal.aborted) {
      const { promise: perda, resolve } = Promise.withResolvers<void>();
      this.#ligacao.aoPerder = resolve;
      try {
        await this.#entrarNoGrupo(perda);
        const lider = textoDoEndereco(this.#lider!);
        this.#opcoes.avisar(`Em dia com o líder ${lider}: aceita PUTs`);
        tentativa = 0;
        await perda;
      } catch (erro) {
        if (tentativa === TENTATIVAS_CALADAS && !this.#parada.signal.aborted) {
          this.#opcoes.avisar(`Aviso: sem o líder, tentando de novo: ${textoDoErro(erro)}`);
        }
      }
      const { primeira, maior } = ESPERAS.voltar;
      await this.#esperar(esperaDaTentativa(this.#mundo, tentativa++, primeira, maior));
    }
  }

  /** Apresenta-se ao líder e espera que ele o ponha em dia: já pode encaminhar PUTs. */
  async #entrarNoGrupo(perda: Promise<void>): Promise<void> {
    const ligacao = this.#ligacao;
    const perdeu = () => this.#perderLider();
    if (!ligacao.elo || ligacao.elo.perdido) {
      ligacao.elo = await discar(this.#lider!, ESPERAS.apresentar, {
        seguranca: this.#seguranca,
        rastro: this.#rastro,
        mundo: this.#mundo,
        aoPerder: perdeu,
      });
      ligacao.elo.vigiar();
      if (this.#encerrando) ligacao.elo.fechar("Servidor parado");
    }
    const endereco = textoDoEndereco(this.#conhecido);
    const { token } = ligacao;
    const pedido = { tipo: "JOIN", endereco, token, protocolo: PROTOCOLO } as const;
    // Perdida a conexão por onde o líder replicaria, apresenta-se de novo; mas se foi ele que a
    // fechou, por recusar o JOIN, a razão vem a caminho, pela outra.
    const desistir = perda.then(() => this.#esperar(ESPERAS.razao));
    const resposta = await Promise.race([ligacao.elo.pedir(pedido), desistir]);
    if (resposta?.tipo === "ERRO") throw new Error(resposta.erro);
    if (!resposta || !ligacao.conexao || ligacao.elo.perdido) {
      throw new Error("a conexão com o líder se perdeu");
    }
    ligacao.integrado = true;
    ligacao.pronto = true;
    this.#escoarFila();
  }

  /** O elo ou a conexão do líder acabou: os PUTs esperam, e este se apresenta de novo. */
  #perderLider(): void {
    if (this.#ligacao.integrado) this.#ligacao.semLiderDesde = this.#mundo.agora();
    this.#ligacao.integrado = false;
    this.#ligacao.aoPerder();
  }

  /** Fechou a conexão por onde o líder replicava. */
  #soltarLider(): void {
    this.#ligacao.conexao = undefined;
    this.#perderLider();
  }

  /** Quem mostra o token deste processo é o seu líder; um novo substitui o anterior. */
  #tratarLeader(conexao: Conexao, leader: CorpoDe<"LEADER">): void {
    const { id, token } = leader;
    const ligacao = this.#ligacao;
    if (this.souLider || !iguais(token, ligacao.token)) {
      const motivo = "LEADER recusado: o token não é o deste servidor";
      return this.#recusar(conexao, id, motivo, "LEADER");
    }
    try {
      conferirProtocolo(leader);
      if (this.#discoFalho) throw new Error(this.#discoFalho);
    } catch (erro) {
      return this.#recusar(conexao, id, (erro as Error).message, "LEADER");
    }
    const anterior = ligacao.conexao;
    ligacao.conexao = conexao;
    ligacao.paginas = undefined;
    conexao.confianca = "par";
    if (anterior && anterior !== conexao) this.#conexoes.fechar(anterior);
    // O que o líder anterior mandou entra já: este tem de saber de tudo o que há.
    for (const [desistir, inserir] of ligacao.atrasadas) {
      desistir();
      inserir();
    }
    ligacao.atrasadas.clear();
    const { timestamp, reserva, historia, desde } = this.#tabela;
    this.#enviar(conexao, { tipo: "LEADER_OK", id, timestamp, reserva, historia, desde });
  }

  /** O líder recomeçou e busca, página a página, o que este tem depois de um timestamp. */
  async #tratarFetch(conexao: Conexao, { id, timestamp }: CorpoDe<"FETCH">): Promise<void> {
    const paginas = this.#ligacao.paginas ??= this.#paginasDepoisDe(timestamp);
    const { value: registros = [] } = await paginas.next() as { value?: Registro[] };
    for (const registro of registros) this.#enviar(conexao, { tipo: "ENTRY", ...registro });
    this.#enviar(conexao, {
      tipo: "FETCH_OK",
      id,
      timestamp: registros.at(-1)?.timestamp ?? timestamp,
    });
  }

  /** O líder diz que este está em dia até um timestamp, e que reserva vai usar; ou que recomece. */
  async #tratarSync(conexao: Conexao, sync: CorpoDe<"SYNC">): Promise<void> {
    const { id, timestamp, reserva, historia, descartar } = sync;
    const tabela = this.#tabela;
    try {
      if (descartar !== undefined) {
        this.#ligacao.pronto = false;
        await this.#recomecar(descartar);
      }
      tabela.historia = historia ?? tabela.historia;
      // O primeiro SYNC de uma cópia traz a história; o do fim, não.
      tabela.desde = historia && Math.min(tabela.desde ?? Infinity, timestamp);
      // Até este timestamp tem tudo, se não há REPLICATIONs que a espera pedida ainda retém.
      const ate = this.#ligacao.atrasadas.size > 0 ? 0 : timestamp;
      tabela.timestamp = Math.max(tabela.timestamp, ate);
      tabela.reserva = Math.max(tabela.reserva, reserva);
      await this.#guardarNota();
      tabela.confirmado = ate;
      this.#enviar(conexao, { tipo: "SYNC_OK", id, timestamp });
    } catch (erro) {
      this.#recusar(conexao, id, `SYNC recusado: ${(erro as Error).message}`, "SYNC");
    }
  }

  // --- A outra thread: replicação e disco ------------------------------------

  /**
   * A thread que fala com os seguidores e com o disco: enquanto ela replica, grava
   * e espera REPLICATION_OK, a principal continua a atender (seção 5b). Roda num
   * Worker, com outra cópia deste módulo: só o que se pode copiar passa de uma para a outra.
   */
  static readonly Replicador: new (porta: Porta, mundo: MundoDoServidor) => object =
    class Replicador implements Replicacao {
      readonly #mundo: MundoDoServidor;
      readonly #principal: Outra<Noticias>;
      /** Quantos seguidores têm de confirmar. */
      #replicas = 0;
      /** Como se disca para eles. */
      #aoDiscar: { seguranca: Seguranca; rastro: Rastro | undefined; mundo: Mundo };
      readonly #sessoes = new Map<number, Sessao>();
      #ultimaSessao = 0;
      /** O último timestamp confirmado por todos: os seguidores, e o disco se há. */
      #confirmado = 0;
      #disco: Disco | undefined;
      /** Até que timestamp está tudo no disco. */
      #gravado = 0;
      /** Quem espera a próxima gravação. */
      readonly #aoGravar: (() => void)[] = [];
      /** Até que timestamp foi cada envio que algum seguidor ainda não confirmou, e quando. */
      readonly #envios: { readonly ate: number; readonly quando: number }[] = [];

      /** Começa a trabalhar para a thread principal, que está do outro lado da porta. */
      constructor(porta: Porta, mundo: MundoDoServidor) {
        this.#mundo = mundo;
        this.#aoDiscar = { seguranca: {}, rastro: undefined, mundo };
        this.#principal = atenderThread<Noticias, Replicacao>(porta, this);
      }

      iniciar({ replicas, seguranca, rastro, quem }: OpcoesDoReplicador): void {
        this.#replicas = replicas;
        this.#aoDiscar = {
          seguranca,
          rastro: rastro === undefined ? undefined : abrirRastro(rastro, quem, CAMPOS_SECRETOS),
          mundo: this.#mundo,
        };
      }

      async juntar(endereco: Endereco, token: string): Promise<Apresentacao> {
        const numero = ++this.#ultimaSessao;
        const elo = await discar(endereco, ESPERAS.apresentar, {
          ...this.#aoDiscar,
          aoPerder: (motivo) => this.#perder(numero, motivo),
          aoReceber: (corpo) => this.#receberDoSeguidor(numero, corpo),
        });
        let resposta: Corpo;
        try {
          const pedido = { tipo: "LEADER", token, protocolo: PROTOCOLO } as const;
          resposta = await elo.pedir(pedido, ESPERAS.apresentar);
          if (resposta.tipo === "ERRO") throw new Error(resposta.erro);
          if (resposta.tipo !== "LEADER_OK") throw new Error(`respondeu ${resposta.tipo}`);
        } catch (erro) {
          elo.fechar("não é um seguidor");
          throw new Error(`${elo.endereco}: ${textoDoErro(erro)}`);
        }
        // Só agora, provado que é ele, o novo toma o lugar do anterior no mesmo endereço.
        for (const anterior of this.#sessoes.values()) {
          if (anterior.elo.endereco !== elo.endereco) continue;
          anterior.elo.fechar(`${elo.endereco} apresentou-se de novo`);
        }
        if (elo.perdido) throw new Error(`${elo.endereco}: perdido`);
        elo.vigiar();
        const { timestamp, reserva, historia, desde } = resposta;
        this.#sessoes.set(numero, {
          elo,
          emDia: false,
          confirmado: timestamp,
          pagina: [],
          levados: [],
          aoConfirmar: undefined,
        });
        return { sessao: numero, timestamp, reserva, historia, desde };
      }

      async buscar(sessao: number, timestamp: number): Promise<Registro[]> {
        const { elo, pagina } = this.#sessao(sessao);
        await elo.pedir({ tipo: "FETCH", timestamp }, ESPERAS.buscar);
        // As ENTRYs da página vieram antes do FETCH_OK, pela mesma conexão.
        return pagina.splice(0);
      }

      async levar(numero: number, registros: readonly Registro[]): Promise<void> {
        const sessao = this.#sessao(numero);
        for (const registro of registros) {
          sessao.elo.enviar(new Mensagem({ tipo: "ENTRY", ...registro }).linha());
        }
        sessao.levados.push(registros.at(-1)!.timestamp);
        const fim = this.#mundo.agora() + ESPERAS.pagina;
        while (sessao.levados.length > 0) {
          const resta = fim - this.#mundo.agora();
          if (resta <= 0 && sessao.levados.length < LIMITES.paginasEmCurso) break;
          await this.#confirmacao(sessao, resta > 0 ? resta : undefined);
          this.#sessao(numero);
        }
      }

      /** Espera a próxima confirmação de um seguidor, ou a perda dele, ou o tempo dado. */
      #confirmacao(sessao: Sessao, ms: number | undefined): Promise<void> {
        return new Promise((resolver) => {
          const desistir = ms === undefined ? undefined : this.#mundo.depois(ms, resolver);
          sessao.aoConfirmar = () => {
            desistir?.();
            resolver();
          };
        });
      }

      async acertar(numero: number, acerto: CamposDe["SYNC"], emDia: boolean): Promise<void> {
        const resposta = await this.#sessao(numero).elo.pedir({ tipo: "SYNC", ...acerto });
        if (resposta.tipo === "ERRO") throw new Error(resposta.erro);
        const sessao = this.#sessao(numero);
        if (!emDia) return;
        sessao.emDia = true;
        sessao.confirmado = acerto.timestamp;
        this.#contar();
      }

      soltar(sessao: number, motivo: string): void {
        this.#sessoes.get(sessao)?.elo.fechar(motivo);
      }

      replicar(
        linhas: readonly string[],
        registros: readonly Registro[],
        ate: number,
        nota: string | undefined,
      ): void {
        const seguidores = this.#emDia();
        for (const { elo } of seguidores) linhas.forEach(elo.enviar);
        if (seguidores.length > 0) this.#envios.push({ ate, quando: this.#mundo.agora() });
        this.#disco?.gravar(registros, ate, nota);
      }

      /** Os seguidores que recebem REPLICATION e contam para as confirmações. */
      #emDia(): Sessao[] {
        return [...this.#sessoes.values()].filter((sessao) => sessao.emDia);
      }

      #sessao(numero: number): Sessao {
        const sessao = this.#sessoes.get(numero);
        if (!sessao) throw new Error("servidor perdido");
        return sessao;
      }

      /** O que o seguidor manda sem id: páginas buscadas e confirmações. */
      #receberDoSeguidor(numero: number, corpo: Corpo): void {
        const sessao = this.#sessoes.get(numero);
        if (!sessao) return;
        if (corpo.tipo === "ENTRY") {
          const { key, value, timestamp } = corpo;
          sessao.pagina.push({ key, value, timestamp });
        } else if (corpo.tipo === "REPLICATION_OK") {
          sessao.confirmado = Math.max(sessao.confirmado, corpo.timestamp);
          while (sessao.levados[0]! <= corpo.timestamp) sessao.levados.shift();
          sessao.aoConfirmar?.();
          this.#contar();
        }
      }

      /** Seção 5e. REPLICATION_OK de todos: a thread principal pode responder PUT_OK. */
      #contar(): void {
        const confirmados = this.#emDia().map(({ confirmado }) => confirmado);
        const deTodos = Math.min(...confirmados);
        while (this.#envios.length > 0 && this.#envios[0]!.ate <= deTodos) this.#envios.shift();
        if (this.#disco) confirmados.push(this.#gravado);
        const todos = confirmadoPorTodos(this.#replicas + (this.#disco ? 1 : 0), confirmados);
        if (todos <= this.#confirmado) return;
        this.#confirmado = todos;
        this.#principal.avisar("confirmado", todos);
      }

      #perder(numero: number, motivo: string): void {
        const sessao = this.#sessoes.get(numero);
        if (!sessao) return;
        this.#sessoes.delete(numero);
        sessao.aoConfirmar?.();
        this.#principal.avisar("perdido", numero, motivo, sessao.confirmado);
      }

      async abrirDisco(pasta: string): Promise<Pick<Disco, "nota" | "aviso" | "copia">> {
        this.#disco = await this.#mundo.abrirDisco(pasta, {
          aoGravar: (ate) => {
            this.#gravado = ate;
            for (const resolver of this.#aoGravar.splice(0)) resolver();
            this.#contar();
          },
          aoFalhar: (motivo) => this.#principal.avisar("disco", motivo),
        });
        const { nota, aviso, copia } = this.#disco;
        return { nota, aviso, copia };
      }

      ler(): Registro[] {
        return this.#disco!.ler(LIMITES.lidosPorVez);
      }

      guardar(nota: string): Promise<void> {
        if (!this.#disco) return Promise.resolve();
        this.#disco.gravar([], 0, nota);
        return new Promise((resolver) => this.#aoGravar.push(resolver));
      }

      recomecar(depoisDe: number, nota: string): Separados | undefined {
        const separados = this.#disco?.recomecar(depoisDe, nota);
        // O que se confirmou era da outra história.
        this.#confirmado = 0;
        this.#gravado = 0;
        return separados;
      }

      medir(): MedidasDoReplicador {
        const agora = this.#mundo.agora();
        const seguidores = [...this.#sessoes.values()].map(({ elo, confirmado }) => {
          const envio = this.#envios.find(({ ate }) => ate > confirmado);
          const segundos = envio ? (agora - envio.quando) / 1000 : 0;
          return { servidor: elo.endereco, confirmado, segundos };
        });
        return { seguidores, disco: this.#disco?.medidas };
      }

      fechar(): void {
        this.#disco?.fechar();
        this.#disco = undefined;
      }
    };

  // --- O programa (seção 5a) -------------------------------------------------

  /**
   * O programa: opções, as perguntas que faltarem (seção 5a), e atender até ser
   * interrompido. Devolve o código de saída se não pôde começar: 1, falha; 2, uso
   * errado.
   */
  static async main(args: readonly string[]): Promise<number> {
    const tela = abrirTela();
    try {
      const opcoes = lerLinhaDeComando(args);
      if (typeof opcoes === "string") {
        tela.linha(opcoes);
        return 0;
      }
      const { ip, porta, lider, silencioso, ...resto } = opcoes;
      const enderecos = ip && porta && lider
        ? { ip, porta, lider }
        : await perguntarEnderecos(opcoes, tela);
      // Enquanto a tabela se enche, sair na hora não perde nada.
      let parar: () => void = () => Deno.exit(130);
      atenderSinais(() => parar());
      const servidor = await Servidor.iniciar({
        ...resto,
        ...enderecos,
        imprimir: silencioso ? undefined : tela.linha,
        avisar: tela.aviso,
      });
      parar = () => {
        const { putsEmCurso } = servidor;
        const segundos = (opcoes.prazo ?? PADRAO.prazo) / 1000;
        if (putsEmCurso > 0) {
          tela.aviso(
            `Parando: à espera de ${putsEmCurso} PUTs em curso, no máximo ${segundos} s; ` +
              "outro Ctrl-C sai já",
          );
        }
        servidor.parar();
      };
      if (opcoes.segredo === undefined && !/^(127\.|::1$)/.test(enderecos.ip)) {
        tela.aviso(
          `Aviso: sem --segredo, quem alcançar ${servidor.endereco} pode ler e gravar tudo`,
        );
      }
      if (servidor.saude !== undefined) {
        tela.aviso(`Saúde: http://${servidor.saude}/readyz, /metrics e /livez`);
      }
      await servidor.parado;
      return 0;
    } catch (erro) {
      const acabou = erro === FIM_DO_TECLADO;
      tela.erro(
        `ERRO: ${acabou ? "a entrada acabou antes da última resposta" : textoDoErro(erro)}`,
      );
      return erro instanceof TypeError ? 2 : 1;
    } finally {
      await tela.despedir();
    }
  }
}

/** O que o Replicador sabe de um seguidor. */
interface Sessao {
  readonly elo: Elo<Corpo>;
  /** Se recebe REPLICATION e conta para as confirmações. */
  emDia: boolean;
  /** Até que timestamp confirmou. */
  confirmado: number;
  /** ENTRYs recebidas da página que se busca. */
  readonly pagina: Registro[];
  /** O último timestamp de cada página levada e ainda não confirmada. */
  readonly levados: number[];
  /** Quem espera a próxima confirmação. */
  aoConfirmar: (() => void) | undefined;
}

/** Com que um servidor é feito, depois de cheia a tabela. */
interface Partes {
  readonly meu: Endereco;
  readonly anuncio: Endereco | undefined;
  /** O líder, se é outro. */
  readonly lider: Endereco | undefined;
  readonly outra: (Outra<Replicacao> & { thread: OutraThread }) | undefined;
  readonly saude: Saude | undefined;
  readonly tabela: Tabela;
}

/** @throws {Error} se o outro servidor fala outro protocolo. */
function conferirProtocolo({ protocolo }: { protocolo: number }): void {
  if (protocolo === PROTOCOLO) return;
  throw new Error(
    `este servidor fala o protocolo ${PROTOCOLO} e o outro o ${protocolo}: ponha os dois na mesma versão`,
  );
}

/** O estado de quem ainda não tem a tabela. */
function aEncher(lider: Endereco, conhecido: Endereco): EstadoDoServidor {
  return {
    pronto: false,
    aceitaPuts: false,
    motivo: "está enchendo a tabela",
    papel: "",
    servidor: textoDoEndereco(conhecido),
    lider: textoDoEndereco(lider),
    replicas: 0,
    emDia: [],
    entrando: [],
    faltam: [],
    porVir: 0,
    timestamp: 0,
    confirmado: 0,
    keys: 0,
    epoca: "",
    versao: VERSAO,
  };
}

/** Como se conta um ERRO cujo pedido certamente não teve nem terá efeito. */
const ERRO_DEFINITIVO = "ERRO_definitivo";

/** O que se junta às medidas de um servidor no momento em que se lhas pede. */
interface Momento extends MedidasDoReplicador {
  /** Os seguidores que faltam. */
  readonly ausentes: readonly MedidasDoSeguidor[];
  readonly puts: { readonly esperam: number; readonly semResposta: number };
  readonly conexoes: ContasDasConexoes;
  readonly discoFalho: boolean;
}

/** Quando este processo começou, em segundos desde 1970. */
const INICIO = performance.timeOrigin / 1000;

/** As métricas de um servidor; o que cada uma quer dizer está em docs/operar.md. */
function metricasDe(estado: EstadoDoServidor, medidas: Medidas, momento: Momento): Metrica[] {
  const { seguidores, ausentes, disco, puts, conexoes } = momento;
  const { rss, heapUsed } = Deno.memoryUsage();
  const emDia = new Set(estado.emDia);
  const versao = { version: estado.versao, deno: Deno.version.deno, os: Deno.build.os };
  const doSeguidor = (valor: (seguidor: MedidasDoSeguidor) => number) =>
    [...seguidores, ...ausentes].map((um) => [{ follower: um.servidor }, valor(um)] as const);
  const respostas = Object.entries(medidas.respostas).flatMap(([type, contas]) =>
    Object.entries(contas).map(([outcome, quantas]) => [{ type, outcome }, quantas] as const)
  );
  return [
    ["kv_build_info", "A versão, e em que roda; vale sempre 1.", [[versao, 1]]],
    ["kv_leader", "1 se é o líder, ou um servidor único.", +(estado.papel !== "seguidor")],
    ["kv_ready", "1 se é de lhe mandar pedidos.", +estado.pronto],
    ["kv_accepts_puts", "1 se um PUT anda já.", +estado.aceitaPuts],
    ["kv_keys", "Keys na tabela.", estado.keys],
    ["kv_timestamp", "O maior timestamp que conhece.", estado.timestamp],
    ["kv_confirmed_timestamp", "Até onde está guardado; no líder, em todos.", estado.confirmado],
    ["kv_missing_servers", "Servidores que faltam.", estado.faltam.length + estado.porVir],
    ["kv_follower_in_sync", "1 se está em dia.", doSeguidor((um) => +emDia.has(um.servidor))],
    [
      "kv_follower_lag_timestamps",
      "Do que confirmou ao maior timestamp.",
      doSeguidor(({ confirmado }) => Math.max(0, estado.timestamp - confirmado)),
    ],
    [
      "kv_follower_lag_seconds",
      "Há quanto se lhe mandou o que não confirma, ou há quanto falta.",
      doSeguidor(({ segundos }) => segundos),
    ],
    ["kv_responses_total", "Respostas, por tipo de pedido e por resultado.", respostas],
    [
      "kv_request_duration_seconds",
      "De lida a linha do pedido até a resposta.",
      Object.entries(medidas.tempos).map(([type, tempos]) => [{ type }, tempos]),
    ],
    ["kv_puts_waiting", "PUTs que esperam a sua vez.", puts.esperam],
    ["kv_puts_in_flight", "PUTs por responder, os que esperam incluídos.", puts.semResposta],
    ["kv_connections", "Conexões abertas.", conexoes.abertas],
    ["kv_connections_accepted_total", "Conexões aceitas.", conexoes.aceitas],
    [
      "kv_connections_refused_total",
      "Conexões que este lado fechou, por motivo.",
      Object.entries(conexoes.recusas).map(([reason, quantas]) => [{ reason }, quantas]),
    ],
    ["kv_received_bytes_total", "Bytes recebidos nas conexões aceitas.", conexoes.lidos],
    ["kv_sent_bytes_total", "Bytes enviados nas conexões aceitas.", conexoes.escritos],
    ["kv_catchups_total", "Vezes que um seguidor ficou em dia.", medidas.postosEmDia],
    ["kv_catchup_records_total", "Registros levados a quem voltou.", medidas.levados],
    ["kv_disk_up", "0 se o disco não grava.", disco && +!momento.discoFalho],
    ["kv_disk_transaction_duration_seconds", "Uma transação, sincronizada.", disco?.transacoes],
    ["kv_disk_rows_total", "Linhas gravadas em disco.", disco?.linhas],
    ["kv_disk_failures_total", "Vezes que não se pôde gravar.", disco?.falhas],
    ["process_resident_memory_bytes", "Memória residente do processo.", rss],
    ["kv_heap_used_bytes", "Memória do JavaScript da thread principal.", heapUsed],
    ["process_start_time_seconds", "Quando o processo começou, desde 1970.", INICIO],
  ];
}

/** Abre a outra thread; se ela não chega a trabalhar, quem a chamou fica a saber por quê. */
function abrirOutra(
  mundo: MundoDoServidor,
  noticias: Noticias,
): Outra<Replicacao> & { thread: OutraThread } {
  const thread = mundo.abrirThread();
  const outra = atenderThread<Replicacao, Noticias>(thread, noticias);
  thread.onerror = (evento) => {
    evento.preventDefault();
    outra.desligar(`A thread de replicação falhou: ${evento.message}`);
  };
  return { ...outra, thread };
}

/** O que acompanha a tabela no disco. */
function notaDe({ timestamp, reserva, historia, desde }: Tabela): string {
  return JSON.stringify({ timestamp, reserva, historia, desde });
}

/** Uma tabela com o que está no disco, se há disco; e o que há a avisar. */
async function encherTabela(
  outra: Outra<Replicacao> | undefined,
  dados: string | undefined,
): Promise<{ tabela: Tabela; aviso: string }> {
  const tabela: Tabela = {
    versoes: new Map(),
    timestamp: 0,
    reserva: 0,
    historia: SEM_HISTORIA,
    desde: undefined,
    confirmado: 0,
  };
  if (!outra || dados === undefined) return { tabela, aviso: "" };
  const { nota, aviso, copia } = await outra.chamar("abrirDisco", dados);
  if (nota !== "") {
    const { timestamp, reserva, historia, desde } = JSON.parse(nota) as Partial<Tabela>;
    tabela.timestamp = timestamp ?? 0;
    tabela.reserva = reserva ?? 0;
    tabela.historia = historia ?? SEM_HISTORIA;
    tabela.desde = desde;
  }
  if (copia) {
    tabela.reserva += SALTO_DE_UMA_COPIA;
    await outra.chamar("guardar", notaDe(tabela));
  }
  for (let pagina; (pagina = await outra.chamar("ler")).length > 0;) {
    for (const { key, value, timestamp } of pagina) {
      tabela.versoes.set(key, { value, timestamp });
      tabela.timestamp = Math.max(tabela.timestamp, timestamp);
    }
  }
  return { tabela, aviso };
}

// === Linha de comando e teclado ==============================================

const AJUDA = `Uso: servidor [opções]    sem os endereços, pergunta por eles

  --ip=IP               IP deste servidor (${PADRAO.ip})
  --porta=PORTA         porta deste servidor (${PADRAO.porta})
  --lider=IP:PORTA      endereço do líder; se é o próprio, este é o líder
  --anuncio=IP:PORTA    por onde os outros o alcançam, se não é onde atende
  --replicas=N          por quantos outros o líder espera (${PADRAO.replicas}); 0, um só
  --atraso=MS           espera antes de aplicar cada REPLICATION (${PADRAO.atraso}): mostra
                        TRY_OTHER_SERVER_OR_LATER
  --prazo=MS            maior espera pela confirmação de um PUT (${PADRAO.prazo})
  --dados=PASTA         guarda a tabela em disco nesta pasta (sem: só memória)
  --silencioso          não mostra as linhas dos pedidos
  --segredo=ARQUIVO     quem se liga tem de provar que sabe este segredo
  --tls-cert=ARQUIVO    atende em TLS, com este certificado (PEM)
  --tls-chave=ARQUIVO   a chave do certificado (PEM)
  --tls-ca=ARQUIVO      disca em TLS, e confia nesta autoridade (PEM)
  --rastro=ARQUIVO      anota cada mensagem enviada e recebida
  --saude=PORTA         HTTP para quem opera: /livez, /readyz, /metrics; em
                        127.0.0.1, ou onde diga --saude=IP:PORTA
  --ajuda, --help, -h   este texto
  --versao, --version   a versão`;

type OpcoesDaLinha = Omit<OpcoesDoServidor, "lider" | "anuncio" | "imprimir" | "avisar"> & {
  anuncio?: Endereco;
  lider?: Endereco;
  silencioso?: boolean;
};

/** Lê as opções; um texto, se é só para mostrá-lo. @throws {TypeError} se alguma não serve. */
function lerLinhaDeComando(args: readonly string[]): OpcoesDaLinha | string {
  const textos = [
    ...["ip", "porta", "lider", "anuncio", "replicas", "atraso", "prazo", "dados", "rastro"],
    "saude",
    ...OPCOES_DE_QUEM_ATENDE,
  ];
  const lidos = lerArgumentos(args, { textos, sinais: ["silencioso"] });
  if (lidos.opcoes.ajuda) return AJUDA;
  if (lidos.opcoes.versao) return `servidor ${VERSAO}`;
  if (lidos.livres.length > 0) {
    throw new TypeError(`Argumento inesperado: "${visivel(lidos.livres[0]!)}"; veja --ajuda`);
  }
  const certificado = lerCertificado(lidos);
  const { segredo, tls } = lerSeguranca(lidos);
  const opcoes = {
    ip: lerOpcao(lidos, "ip", lerIp),
    porta: lerOpcao(lidos, "porta", lerPorta),
    lider: lerOpcao(lidos, "lider", lerEndereco),
    anuncio: lerOpcao(lidos, "anuncio", lerEndereco),
    replicas: lerOpcao(lidos, "replicas", inteiroEntre(0, LIMITES.replicas)),
    atraso: lerOpcao(lidos, "atraso", inteiroEntre(0, ESPERA_MS_MAX)),
    prazo: lerOpcao(lidos, "prazo", inteiroEntre(1, ESPERA_MS_MAX)),
    dados: lidos.opcoes.dados,
    segredo,
    tls: certificado && { ...certificado, ca: tls?.ca },
    rastro: lidos.opcoes.rastro,
    saude: lerOpcao(lidos, "saude", lerSaude),
    silencioso: lidos.opcoes.silencioso !== undefined,
  };
  const dadas = Object.entries(opcoes).filter(([, valor]) => valor !== undefined);
  return Object.fromEntries(dadas) as OpcoesDaLinha;
}

/** Uma porta, em 127.0.0.1, ou um endereço. @throws {TypeError | RangeError} se não é nem um nem outro. */
function lerSaude(texto: string): Endereco {
  return texto.includes(":") ? lerEndereco(texto) : { ip: PADRAO.ip, porta: lerPorta(texto) };
}

/** Seção 5a. Captura do teclado o que as opções não disseram; ver {@linkcode FIM_DO_TECLADO}. */
async function perguntarEnderecos(
  opcoes: OpcoesDaLinha,
  tela: Tela,
): Promise<{ ip: string; porta: number; lider: Endereco }> {
  const teclado = await abrirTeclado(tela);
  const perguntar = <T>(texto: string, padrao: string | number, ler: (texto: string) => T) =>
    perguntarAte(teclado, tela, texto, String(padrao), ler);
  try {
    const ip = opcoes.ip ?? await perguntar("IP deste servidor", PADRAO.ip, lerIp);
    const porta = opcoes.porta ?? await perguntar("Porta deste servidor", PADRAO.porta, lerPorta);
    const lider = opcoes.lider ?? {
      ip: await perguntar("IP do líder", PADRAO.ip, lerIp),
      porta: await perguntar("Porta do líder", PADRAO.porta, lerPorta),
    };
    return { ip, porta, lider };
  } finally {
    teclado.fechar();
  }
}

// `import.meta.main` também é verdadeiro no Worker, de que este é o módulo principal.
if (import.meta.main) {
  if ("DedicatedWorkerGlobalScope" in globalThis) {
    new Servidor.Replicador(globalThis as unknown as Porta, MUNDO_DO_SERVIDOR);
  } else Deno.exit(await Servidor.main(Deno.args));
}
