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

import { fecharSeAberto as fecharSeAberta } from "./lib/canal.ts";
import { abrirDisco, type Disco } from "./lib/disco.ts";
import { type Endereco, lerEndereco, lerIp, lerPorta, textoDoEndereco } from "./lib/endereco.ts";
import { abrirEntrada, type Entrada } from "./lib/entrada.ts";
import { type Argumentos, inteiroEntre, lerArgumentos, lerOpcao } from "./lib/opcoes.ts";
import { type Elo as EloDe, falhaDefinitiva, PULSO_MS, PULSOS_MUDOS_MAX } from "./lib/pedidos.ts";
import { abrirRastro, type Rastro } from "./lib/rastro.ts";
import { abrirSaida, juntarEmLotes, LOTE_MAX, type Saida } from "./lib/saida.ts";
import {
  conferirProva,
  type Desafios,
  iguais,
  lerPem,
  lerSegredo,
  provar,
  type Seguranca,
} from "./lib/seguranca.ts";
import { abrirTeclado, FIM_DO_TECLADO, perguntarAte } from "./lib/teclado.ts";
import { abrirTela, type Tela } from "./lib/tela.ts";
import {
  darAVez as darAVezDe,
  DE_VERDADE,
  ESPERA_MS_MAX,
  esperaDaTentativa as esperaDe,
  RELOGIO_MS,
} from "./lib/tempo.ts";
import { textoDoErro, visivel } from "./lib/texto.ts";
import {
  CAMPOS_SECRETOS,
  type Corpo,
  type CorpoDe,
  discar,
  enquadrar,
  LINHA_BYTES_MAX,
  LINHA_DE_SERVIDOR_BYTES_MAX,
  Mensagem,
  type Registro,
  VERSAO,
} from "./mensagem.ts";

type Elo = EloDe<Corpo>;
const darAVez = () => darAVezDe(DE_VERDADE);
const novoDesafio = () => DE_VERDADE.sigilo();
const esperaDaTentativa = (a: number, b: number, c: number) => esperaDe(DE_VERDADE, a, b, c);

// === Limites =================================================================

/** Padrões das opções; ver {@linkcode OpcoesDoServidor}. */
const PADRAO = { ip: "127.0.0.1", porta: 10097, replicas: 2, atraso: 0, prazo: 5_000 } as const;

/** Outros servidores por quem o líder pode esperar. */
const REPLICAS_MAX = 16;

/** Conexões aceitas ao mesmo tempo; além, cai a de um cliente há mais tempo sem pedidos. */
const CONEXOES_MAX = 4096;

/** PUTs em curso numa conexão de cliente; além, ela não é lida até algum acabar. */
const PUTS_POR_CONEXAO_MAX = 1024;

/** Caracteres de PUTs em curso numa conexão; além, ela não é lida. */
const PUTS_CARACTERES_POR_CONEXAO_MAX = 1024 * 1024;

/** Caracteres de respostas por escrever numa conexão; além, ela não é lida. */
const RESPOSTAS_CARACTERES_MAX = 256 * 1024;

/**
 * Caracteres de respostas por escrever, lotes em tratamento e linhas por acabar, em
 * todas as conexões; além, cai a que mais ocupa sem ler o que pediu nem acabar a linha.
 */
const CARACTERES_MAX = 128 * 1024 * 1024;

/** Quantas vezes um lote ocupa mais na memória, aberto, do que na linha em que veio. */
const LOTE_ABERTO = 8;

/** PUTs na tabela à espera de confirmação, e outros tantos à espera de entrar; além, ERRO definitivo. */
const PUTS_MAX = 65_536;

/** Caracteres de todos esses PUTs; além, ERRO definitivo. */
const PUTS_CARACTERES_MAX = 64 * 1024 * 1024;

/** O que se diz a um PUT além desses limites. */
const PUTS_DEMAIS = `já há PUTs demais em curso, o limite é ${PUTS_MAX} ou ` +
  `${PUTS_CARACTERES_MAX / 2 ** 20} milhões de caracteres`;

/** JOINs sendo conferidos ao mesmo tempo; além, ERRO definitivo. */
const JOINS_MAX = 8;

/** Itens de um lote tratados sem dar a vez às outras conexões. */
const ITENS_POR_VOLTA = 256;

/**
 * Registros numa página do que se leva a um servidor que volta, e a espera pela
 * confirmação dela antes da próxima, em milissegundos: com a rede e o disco rápidos,
 * poucos por vez deixam lugar aos GETs de quem volta, o que bench/volta.ts mede.
 */
const LEVADOS_MAX = 150;
const PAGINA_ESPERA_MS = 5;

/** Registros numa página do que um líder que recomeça busca num seguidor, uma de cada vez. */
const BUSCADOS_MAX = 500;

/** Páginas levadas e não confirmadas; com mais, um pulso esperaria demais atrás delas. */
const PAGINAS_EM_CURSO_MAX = 16;

/** Registros que se examinam sem dar a vez às conexões. */
const EXAMINADOS_POR_VOLTA = 10_000;

/** Pulsos que um cliente tem para ler um pouco do que pediu; depois, cai. */
const PULSOS_SEM_LER_MAX = 30;

/** Pulsos que um cliente tem para acabar uma linha que começou; depois, cai. */
const PULSOS_DA_LINHA_MAX = 120;

/** Pulsos que quem chega tem para completar o TLS e provar o segredo; depois, cai. */
const PULSOS_DA_PROVA_MAX = 5;

/** Bytes de uma linha de quem ainda não provou o segredo. */
const PROVA_BYTES_MAX = 1024;

/** Quanto, no máximo, uma rodada de replicação espera pela anterior, em milissegundos. */
const RODADA_MS = 3;

/** Do prazo de um PUT encaminhado, a parte guardada para a resposta do líder voltar. */
const FOLGA_DO_ENCAMINHADO = 0.1;

/** Primeira e maior espera do seguidor antes de procurar o líder de novo, em milissegundos. */
const VOLTAR_MS = { primeira: 50, maior: 1_000 } as const;

/** Tentativas do seguidor antes de avisar que o líder não aparece: começar antes dele é normal. */
const TENTATIVAS_CALADAS = 4;

/** Espera por uma conexão e pela apresentação entre servidores, em milissegundos. */
const APRESENTAR_MS = 2_000;

/** Espera por uma página do que um seguidor tem de mais novo, em milissegundos. */
const BUSCAR_MS = 10_000;

/** Depois de um ERRO que fecha a conexão, o tempo para o outro lado o ler, em milissegundos. */
const DESPEDIDA_MS = 1_000;

/** Registros lidos do disco por vez, ao começar. */
const LEITURA_REGISTROS_MAX = 5_000;

/** Intervalo mínimo entre as linhas que contam como vai a volta de um servidor, em milissegundos. */
const RELATO_MS = 1_000;

/** Sinais de fim a menos que isto do primeiro, em milissegundos, são o mesmo Ctrl-C. */
const SINAL_REPETIDO_MS = 100;

/** Espera depois de um erro ao aceitar conexões (descritores esgotados), em milissegundos. */
const ACEITAR_DE_NOVO_MS = 100;

/**
 * Timestamps reservados por vez. Antes de usar um, o líder faz todos saberem da
 * reserva que o contém; quem recomeça vai além da maior reserva conhecida, e
 * assim nenhum timestamp que alguém possa ter visto se repete.
 */
const RESERVA = 1_000_000;

if (PUTS_MAX * 2 > RESERVA / 2) {
  throw new RangeError("Os PUTs em curso têm de caber na metade de uma RESERVA");
}

// === Tipos públicos e mensagens entre as threads =============================

/** Opções de {@linkcode Servidor.iniciar}. */
export interface OpcoesDoServidor {
  /** Endereço deste servidor (127.0.0.1). */
  ip?: string;
  /** Porta deste servidor (10097); 0 escolhe uma livre. */
  porta?: number;
  /** Endereço do líder; o próprio, ou ausente: este é o líder. */
  lider?: string | Endereco;
  /** Por quantos outros servidores o líder espera (2); com 0, é um servidor só. */
  replicas?: number;
  /** Espera antes de aplicar cada REPLICATION, em milissegundos (0). */
  atraso?: number;
  /** Maior espera pela confirmação de um PUT, em milissegundos (5000). */
  prazo?: number;
  /** Pasta onde guardar a tabela em disco (nenhuma: só na memória). */
  dados?: string | undefined;
  /** O segredo que todos no grupo têm de provar que sabem (nenhum: qualquer um pode pedir). */
  segredo?: string | undefined;
  /** Atende em TLS, com este certificado e esta chave, e disca confiando em `ca` (todos em PEM). */
  tls?: { cert: string; chave: string; ca?: string | undefined } | undefined;
  /** Arquivo onde se anota cada mensagem enviada e recebida (nenhum). */
  rastro?: string | undefined;
  /** Recebe cada linha das que o enunciado pede (nada). */
  imprimir?: ((linha: string) => void) | undefined;
  /** Recebe os avisos: o que um operador gostaria de saber (nada). */
  avisar?: (linha: string) => void;
}

/** O que a tabela guarda de uma key. */
interface Versao {
  readonly value: string;
  readonly timestamp: number;
}

/** Uma conexão aceita. */
interface Conexao {
  readonly conn: Deno.TcpConn | Deno.TlsConn;
  /** O outro lado, `IP:porta`, como se mostra na console. */
  readonly endereco: string;
  readonly entrada: Entrada;
  readonly saida: Saida;
  /** O que o outro lado provou ser. Um estranho ainda não completou o TLS ou não provou o segredo. */
  papel: "estranho" | "cliente" | "seguidor" | "lider";
  /** Os desafios com que um estranho prova o segredo. */
  desafios: Desafios | undefined;
  /** Se não se lê mais nada dela: já se lhe disse por quê, e falta fechá-la. */
  dispensada: boolean;
  /** Pedidos desta conexão ainda sem resposta, e quantos caracteres somam. */
  pendentes: number;
  caracteres: number;
  /** Caracteres que ocupa o lote em tratamento; zero, nenhum. */
  lote: number;
  /** Bytes do buffer de leitura acima do mínimo: uma linha comprida por acabar. */
  buffer: number;
  /** Quem espera que as contas acima diminuam, para voltar a ler. */
  aoAliviar: (() => void) | undefined;
  /** O que se viu no último pulso, e há quantos pulsos não muda. */
  vistos: {
    lidos: number;
    blocos: number;
    escritos: number;
    pulsosMudo: number;
    pulsosSemLer: number;
    pulsosNaLinha: number;
    pulsosSemProva: number;
  };
  /** As páginas que o líder está buscando aqui: o primeiro FETCH diz de onde, os outros continuam. */
  paginas: AsyncGenerator<Registro[]> | undefined;
  fechada: boolean;
}

/** Se quem está do outro lado provou ser um servidor do grupo. */
function doGrupo(papel: Conexao["papel"]): boolean {
  return papel === "seguidor" || papel === "lider";
}

/** Bytes de uma linha, conforme quem a manda. */
const LIMITE_DA_LINHA: { readonly [papel in Conexao["papel"]]: number } = {
  estranho: PROVA_BYTES_MAX,
  cliente: LINHA_BYTES_MAX,
  seguidor: LINHA_DE_SERVIDOR_BYTES_MAX,
  lider: LINHA_DE_SERVIDOR_BYTES_MAX,
};

/** Um PUT em curso, de quando chega até a resposta. */
interface Escrita {
  readonly id: number | undefined;
  readonly key: string;
  readonly value: string;
  /** Endereço do cliente que pediu, ainda que outro servidor tenha encaminhado. */
  readonly origem: string;
  readonly conexao: Conexao;
  /** Quando acaba o prazo, por `performance.now()`. */
  readonly vence: number;
  respondida: boolean;
  /** Se está na tabela à espera de confirmação: enquanto isso ocupa memória, respondida ou não. */
  naTabela: boolean;
}

/** Um seguidor que se apresentou ao líder. */
interface Membro {
  readonly sessao: number;
  /** O maior timestamp que ele tinha ao chegar. */
  readonly timestamp: number;
  /** A maior reserva de que ele sabe. */
  readonly reserva: number;
  /** Se o líder já tem tudo o que ele tinha de mais novo. */
  lido: boolean;
  /** Rejeitada quando a sessão se perde. */
  readonly perda: PromiseWithResolvers<never>;
  /** Se ele tem tudo o que o líder tem: recebe REPLICATION e conta para a admissão. */
  emDia: boolean;
}

/** O que a thread principal pede ao Replicador, e o que ele devolve. */
interface Ordens {
  /** Começar: por quantos seguidores esperar, e a pasta do disco; devolve a reserva guardada. */
  iniciar(
    pedido: {
      replicas: number;
      dados: string | undefined;
      seguranca: Seguranca;
      rastro: string | undefined;
      quem: string;
    },
  ): number;
  /** Discar e mostrar o token: só então aquele endereço é um seguidor. */
  juntar(
    pedido: { endereco: Endereco; token: string },
  ): Pick<Membro, "sessao" | "timestamp" | "reserva">;
  /** Buscar no seguidor a próxima página do que ele tem depois de um timestamp; vazia, acabou. */
  buscar(pedido: { sessao: number; timestamp: number }): Registro[];
  /** Levar ao seguidor uma página; devolve quando há lugar para outra. */
  levar(pedido: { sessao: number; registros: Registro[] }): void;
  /** Acertar timestamp e reserva com o seguidor; em dia, ele passa a receber REPLICATION. */
  acertar(pedido: { sessao: number; emDia: boolean; timestamp: number; reserva: number }): void;
  /** Desistir do seguidor. */
  soltar(pedido: { sessao: number; motivo: string }): void;
  /** Ler do disco a próxima página, em ordem de timestamp; vazia, acabou. */
  ler(pedido: Record<never, never>): Registro[];
  /** Guardar a reserva em disco, depois de tudo o que já foi mandado. */
  guardar(pedido: { reserva: number }): void;
  /** Fechar o disco. */
  fechar(pedido: Record<never, never>): void;
}

type Ordem = keyof Ordens;
type PedidoDa<O extends Ordem> = Parameters<Ordens[O]>[0];
type ResultadoDa<O extends Ordem> = ReturnType<Ordens[O]>;
/** O que o Replicador tem para cada ordem: um método com o nome dela. */
type Cumpridas = { [O in Ordem]: (pedido: PedidoDa<O>) => Promise<ResultadoDa<O>> };

type AoReplicador =
  | { tipo: "ordem"; n: number; ordem: Ordem; pedido: PedidoDa<Ordem> }
  // Linhas para os seguidores, e registros e reserva (zero, nenhuma) para o disco.
  | { tipo: "replicar"; linhas: string[]; registros: Registro[]; ate: number; reserva: number };

type DoReplicador =
  | { tipo: "feito"; n: number; resultado: ResultadoDa<Ordem> }
  | { tipo: "falhou"; n: number; motivo: string }
  | { tipo: "confirmado"; timestamp: number }
  | { tipo: "perdido"; sessao: number; motivo: string }
  | { tipo: "disco"; motivo: string };

/** O que o Worker vê da thread principal: o seu próprio escopo global. */
const PRINCIPAL = globalThis as unknown as {
  onmessage: (evento: MessageEvent<AoReplicador>) => void;
  postMessage(mensagem: DoReplicador): void;
};

/** O que o Replicador sabe de um seguidor. */
interface Sessao {
  readonly elo: Elo;
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

// === A classe Servidor =======================================================

/** Um servidor: líder se o endereço do líder é o seu, senão seguidor. */
export class Servidor {
  readonly #opcoes: Required<Omit<OpcoesDoServidor, "lider" | "imprimir" | "porta" | "ip">>;
  /** Cumprida quando este servidor parou de todo. */
  readonly parado: Promise<void>;
  #aoParar: () => void;
  /** Se já não se aceitam pedidos novos. */
  #encerrando = false;
  readonly #imprimir: ((linha: string) => void) | undefined;
  readonly #ouvinte: Deno.TcpListener | Deno.TlsListener;
  /** Como discar para os outros servidores. */
  readonly #seguranca: Seguranca;
  readonly #rastro: Rastro | undefined;
  /** Onde este servidor atende. */
  readonly #meu: Endereco;
  /** O líder, se é outro; `undefined`, este é o líder. */
  readonly #enderecoDoLider: Endereco | undefined;
  /** Termina todos os laços e esperas. */
  readonly #parada = new AbortController();
  readonly #conexoes = new Set<Conexao>();
  /** Caracteres por escrever e em lotes abertos, de todas elas; ver CARACTERES_MAX. */
  #ocupados = 0;
  readonly #tarefas = new Set<Promise<void>>();

  /**
   * A tabela de hash. Um PUT tira a key e a põe de novo, e assim o Map fica em
   * ordem de timestamp: é o seu próprio log, e o que falta a um servidor que
   * volta é o trecho final, depois do maior timestamp que ele tem.
   */
  readonly #tabela = new Map<string, Versao>();
  /** O maior timestamp conhecido; no líder, o último dado. */
  #timestamp = 0;
  /** O primeiro timestamp que ainda não se pode dar; ver {@linkcode RESERVA}. */
  #reserva = 0;

  /** PUTs à espera: no líder, de que todos estejam em dia; no seguidor, do líder. */
  readonly #naFila = new Set<Escrita>();
  /** No líder, PUTs na tabela à espera de confirmação, em ordem de timestamp. */
  readonly #emCurso = new Map<number, Escrita>();
  /** PUTs recebidos e ainda sem resposta, nas duas coleções ou encaminhados. */
  #putsSemResposta = 0;
  /** Caracteres dos PUTs sem resposta, e dos que a têm mas ainda esperam confirmação na tabela. */
  #caracteres = 0;
  /** A próxima verificação de prazos. */
  #relogio: ReturnType<typeof setTimeout> | undefined;

  /** A outra thread: no líder, para replicar; com `dados`, para gravar. */
  #replicador: Worker | undefined;
  /** Ordens ao Replicador à espera do resultado. */
  readonly #ordens = new Map<number, PromiseWithResolvers<ResultadoDa<Ordem>>>();
  #ultimaOrdem = 0;
  /** A rodada de replicação que se junta; ver `#marcarRodada`. */
  readonly #rodada = {
    /** O que entrou na tabela desde a anterior, e até que timestamp; zero, não há rodada. */
    registros: [] as Registro[],
    ate: 0,
    /** Até que timestamp foram as anteriores, e até onde estão confirmadas. */
    entregue: 0,
    confirmado: 0,
    /** O fim da espera pela confirmação da anterior. */
    espera: undefined as ReturnType<typeof setTimeout> | undefined,
  };
  /** Por que o disco não grava; vazio, se grava. Enquanto não grava, não há PUTs. */
  #discoFalho = "";

  // No líder.
  /** Seguidores presentes, por endereço. */
  readonly #membros = new Map<string, Membro>();
  /** Endereços sendo discados. */
  readonly #entrando = new Set<string>();
  /** Endereços dos que se perderam e ainda não voltaram. */
  readonly #perdidos = new Set<string>();
  /** A última leitura do que um seguidor tem de mais novo; são feitas uma de cada vez. */
  #leituras: Promise<void> = Promise.resolve();
  /** Cumprida quando, desde o início, todos já estiveram presentes e lidos. */
  readonly #abertura = Promise.withResolvers<void>();
  #aberto = false;
  /** Se os PUTs podem entrar: todos estão em dia. */
  #admissao = false;

  // No seguidor.
  /** Prova, a quem o mostra, que foi a este processo que o líder respondeu. */
  readonly #token = crypto.randomUUID();
  /** O elo com o líder, para JOIN e FORWARD. */
  #eloComOLider: Elo | undefined;
  /** Se o líder aceitou este servidor: pode-se encaminhar PUTs. */
  #integrado = false;
  /** A conexão pela qual o líder replica. */
  #conexaoDoLider: Conexao | undefined;
  /** Avisa que o elo ou a conexão do líder se perdeu. */
  #aoPerderLider: () => void = () => {};
  /** REPLICATION recebidas e, por `atraso`, ainda não aplicadas. */
  readonly #atrasadas = new Map<ReturnType<typeof setTimeout>, () => void>();

  // --- Início e fim (seção 5a) -----------------------------------------------

  private constructor(opcoes: OpcoesDoServidor) {
    const { ip = PADRAO.ip, porta = PADRAO.porta, lider, imprimir, avisar = () => {}, ...resto } =
      opcoes;
    const { replicas, atraso, prazo } = PADRAO;
    this.#opcoes = {
      replicas,
      atraso,
      prazo,
      dados: undefined,
      segredo: undefined,
      tls: undefined,
      rastro: undefined,
      ...resto,
      avisar: (linha) => avisar(visivel(linha)),
    };
    ({ promise: this.parado, resolve: this.#aoParar } = Promise.withResolvers<void>());
    this.#imprimir = imprimir;
    const { segredo, tls, rastro } = this.#opcoes;
    this.#seguranca = { segredo, tls: tls && { ca: tls.ca } };
    const onde = { hostname: ip, port: porta };
    try {
      this.#ouvinte = tls
        ? Deno.listenTls({ ...onde, cert: tls.cert, key: tls.chave })
        : Deno.listen(onde);
    } catch (cause) {
      const endereco = textoDoEndereco({ ip, porta });
      throw new Error(`Não é possível atender em ${endereco}: ${textoDoErro(cause)}`, { cause });
    }
    this.#meu = { ip, porta: this.#ouvinte.addr.port };
    this.#rastro = rastro === undefined
      ? undefined
      : abrirRastro(rastro, this.endereco, CAMPOS_SECRETOS);
    const outro = typeof lider === "string" ? lerEndereco(lider) : lider;
    const souEu = !outro || textoDoEndereco(outro) === this.endereco;
    this.#enderecoDoLider = souEu ? undefined : outro;
  }

  /**
   * Seção 5a. Começa a atender no endereço pedido e, em segundo plano, a
   * procurar os outros: os servidores podem começar em qualquer ordem.
   *
   * @throws {Error} se o endereço não pode ser usado (porta ocupada, IP alheio), ou
   * a pasta de dados (em uso, danificada, sem permissão): nada foi mudado nela.
   */
  static async iniciar(opcoes: OpcoesDoServidor = {}): Promise<Servidor> {
    const servidor = new Servidor(opcoes);
    try {
      await servidor.#iniciarReplicador();
    } catch (erro) {
      servidor.#replicador?.terminate();
      servidor.#replicador = undefined;
      await servidor.parar();
      throw erro;
    }
    if (!servidor.souLider) servidor.#tarefa(servidor.#seguir());
    else if (servidor.#opcoes.replicas === 0) servidor.#tarefa(servidor.#abrir());
    servidor.#tarefa(servidor.#aceitar());
    servidor.#tarefa(servidor.#vigiar());
    return servidor;
  }

  /** O endereço deste servidor, `IP:PORTA`. */
  get endereco(): string {
    return textoDoEndereco(this.#meu);
  }

  /** Se este servidor é o líder. */
  get souLider(): boolean {
    return this.#enderecoDoLider === undefined;
  }

  /**
   * Para em ordem: não aceita mais pedidos, espera os PUTs em curso (cada um acaba
   * até o seu prazo), fecha o disco e as conexões. Parar de novo só espera.
   */
  async parar(): Promise<void> {
    if (this.#encerrando) return this.parado;
    this.#encerrando = true;
    this.#ouvinte.close();
    while (this.#putsSemResposta > 0) await this.#esperar(RELOGIO_MS);
    const saidas = [...this.#conexoes].map(({ saida }) => saida.esvaziar());
    await Promise.race([Promise.all(saidas), this.#esperar(DESPEDIDA_MS)]);
    this.#replicar();
    if (this.#replicador) await this.#ordenar("fechar", {}).catch(() => {});
    this.#parada.abort();
    clearTimeout(this.#relogio);
    for (const temporizador of this.#atrasadas.keys()) clearTimeout(temporizador);
    this.#eloComOLider?.fechar("Servidor parado");
    for (const conexao of this.#conexoes) this.#fechar(conexao);
    this.#replicador?.terminate();
    for (const ordem of this.#ordens.values()) ordem.reject(new Error("servidor parado"));
    this.#abertura.resolve();
    await Promise.all(this.#tarefas);
    this.#aoParar();
  }

  /** O mesmo que {@linkcode parar}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.parar();
  }

  /** Guarda uma tarefa, para que `parar` espere por ela. Parado o servidor, pode falhar. */
  #tarefa(tarefa: Promise<void>): void {
    const guardada = tarefa.catch((erro) => {
      if (!this.#parada.signal.aborted) throw erro;
    }).finally(() => this.#tarefas.delete(guardada));
    this.#tarefas.add(guardada);
  }

  /** Espera, ou menos se o servidor parar antes. */
  #esperar(ms: number): Promise<void> {
    return new Promise((resolver) => {
      const { signal } = this.#parada;
      if (signal.aborted) return resolver();
      const acabar = () => {
        clearTimeout(temporizador);
        signal.removeEventListener("abort", acabar);
        resolver();
      };
      const temporizador = setTimeout(acabar, ms);
      signal.addEventListener("abort", acabar);
    });
  }

  // --- Conexões (seção 5b) ---------------------------------------------------
  // Seção 5b. Recebe e responde simultaneamente: cada conexão tem a sua tarefa,
  // e nenhuma espera por outra. As conexões com os seguidores, que o líder usa
  // para replicar, vivem noutra thread.

  async #aceitar(): Promise<void> {
    while (!this.#encerrando) {
      let conn: Deno.TcpConn | Deno.TlsConn;
      try {
        conn = await this.#ouvinte.accept();
      } catch (erro) {
        if (this.#encerrando) return;
        // Quem desistiu antes de ser aceito não custa nada; sem descritores, abre-se lugar.
        const desistiu = erro instanceof Deno.errors.NotConnected ||
          erro instanceof Deno.errors.ConnectionReset ||
          erro instanceof Deno.errors.ConnectionAborted;
        const esgotados = /too many open files|os error 10024/i.test((erro as Error).message);
        if (desistiu || (esgotados && this.#derrubarOciosa())) continue;
        await this.#esperar(ACEITAR_DE_NOVO_MS);
        continue;
      }
      const cheio = this.#conexoes.size >= CONEXOES_MAX && !this.#derrubarOciosa();
      const conexao = this.#abrirConexao(conn);
      if (cheio) {
        this.#expulsar(conexao, `há ${CONEXOES_MAX} conexões, o limite, e todas têm pedidos`);
      } else this.#tarefa(this.#atender(conexao));
    }
  }

  #abrirConexao(conn: Deno.TcpConn | Deno.TlsConn): Conexao {
    try {
      if ("setNoDelay" in conn) conn.setNoDelay(true);
      if ("setKeepAlive" in conn) conn.setKeepAlive(true);
    } catch {
      // Quem discou já desistiu; a primeira leitura o dirá.
    }
    const { segredo, tls } = this.#opcoes;
    const { hostname, port } = conn.remoteAddr;
    const conexao: Conexao = {
      conn,
      endereco: textoDoEndereco({ ip: hostname, porta: port }),
      entrada: abrirEntrada(
        conn,
        enquadrar(),
        () => LIMITE_DA_LINHA[conexao.papel],
        {
          aoReceber: this.#rastro?.("recebeu", conn),
          aoGuardar: (bytes) => {
            if (conexao.fechada) return;
            conexao.buffer += bytes;
            this.#ocupar(bytes);
          },
        },
      ),
      saida: abrirSaida(conn, {
        aoEnviar: this.#rastro?.("enviou", conn),
        aoEscrever: (caracteres) => {
          this.#ocupados -= caracteres;
          conexao.aoAliviar?.();
        },
        aoFalhar: () => this.#fechar(conexao),
      }),
      papel: segredo !== undefined || tls ? "estranho" : "cliente",
      desafios: undefined,
      dispensada: false,
      pendentes: 0,
      caracteres: 0,
      lote: 0,
      buffer: 0,
      aoAliviar: undefined,
      vistos: {
        lidos: 0,
        blocos: 0,
        escritos: 0,
        pulsosMudo: 0,
        pulsosSemLer: 0,
        pulsosNaLinha: 0,
        pulsosSemProva: 0,
      },
      paginas: undefined,
      fechada: false,
    };
    this.#conexoes.add(conexao);
    return conexao;
  }

  /** Atende uma conexão até o outro lado acabar e ter todas as respostas. */
  async #atender(conexao: Conexao): Promise<void> {
    const { conn, entrada, saida } = conexao;
    try {
      if ("handshake" in conn) await conn.handshake();
      if (this.#opcoes.segredo === undefined) conexao.papel = "cliente";
      for (let linhas; !conexao.dispensada && (linhas = await entrada.ler());) {
        for (const linha of linhas) {
          const espera = this.#receber(conexao, linha);
          if (espera) await espera;
        }
      }
      if (entrada.falha) this.#recusar(conexao, undefined, entrada.falha.message);
      while (conexao.pendentes > 0 && !conexao.fechada) await this.#alivio(conexao);
      await saida.esvaziar();
      if (entrada.falha || conexao.dispensada) await this.#despedir(conexao);
    } catch (erro) {
      // Conexão perdida: não há a quem responder, e os PUTs em curso seguem. Um erro do
      // próprio programa, não: é um estado impossível, e para o servidor.
      const nosso = erro instanceof TypeError || erro instanceof RangeError ||
        erro instanceof ReferenceError;
      if (nosso) throw erro;
    } finally {
      this.#fechar(conexao);
    }
  }

  /** Trata uma linha; devolve uma promessa só quando é preciso esperar antes de ler a próxima. */
  #receber(conexao: Conexao, linha: string): Promise<void> | undefined {
    if (conexao.fechada || conexao.dispensada) return;
    if (conexao.papel === "estranho") return this.#receberEstranho(conexao, linha);
    let lida: ReturnType<typeof Mensagem.abrir>;
    try {
      lida = Mensagem.abrir(linha);
    } catch (erro) {
      this.#recusar(conexao, undefined, (erro as Error).message);
      return this.#haverLugar(conexao);
    }
    if (lida.emLote) return this.#receberLote(conexao, lida.itens, linha.length * LOTE_ABERTO);
    this.#despachar(conexao, lida.itens[0]);
    return this.#haverLugar(conexao);
  }

  /** De quem não provou o segredo só se aceita a prova; qualquer outra coisa, e a conexão acaba. */
  async #receberEstranho(conexao: Conexao, linha: string): Promise<void> {
    const segredo = this.#opcoes.segredo!;
    let id: number | undefined;
    try {
      const item: unknown = JSON.parse(linha);
      id = Mensagem.idDe(item);
      const { corpo } = Mensagem.ler(item);
      if (corpo.tipo === "AUTH" && !conexao.desafios) {
        const desafios = [corpo.desafio, novoDesafio()] as const;
        conexao.desafios = desafios;
        const prova = await provar(segredo, "servidor", desafios);
        return this.#enviar(conexao, { tipo: "AUTH_CHALLENGE", id, desafio: desafios[1], prova });
      }
      const { desafios } = conexao;
      const provou = corpo.tipo === "AUTH_PROOF" && desafios &&
        await conferirProva(segredo, "cliente", desafios, corpo.prova);
      if (provou) {
        conexao.papel = "cliente";
        return this.#enviar(conexao, { tipo: "AUTH_OK", id });
      }
    } catch {
      // Não é JSON, ou não é uma Mensagem: não é a prova.
    }
    conexao.dispensada = true;
    this.#recusar(conexao, id, "Conexão recusada: este servidor exige a prova do segredo");
  }

  /** Trata um lote item a item, sem ocupar a thread nem a memória com um lote enorme. */
  async #receberLote(
    conexao: Conexao,
    itens: readonly unknown[],
    caracteres: number,
  ): Promise<void> {
    conexao.saida.emLotes = true;
    conexao.lote = caracteres;
    this.#ocupar(caracteres);
    for (let n = 0; n < itens.length && !conexao.fechada; n++) {
      this.#despachar(conexao, itens[n]);
      if (this.#cheia(conexao)) await this.#haverLugar(conexao);
      else if (n % ITENS_POR_VOLTA === ITENS_POR_VOLTA - 1) await darAVez();
    }
    conexao.lote = 0;
    this.#ocupados -= caracteres;
  }

  /** Se a conexão tem tanto em curso que não deve ser lida. */
  #cheia({ papel, pendentes, caracteres, saida, fechada }: Conexao): boolean {
    if (fechada) return false;
    // O que um seguidor encaminha, que é de muitos clientes, só o total limita (PUTS_MAX): parar
    // de o ler faria uns esperarem por outros, e os pulsos não chegarem.
    if (doGrupo(papel)) return false;
    return pendentes >= PUTS_POR_CONEXAO_MAX ||
      caracteres >= PUTS_CARACTERES_POR_CONEXAO_MAX || saida.fila >= RESPOSTAS_CARACTERES_MAX;
  }

  /** Espera até a conexão poder ser lida; `undefined`, se já pode. */
  #haverLugar(conexao: Conexao): Promise<void> | undefined {
    if (!this.#cheia(conexao)) return undefined;
    return this.#alivio(conexao).then(() => this.#haverLugar(conexao));
  }

  /** Espera que algo da conexão acabe: uma resposta, uma escrita, ou ela mesma. */
  #alivio(conexao: Conexao): Promise<void> {
    return new Promise((resolver) => {
      conexao.aoAliviar = () => {
        conexao.aoAliviar = undefined;
        resolver();
      };
    });
  }

  /** Um item, um tratamento: o único lugar onde o tipo da mensagem decide. */
  #despachar(conexao: Conexao, item: unknown): void {
    let corpo: Corpo;
    try {
      corpo = Mensagem.ler(item).corpo;
    } catch (erro) {
      return this.#recusar(conexao, Mensagem.idDe(item), (erro as Error).message);
    }
    if (this.#encerrando && ["GET", "PUT", "FORWARD"].includes(corpo.tipo)) {
      return this.#recusar(conexao, corpo.id, "Pedido recusado: o servidor está parando");
    }
    switch (corpo.tipo) {
      case "GET":
        return this.#tratarGet(conexao, corpo);
      case "PUT":
        return this.#tratarPut(conexao, corpo, conexao.endereco, this.#opcoes.prazo);
      case "PULSE":
        return this.#enviar(conexao, { tipo: "PULSE_OK", id: corpo.id });
      case "JOIN":
        return this.#adiar(conexao, this.#tratarJoin(conexao, corpo));
      case "LEADER":
        return this.#tratarLeader(conexao, corpo);
      case "AUTH":
        return this.#recusar(conexao, corpo.id, "AUTH recusado: este servidor não tem segredo");
    }
    if (corpo.tipo === "FORWARD" && conexao.papel === "seguidor") {
      const prazo = Math.min(corpo.prazo, this.#opcoes.prazo);
      return this.#tratarPut(conexao, corpo, corpo.origem, prazo);
    }
    if (conexao === this.#conexaoDoLider) {
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
    this.#recusar(conexao, corpo.id, `Pedido recusado: ${corpo.tipo} não cabe nesta conexão`);
  }

  /** Um pedido cuja resposta vem depois, mesmo a quem já fechou a sua metade. */
  #adiar(conexao: Conexao, tratamento: Promise<void>): void {
    conexao.pendentes++;
    this.#tarefa(tratamento.finally(() => {
      conexao.pendentes--;
      conexao.aoAliviar?.();
    }));
  }

  #enviar(conexao: Conexao, corpo: Corpo): void {
    const antes = conexao.saida.fila;
    conexao.saida.enviar(new Mensagem(corpo).linha());
    this.#ocupar(conexao.saida.fila - antes);
  }

  /**
   * Conta caracteres a mais na memória; se são demais, cai quem mais ocupa sem andar:
   * não lê o que pediu, ou não acaba uma linha comprida.
   */
  #ocupar(caracteres: number): void {
    this.#ocupados += caracteres;
    if (this.#ocupados <= CARACTERES_MAX || caracteres <= 0) return;
    let [maior, peso]: [Conexao | undefined, number] = [undefined, 0];
    for (const conexao of this.#conexoes) {
      const { saida, vistos, papel, lote, buffer } = conexao;
      if (doGrupo(papel)) continue;
      const naoLe = saida.fila > 0 && saida.escritos === vistos.escritos;
      const ocupa = buffer + (naoLe ? saida.fila + lote : 0);
      if (ocupa > peso) [maior, peso] = [conexao, ocupa];
    }
    if (maior) this.#fechar(maior);
  }

  /** Um ERRO definitivo: o pedido não teve nem terá efeito. */
  #recusar(conexao: Conexao, id: number | undefined, erro: string): void {
    this.#enviar(conexao, { tipo: "ERRO", id, erro, definitivo: true });
  }

  /**
   * Antes de fechar por culpa do outro lado, deixa que ele leia por quê: fechar
   * com bytes por ler derrubaria a conexão, e o ERRO com ela.
   */
  async #despedir(conexao: Conexao): Promise<void> {
    const { conn } = conexao;
    await conn.closeWrite();
    const temporizador = setTimeout(() => this.#fechar(conexao), DESPEDIDA_MS);
    const lixo = new Uint8Array(4096);
    try {
      while (await conn.read(lixo) !== null);
    } finally {
      clearTimeout(temporizador);
    }
  }

  /** Fecha uma conexão, dizendo por quê; a quem não lê isso nem até o pulso seguinte, sem dizer. */
  #expulsar(conexao: Conexao, motivo: string): void {
    if (conexao.dispensada) return this.#fechar(conexao);
    this.#recusar(conexao, undefined, `Conexão fechada: ${motivo}`);
    conexao.dispensada = true;
    conexao.saida.esvaziar().then(() => this.#fechar(conexao));
  }

  #fechar(conexao: Conexao): void {
    if (conexao.fechada) return;
    conexao.fechada = true;
    this.#conexoes.delete(conexao);
    this.#ocupados -= conexao.buffer;
    fecharSeAberta(conexao.conn);
    conexao.aoAliviar?.();
    if (conexao === this.#conexaoDoLider) {
      this.#conexaoDoLider = undefined;
      this.#aoPerderLider();
    }
  }

  /** Abre lugar para uma conexão nova: cai a mais antiga das que nada têm em curso, se há uma. */
  #derrubarOciosa(): boolean {
    for (const conexao of this.#conexoes) {
      const { papel, pendentes, saida, entrada } = conexao;
      if (doGrupo(papel) || pendentes > 0 || saida.fila > 0) continue;
      if (entrada.parcial > 0 && entrada.lidos !== conexao.vistos.lidos) continue;
      this.#fechar(conexao);
      return true;
    }
    return false;
  }

  /** A cada pulso, derruba quem emudeceu ou parou. */
  async #vigiar(): Promise<void> {
    while (!this.#parada.signal.aborted) {
      for (const conexao of this.#conexoes) this.#vigiarConexao(conexao);
      await this.#esperar(PULSO_MS);
    }
  }

  #vigiarConexao(conexao: Conexao): void {
    const { entrada: { lidos, blocos, parcial }, saida, vistos, papel } = conexao;
    const semLer = saida.fila > 0 && saida.escritos === vistos.escritos;
    // Se é este servidor que não a lê, a linha por acabar não é culpa de ninguém.
    const naLinha = parcial > 0 && blocos === vistos.blocos && !conexao.aoAliviar;
    const agora = conexao.vistos = {
      lidos,
      blocos,
      escritos: saida.escritos,
      pulsosMudo: lidos === vistos.lidos ? vistos.pulsosMudo + 1 : 0,
      pulsosSemLer: semLer ? vistos.pulsosSemLer + 1 : 0,
      pulsosNaLinha: naLinha ? vistos.pulsosNaLinha + 1 : 0,
      pulsosSemProva: papel === "estranho" ? vistos.pulsosSemProva + 1 : 0,
    };
    const segundos = (pulsos: number) => `${pulsos * PULSO_MS / 1000} s, o limite`;
    const parou = doGrupo(papel)
      ? agora.pulsosMudo > PULSOS_MUDOS_MAX
      : agora.pulsosSemLer > PULSOS_SEM_LER_MAX;
    if (parou) {
      this.#fechar(conexao);
    } else if (agora.pulsosNaLinha > PULSOS_DA_LINHA_MAX) {
      this.#expulsar(conexao, `uma linha não acabou em ${segundos(PULSOS_DA_LINHA_MAX)}`);
    } else if (agora.pulsosSemProva > PULSOS_DA_PROVA_MAX) {
      this.#expulsar(conexao, `sem a prova do segredo em ${segundos(PULSOS_DA_PROVA_MAX)}`);
    }
  }

  // --- PUT (seção 5c) --------------------------------------------------------

  /** Seção 5c. Requisição PUT: o líder ordena e replica; qualquer outro encaminha. */
  #tratarPut(
    conexao: Conexao,
    { id, key, value }: { id?: number | undefined; key: string; value: string },
    origem: string,
    prazo: number,
  ): void {
    const vence = performance.now() + prazo;
    const escrita = { id, key, value, origem, conexao, vence, respondida: false, naTabela: false };
    this.#imprimir?.(
      this.souLider
        ? `Cliente ${origem} PUT key:${visivel(key)} value:${visivel(value)}`
        : `Encaminhando PUT key:${visivel(key)} value:${visivel(value)}`,
    );
    conexao.pendentes++;
    this.#putsSemResposta++;
    conexao.caracteres += key.length + value.length;
    this.#caracteres += key.length + value.length;
    if (this.#discoFalho) {
      this.#falhar(escrita, `PUT recusado: ${this.#discoFalho}`, true);
    } else if (this.#naFila.size >= PUTS_MAX || this.#caracteres > PUTS_CARACTERES_MAX) {
      this.#falhar(escrita, `PUT recusado: ${PUTS_DEMAIS}`, true);
    } else {
      this.#naFila.add(escrita);
      this.#escoarFila();
      this.#relogio ??= setTimeout(() => this.#verificarPrazos(), RELOGIO_MS);
    }
  }

  /** Faz andar os PUTs que esperavam, na ordem em que chegaram. */
  #escoarFila(): void {
    for (const escrita of this.#naFila) {
      const podeAndar = this.souLider
        ? this.#admissao && this.#emCurso.size < PUTS_MAX
        : this.#integrado;
      if (!podeAndar) return;
      this.#naFila.delete(escrita);
      if (this.souLider) this.#inserir(escrita);
      else this.#encaminhar(this.#eloComOLider!, escrita);
    }
  }

  /**
   * Seção 5c, itens 1 e 2. Insere na tabela local com um timestamp novo, e só
   * então replica: por isso um GET ao líder pode mostrar um PUT ainda não
   * confirmado.
   */
  #inserir(escrita: Escrita): void {
    const { key, value } = escrita;
    const timestamp = this.#timestamp + 1;
    escrita.naTabela = true;
    this.#emCurso.set(timestamp, escrita);
    this.#aplicar({ key, value, timestamp });
  }

  /** Põe uma versão na tabela, se é mais nova que a que há: uma key só anda para a frente. */
  #aplicar(registro: Registro): void {
    const { key, value, timestamp } = registro;
    const novo = timestamp > (this.#tabela.get(key)?.timestamp ?? 0);
    if (novo) {
      this.#tabela.delete(key);
      this.#tabela.set(key, { value, timestamp });
      this.#timestamp = Math.max(this.#timestamp, timestamp);
      if (this.#replicador) this.#rodada.registros.push(registro);
    }
    if (this.#rodada.ate === 0) this.#marcarRodada();
    this.#rodada.ate = Math.max(this.#rodada.ate, timestamp);
  }

  /**
   * Um PUT segue acabado o código síncrono, com os que vieram na mesma leitura.
   * Enquanto há uma rodada por confirmar, os que chegam esperam um pouco por ela e vão
   * juntos na seguinte: o custo de uma rodada (escritas, leituras, acordar quatro
   * threads) quase não depende de quantos leva.
   */
  #marcarRodada(): void {
    const rodada = this.#rodada;
    if (rodada.entregue <= rodada.confirmado) queueMicrotask(() => this.#replicar());
    else rodada.espera = setTimeout(() => this.#replicar(), RODADA_MS);
  }

  /** Entrega ao Replicador, de uma vez, o que entrou na tabela desde a última. */
  #replicar(): void {
    const rodada = this.#rodada;
    const { registros, ate } = rodada;
    clearTimeout(rodada.espera);
    rodada.espera = undefined;
    if (ate === 0) return;
    rodada.registros = [];
    rodada.ate = 0;
    // Metade da reserva gasta, a seguinte vai atrás dos registros: quem a recebe já os tem.
    const renova = this.souLider && this.#aberto && ate + RESERVA / 2 >= this.#reserva;
    if (renova) this.#reserva += RESERVA;
    if (!this.#replicador) return this.#confirmar(ate);
    rodada.entregue = ate;
    const { dados, replicas } = this.#opcoes;
    const reserva = renova ? this.#reserva : 0;
    // Prontas aqui, as linhas passam à outra thread como texto, que é barato de copiar.
    const linhas = this.souLider && replicas > 0
      ? juntarEmLotes(registros.map((r) => new Mensagem({ tipo: "REPLICATION", ...r }).linha()))
      : [];
    if (renova) linhas.push(new Mensagem({ tipo: "SYNC", timestamp: ate, reserva }).linha());
    this.#mandar({ tipo: "replicar", linhas, registros: dados ? registros : [], ate, reserva });
  }

  /** Seção 5c, quando este não é o líder: encaminha o PUT e devolve a resposta do líder. */
  async #encaminhar(elo: Elo, escrita: Escrita): Promise<void> {
    const { id, key, value, origem } = escrita;
    const resta = Math.max(1, escrita.vence - performance.now());
    const prazo = Math.ceil(resta * (1 - FOLGA_DO_ENCAMINHADO));
    try {
      const resposta = await elo.pedir({ tipo: "FORWARD", key, value, origem, prazo }, resta);
      if (resposta.tipo !== "PUT_OK" && resposta.tipo !== "ERRO") {
        throw new TypeError(`Resposta inesperada do líder: ${resposta.tipo}`);
      }
      this.#responder(escrita, { ...resposta, id });
    } catch (erro) {
      // O cliente não sabe, nem por um erro, onde está o líder: o motivo diria o endereço.
      const motivo = elo.perdido ? "a ligação com o líder se perdeu" : "o líder não respondeu";
      this.#falhar(escrita, `PUT não confirmado: ${motivo}`, falhaDefinitiva(erro));
    }
  }

  /**
   * Seção 5c, item 3, e seção 5e. Está tudo confirmado até este timestamp. No
   * líder, por todos: os PUTs até ele recebem o seu PUT_OK. No seguidor, pelo seu
   * disco, se o tem: é a hora do REPLICATION_OK (seção 5d), que vale por todos até ele.
   */
  #confirmar(ate: number): void {
    const rodada = this.#rodada;
    rodada.confirmado = Math.max(rodada.confirmado, ate);
    if (rodada.espera !== undefined) queueMicrotask(() => this.#replicar());
    if (this.#conexaoDoLider) {
      this.#enviar(this.#conexaoDoLider, { tipo: "REPLICATION_OK", timestamp: ate });
    }
    const confirmadas = this.#tirarConfirmadas(ate);
    for (const [timestamp, { key, origem }] of confirmadas) {
      this.#imprimir?.(
        `Enviando PUT_OK ao Cliente ${origem} da key:${visivel(key)} ts:${timestamp}`,
      );
    }
    for (const [timestamp, escrita] of confirmadas) {
      const { id, key } = escrita;
      this.#responder(escrita, { tipo: "PUT_OK", id, key, timestamp });
    }
    this.#escoarFila();
  }

  /** Tira dos PUTs em curso os que estão confirmados; devolve os que ainda esperam resposta. */
  #tirarConfirmadas(ate: number): [number, Escrita][] {
    const confirmadas: [number, Escrita][] = [];
    for (const [timestamp, escrita] of this.#emCurso) {
      if (timestamp > ate) break;
      this.#emCurso.delete(timestamp);
      escrita.naTabela = false;
      if (escrita.respondida) this.#caracteres -= escrita.key.length + escrita.value.length;
      else confirmadas.push([timestamp, escrita]);
    }
    return confirmadas;
  }

  /** A única resposta de um PUT; as seguintes nada fazem. */
  #responder(escrita: Escrita, resposta: Corpo): void {
    if (escrita.respondida) return;
    escrita.respondida = true;
    const { conexao, key, value } = escrita;
    conexao.pendentes--;
    this.#putsSemResposta--;
    conexao.caracteres -= key.length + value.length;
    if (!escrita.naTabela) this.#caracteres -= key.length + value.length;
    this.#enviar(conexao, resposta);
    conexao.aoAliviar?.();
  }

  #falhar(escrita: Escrita, erro: string, definitivo: boolean): void {
    this.#responder(escrita, { tipo: "ERRO", id: escrita.id, erro, definitivo });
  }

  /**
   * Responde aos PUTs cujo prazo acabou. Quem ainda esperava para entrar não teve
   * nem terá efeito; quem já está na tabela chegará a todos, e só não se sabe
   * quando.
   */
  #verificarPrazos(): void {
    const agora = performance.now();
    for (const escrita of this.#naFila) {
      if (escrita.vence > agora) continue;
      this.#naFila.delete(escrita);
      this.#falhar(escrita, `PUT não aceito no prazo: ${this.#oQueFalta()}`, true);
    }
    for (const [timestamp, escrita] of this.#emCurso) {
      if (escrita.vence > agora || escrita.respondida) continue;
      const erro = `PUT ${timestamp} não confirmado no prazo: ${this.#oQueFalta()}`;
      this.#falhar(escrita, erro, false);
    }
    this.#relogio = this.#naFila.size + this.#emCurso.size > 0
      ? setTimeout(() => this.#verificarPrazos(), RELOGIO_MS)
      : undefined;
  }

  /** Por que os PUTs não andam. */
  #oQueFalta(): string {
    if (this.#discoFalho) return this.#discoFalho;
    if (!this.souLider) return "sem ligação com o líder";
    const emDia = this.#quantosEmDia();
    const { replicas } = this.#opcoes;
    return emDia < replicas
      ? `${emDia} de ${replicas} outros servidores em dia`
      : "um servidor ainda não confirmou";
  }

  // --- REPLICATION (seção 5d), no seguidor -----------------------------------

  /** Seção 5d. Insere na tabela local e responde REPLICATION_OK ao líder. */
  #tratarReplication({ key, value, timestamp }: Registro): void {
    this.#imprimir?.(`REPLICATION key:${visivel(key)} value:${visivel(value)} ts:${timestamp}`);
    const inserir = () => this.#aplicar({ key, value, timestamp });
    if (this.#opcoes.atraso === 0) return inserir();
    const temporizador = setTimeout(() => {
      this.#atrasadas.delete(temporizador);
      inserir();
    }, this.#opcoes.atraso);
    this.#atrasadas.set(temporizador, inserir);
  }

  // --- REPLICATION_OK (seção 5e), no líder -----------------------------------

  /** Seção 5e. O Replicador recebe os REPLICATION_OK e diz até onde todos confirmaram. */
  #aoReplicador(mensagem: DoReplicador): void {
    switch (mensagem.tipo) {
      case "confirmado":
        return this.#confirmar(mensagem.timestamp);
      case "perdido":
        return this.#perderMembro(mensagem.sessao, mensagem.motivo);
      case "disco":
        return this.#notarDisco(mensagem.motivo);
      case "feito":
        this.#ordens.get(mensagem.n)!.resolve(mensagem.resultado);
        this.#ordens.delete(mensagem.n);
        return;
      case "falhou":
        this.#ordens.get(mensagem.n)!.reject(new Error(mensagem.motivo));
        this.#ordens.delete(mensagem.n);
    }
  }

  // --- GET (seção 5f) --------------------------------------------------------

  /** Seção 5f. Requisição GET: nunca um value anterior ao que o cliente já viu. */
  #tratarGet(conexao: Conexao, { id, key, timestamp }: CorpoDe<"GET">): void {
    const versao = this.#tabela.get(key);
    const meu = versao?.timestamp ?? 0;
    const value = versao?.value ?? null;
    const tipo = meu < timestamp ? "TRY_OTHER_SERVER_OR_LATER" : "GET_OK";
    this.#imprimir?.(
      `Cliente ${conexao.endereco} GET key:${visivel(key)} ts:${timestamp}. Meu ts é ${meu}, ` +
        `portanto devolvendo ${tipo === "GET_OK" ? visivel(value ?? "NULL") : tipo}`,
    );
    this.#enviar(
      conexao,
      tipo === "GET_OK"
        ? { tipo, id, key, value, timestamp: meu }
        : { tipo, id, key, timestamp: meu },
    );
  }

  // --- O grupo, visto do líder -----------------------------------------------
  // As quatro perguntas da seção 5a não dizem ao líder onde estão os outros:
  // cada um se apresenta (JOIN), o Replicador disca de volta e mostra o token
  // recebido. Um seguidor que volta é posto em dia com os PUTs parados, e por
  // isso nunca em corrida com eles.

  async #tratarJoin(conexao: Conexao, { id, endereco, token }: CorpoDe<"JOIN">): Promise<void> {
    try {
      if (!this.souLider) throw new Error("este servidor não é o líder");
      const pedido = lerEndereco(endereco);
      const todos = pedido.ip === "0.0.0.0" || pedido.ip === "::";
      const onde = todos ? { ...pedido, ip: conexao.conn.remoteAddr.hostname } : pedido;
      await this.#integrar(onde, token);
      conexao.papel = "seguidor";
      this.#enviar(conexao, { tipo: "JOIN_OK", id });
    } catch (erro) {
      this.#recusar(conexao, id, `JOIN recusado: ${(erro as Error).message}`);
    }
  }

  /** Faz de um servidor um seguidor em dia; falha se ele se perde no caminho. */
  async #integrar(endereco: Endereco, token: string): Promise<void> {
    const nome = textoDoEndereco(endereco);
    this.#conferirEntrada(nome);
    const membro = await this.#discarDeVolta(nome, endereco, token);
    try {
      // Outro pode ter tomado o lugar: só quem atendeu ocupa um, e um estranho calado, nenhum.
      this.#conferirLugar(nome);
      this.#membros.set(nome, membro);
      const leitura = this.#leituras.then(() => this.#lerMembro(nome, membro));
      this.#leituras = leitura.catch(() => {});
      await leitura;
      const lidos = [...this.#membros.values()].filter(({ lido }) => lido).length;
      if (lidos === this.#opcoes.replicas) await this.#abrir();
      await Promise.race([this.#abertura.promise, membro.perda.promise]);
      await this.#porEmDia(nome, membro);
    } catch (erro) {
      const motivo = (erro as Error).message;
      this.#ordenar("soltar", { sessao: membro.sessao, motivo }).catch(() => {});
      throw erro;
    }
    this.#admitir();
    if (this.#perdidos.delete(nome)) this.#opcoes.avisar(`Aviso: ${nome} voltou e está em dia`);
  }

  /** Disca para quem quer entrar: só é um membro quem atende e reconhece o token. */
  async #discarDeVolta(nome: string, endereco: Endereco, token: string): Promise<Membro> {
    this.#entrando.add(nome);
    try {
      const lido = await this.#ordenar("juntar", { endereco, token });
      const perda = Promise.withResolvers<never>();
      perda.promise.catch(() => {});
      return { ...lido, lido: false, emDia: false, perda };
    } finally {
      this.#entrando.delete(nome);
    }
  }

  /** @throws {Error} se quem tem este endereço não pode entrar agora. */
  #conferirEntrada(nome: string): void {
    if (nome === this.endereco) throw new Error(`${nome} é o endereço do líder`);
    this.#conferirLugar(nome);
    if (this.#entrando.has(nome)) throw new Error(`${nome} já está entrando`);
    // Quem já foi do grupo não espera atrás de estranhos.
    if (this.#entrando.size >= JOINS_MAX && !this.#perdidos.has(nome)) {
      throw new Error(`já há ${JOINS_MAX} servidores entrando, o limite`);
    }
  }

  /** @throws {Error} se os outros já são tantos quantos o grupo espera. */
  #conferirLugar(nome: string): void {
    const { replicas } = this.#opcoes;
    const outros = this.#membros.size - (this.#membros.has(nome) ? 1 : 0);
    if (outros >= replicas) throw new Error(`o grupo já tem os ${replicas} que espera`);
  }

  /** Um líder que recomeça toma dos outros o que eles têm de mais novo. */
  async #lerMembro(nome: string, membro: Membro): Promise<void> {
    if (this.#aberto && membro.timestamp > this.#timestamp) {
      throw new Error("tem dados que o líder não conhece: recomece o líder, ou este sem dados");
    }
    if (!this.#aberto) {
      const relatar = this.#relator(`Recuperando de ${nome}`, this.#timestamp, membro.timestamp);
      while (membro.timestamp > this.#timestamp) {
        const pedido = { sessao: membro.sessao, timestamp: this.#timestamp };
        const registros = await this.#ordenar("buscar", pedido);
        for (const registro of registros) this.#aplicar(registro);
        // Ele sabe de um timestamp (de um SYNC) que não é o de nenhum dos seus registros.
        if (registros.length === 0) this.#timestamp = membro.timestamp;
        relatar(registros);
      }
      this.#reserva = Math.max(this.#reserva, membro.reserva);
    }
    membro.lido = true;
  }

  /** Conta em stderr, de segundo em segundo, como vai a cópia de registros entre dois timestamps. */
  #relator(oQue: string, de: number, ate: number): (registros: readonly Registro[]) => void {
    const inicio = performance.now();
    let [copiados, ultimo] = [0, inicio];
    return (registros) => {
      copiados += registros.length;
      const agora = performance.now();
      if (agora - ultimo < RELATO_MS || registros.length === 0) return;
      ultimo = agora;
      const parte = (registros.at(-1)!.timestamp - de) / (ate - de);
      const ritmo = Math.round(copiados / (agora - inicio) * 1000);
      this.#opcoes.avisar(
        `${oQue}: ${copiados} registros, ${Math.floor(parte * 100)} %, ${ritmo}/s`,
      );
    };
  }

  /** Todos presentes e lidos: daqui em diante quem sabe de tudo é o líder. */
  async #abrir(): Promise<void> {
    if (this.#aberto) return;
    this.#aberto = true;
    // A reserva que alguém já conhecia pode ter sido usada; a nova começa depois.
    if (this.#reserva > 0) this.#timestamp = this.#reserva - 1;
    this.#reserva += RESERVA;
    await this.#guardarReserva();
    this.#abertura.resolve();
    this.#admitir();
  }

  /** No disco, se há, antes que alguém use um timestamp dela. */
  async #guardarReserva(): Promise<void> {
    // Quem recebe esta confirmação conta com tudo o que veio antes: segue à frente.
    this.#replicar();
    if (this.#replicador) await this.#ordenar("guardar", { reserva: this.#reserva });
  }

  /** Leva ao membro o que lhe falta: o trecho da tabela depois do timestamp dele. */
  async #porEmDia(nome: string, membro: Membro): Promise<void> {
    const { sessao, timestamp } = membro;
    // A reserva vai antes do primeiro registro: se o líder morre a meio, este já sabe dela.
    await this.#ordenar("acertar", { sessao, emDia: false, timestamp, reserva: this.#reserva });
    const relatar = this.#relator(`Pondo ${nome} em dia`, timestamp, this.#timestamp);
    for await (const registros of this.#paginasDepoisDe(timestamp, LEVADOS_MAX)) {
      await this.#ordenar("levar", { sessao, registros });
      relatar(registros);
    }
    const acerto = { timestamp: this.#timestamp, reserva: this.#reserva };
    await this.#ordenar("acertar", { sessao, emDia: true, ...acerto });
    membro.emDia = true;
  }

  #quantosEmDia(): number {
    return [...this.#membros.values()].filter((membro) => membro.emDia).length;
  }

  /** Abre ou fecha a entrada de PUTs, conforme todos estejam em dia. */
  #admitir(): void {
    const todosEmDia = this.#quantosEmDia() === this.#opcoes.replicas;
    this.#admissao = this.#aberto && todosEmDia && !this.#discoFalho;
    this.#escoarFila();
  }

  /** O disco falhou, ou voltou. Um seguidor que não grava se afasta, e o líder para de admitir. */
  #notarDisco(motivo: string): void {
    if (motivo === this.#discoFalho) return;
    this.#discoFalho = motivo;
    this.#opcoes.avisar(
      motivo ? `Aviso: ${motivo}; os PUTs são recusados` : "Aviso: o disco voltou a gravar",
    );
    if (this.souLider) this.#admitir();
    else if (motivo && this.#conexaoDoLider) this.#fechar(this.#conexaoDoLider);
  }

  #perderMembro(sessao: number, motivo: string): void {
    const achado = [...this.#membros].find(([, membro]) => membro.sessao === sessao);
    if (!achado) return;
    const [nome, membro] = achado;
    this.#membros.delete(nome);
    membro.perda.reject(new Error("servidor perdido"));
    this.#admitir();
    if (this.#perdidos.has(nome)) return;
    this.#perdidos.add(nome);
    const [antigo] = this.#perdidos;
    if (this.#perdidos.size > REPLICAS_MAX) this.#perdidos.delete(antigo!);
    this.#opcoes.avisar(`Aviso: ${motivo}; os PUTs esperam que ${nome} volte`);
  }

  /** O que a tabela tem depois de um timestamp, em ordem, sem ocupar a thread. */
  async *#paginasDepoisDe(timestamp: number, maior: number): AsyncGenerator<Registro[]> {
    let pagina: Registro[] = [];
    let caracteres = 0;
    let examinados = 0;
    for (const [key, versao] of this.#tabela) {
      if (++examinados % EXAMINADOS_POR_VOLTA === 0) await darAVez();
      if (versao.timestamp <= timestamp) continue;
      pagina.push({ key, ...versao });
      caracteres += key.length + versao.value.length;
      if (pagina.length >= maior || caracteres >= LOTE_MAX) {
        yield pagina;
        pagina = [];
        caracteres = 0;
      }
    }
    if (pagina.length > 0) yield pagina;
  }

  // --- O grupo, visto do seguidor --------------------------------------------

  /** Apresenta-se ao líder, e de novo sempre que o perde. */
  async #seguir(): Promise<void> {
    let tentativa = 0;
    let avisado = false;
    while (!this.#parada.signal.aborted) {
      const { promise: perda, resolve } = Promise.withResolvers<void>();
      this.#aoPerderLider = () => {
        this.#integrado = false;
        resolve();
      };
      try {
        await this.#entrarNoGrupo(perda);
        const lider = textoDoEndereco(this.#enderecoDoLider!);
        if (avisado) this.#opcoes.avisar(`Aviso: em dia com o líder ${lider}`);
        avisado = false;
        tentativa = 0;
        await perda;
      } catch (erro) {
        if (tentativa === TENTATIVAS_CALADAS && !this.#parada.signal.aborted) {
          avisado = true;
          this.#opcoes.avisar(`Aviso: sem o líder, tentando de novo: ${textoDoErro(erro)}`);
        }
      }
      await this.#esperar(esperaDaTentativa(tentativa++, VOLTAR_MS.primeira, VOLTAR_MS.maior));
    }
  }

  /** Apresenta-se ao líder e espera que ele o ponha em dia: já pode encaminhar PUTs. */
  async #entrarNoGrupo(perda: Promise<void>): Promise<void> {
    if (!this.#eloComOLider || this.#eloComOLider.perdido) {
      this.#eloComOLider = await discar(this.#enderecoDoLider!, APRESENTAR_MS, {
        seguranca: this.#seguranca,
        rastro: this.#rastro,
        aoPerder: () => this.#aoPerderLider(),
      });
      this.#eloComOLider.vigiar();
      if (this.#encerrando) this.#eloComOLider.fechar("Servidor parado");
    }
    const pedido = { tipo: "JOIN", endereco: this.endereco, token: this.#token } as const;
    // Perdida a conexão por onde o líder responderia ao JOIN, apresenta-se de novo.
    const resposta = await Promise.race([this.#eloComOLider.pedir(pedido), perda]);
    if (resposta?.tipo === "ERRO") throw new Error(resposta.erro);
    if (!resposta || !this.#conexaoDoLider || this.#eloComOLider.perdido) {
      throw new Error("a conexão com o líder se perdeu");
    }
    this.#integrado = true;
    this.#escoarFila();
  }

  /** Quem mostra o token deste processo é o seu líder; um novo substitui o anterior. */
  #tratarLeader(conexao: Conexao, { id, token }: CorpoDe<"LEADER">): void {
    if (this.souLider || !iguais(token, this.#token)) {
      return this.#recusar(conexao, id, "LEADER recusado: o token não é o deste servidor");
    }
    if (this.#discoFalho) return this.#recusar(conexao, id, this.#discoFalho);
    const anterior = this.#conexaoDoLider;
    this.#conexaoDoLider = conexao;
    conexao.papel = "lider";
    if (anterior && anterior !== conexao) this.#fechar(anterior);
    // O que o líder anterior mandou entra já: este tem de saber de tudo o que há.
    for (const [temporizador, inserir] of this.#atrasadas) {
      clearTimeout(temporizador);
      inserir();
    }
    this.#atrasadas.clear();
    const [timestamp, reserva] = [this.#timestamp, this.#reserva];
    this.#enviar(conexao, { tipo: "LEADER_OK", id, timestamp, reserva });
  }

  /** O líder recomeçou e busca, página a página, o que este tem depois de um timestamp. */
  async #tratarFetch(conexao: Conexao, { id, timestamp }: CorpoDe<"FETCH">): Promise<void> {
    conexao.paginas ??= this.#paginasDepoisDe(timestamp, BUSCADOS_MAX);
    const { value: registros = [] } = await conexao.paginas.next() as { value?: Registro[] };
    for (const registro of registros) this.#enviar(conexao, { tipo: "ENTRY", ...registro });
    this.#enviar(conexao, {
      tipo: "FETCH_OK",
      id,
      timestamp: registros.at(-1)?.timestamp ?? timestamp,
    });
  }

  /** O líder diz que este está em dia até um timestamp, e que reserva vai usar. */
  async #tratarSync(
    conexao: Conexao,
    { id, timestamp, reserva }: CorpoDe<"SYNC">,
  ): Promise<void> {
    this.#timestamp = Math.max(this.#timestamp, timestamp);
    this.#reserva = Math.max(this.#reserva, reserva);
    try {
      await this.#guardarReserva();
      this.#enviar(conexao, { tipo: "SYNC_OK", id, timestamp });
    } catch (erro) {
      this.#recusar(conexao, id, `SYNC recusado: ${(erro as Error).message}`);
    }
  }

  // --- A ponte com o Replicador ----------------------------------------------

  /** Cria a outra thread, se há o que fazer nela, e enche a tabela com o que está no disco. */
  async #iniciarReplicador(): Promise<void> {
    const { dados } = this.#opcoes;
    const replicas = this.souLider ? this.#opcoes.replicas : 0;
    if (replicas === 0 && !dados) return;
    const modulo = new URL("./servidor.ts", import.meta.url);
    this.#replicador = new Worker(modulo, { type: "module" });
    this.#replicador.onmessage = ({ data }: MessageEvent<DoReplicador>) => this.#aoReplicador(data);
    // Depois do início, uma falha da outra thread é um estado impossível e para o processo.
    const falha = Promise.withResolvers<never>();
    this.#replicador.onerror = (evento) => {
      evento.preventDefault();
      falha.reject(new Error(`A thread de replicação falhou: ${evento.message}`));
    };
    const iniciado = this.#ordenar("iniciar", {
      replicas,
      dados,
      seguranca: this.#seguranca,
      rastro: this.#opcoes.rastro,
      quem: this.endereco,
    });
    this.#reserva = await Promise.race([iniciado, falha.promise]);
    this.#replicador.onerror = null;
    for (let acabou = !dados; !acabou;) {
      const registros = await this.#ordenar("ler", {});
      for (const { key, value, timestamp } of registros) {
        this.#tabela.set(key, { value, timestamp });
        this.#timestamp = timestamp;
      }
      acabou = registros.length === 0;
    }
  }

  #mandar(mensagem: AoReplicador): void {
    this.#replicador?.postMessage(mensagem);
  }

  #ordenar<O extends Ordem>(ordem: O, pedido: PedidoDa<O>): Promise<ResultadoDa<O>> {
    if (this.#parada.signal.aborted) return Promise.reject(new Error("servidor parado"));
    const n = ++this.#ultimaOrdem;
    const espera = Promise.withResolvers<ResultadoDa<Ordem>>();
    this.#ordens.set(n, espera);
    this.#mandar({ tipo: "ordem", n, ordem, pedido });
    return espera.promise as Promise<ResultadoDa<O>>;
  }

  // --- A outra thread: replicação --------------------------------------------

  /**
   * A thread que fala com os seguidores e com o disco: enquanto ela replica, grava
   * e espera REPLICATION_OK, a principal continua a atender (seção 5b). Roda num
   * Worker, com outra cópia deste módulo: só mensagens passam de uma para a outra.
   */
  static readonly Replicador: { executar(): void } = class Replicador implements Cumpridas {
    /** Quantos seguidores têm de confirmar. */
    #replicas = 0;
    readonly #sessoes = new Map<number, Sessao>();
    #ultimaSessao = 0;
    /** O último timestamp confirmado por todos: os seguidores, e o disco se há. */
    #confirmado = 0;
    #disco: Disco | undefined;
    #gravado = 0;
    readonly #aoGravar: (() => void)[] = [];
    #seguranca: Seguranca = {};
    #rastro: Rastro | undefined;

    /** Começa a atender a thread principal. */
    static executar(): void {
      const replicador = new Replicador();
      PRINCIPAL.onmessage = ({ data }) => replicador.#receber(data);
    }

    #enviar(mensagem: DoReplicador): void {
      PRINCIPAL.postMessage(mensagem);
    }

    #receber(mensagem: AoReplicador): void {
      if (mensagem.tipo === "ordem") {
        const { n, ordem, pedido } = mensagem;
        const cumprir = this[ordem] as (pedido: PedidoDa<Ordem>) => Promise<ResultadoDa<Ordem>>;
        Promise.try(() => cumprir.call(this, pedido)).then(
          (resultado) => this.#enviar({ tipo: "feito", n, resultado }),
          (erro) => this.#enviar({ tipo: "falhou", n, motivo: textoDoErro(erro) }),
        );
        return;
      }
      const { linhas, registros, ate, reserva } = mensagem;
      for (const { elo } of this.#emDia()) linhas.forEach(elo.enviar);
      this.#disco?.gravar(registros, ate, reserva);
    }

    async iniciar(
      { replicas, dados, seguranca, rastro, quem }: PedidoDa<"iniciar">,
    ): Promise<number> {
      this.#replicas = replicas;
      this.#seguranca = seguranca;
      this.#rastro = rastro === undefined ? undefined : abrirRastro(rastro, quem, CAMPOS_SECRETOS);
      if (dados === undefined) return 0;
      this.#disco = await abrirDisco(dados, {
        aoGravar: (ate) => {
          this.#gravado = ate;
          for (const resolver of this.#aoGravar.splice(0)) resolver();
          this.#contar();
        },
        aoFalhar: (motivo) => this.#enviar({ tipo: "disco", motivo }),
      });
      return this.#disco.reserva;
    }

    async juntar({ endereco, token }: PedidoDa<"juntar">): Promise<ResultadoDa<"juntar">> {
      const numero = ++this.#ultimaSessao;
      const elo = await discar(endereco, APRESENTAR_MS, {
        seguranca: this.#seguranca,
        rastro: this.#rastro,
        aoPerder: (motivo) => this.#perder(numero, motivo),
        aoReceber: (corpo) => this.#receberDoSeguidor(numero, corpo),
      });
      let resposta: Corpo;
      try {
        resposta = await elo.pedir({ tipo: "LEADER", token }, APRESENTAR_MS);
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
      const { timestamp, reserva } = resposta;
      const sessao: Sessao = {
        elo,
        emDia: false,
        confirmado: timestamp,
        pagina: [],
        levados: [],
        aoConfirmar: undefined,
      };
      if (elo.perdido) throw new Error(`${elo.endereco}: perdido`);
      elo.vigiar();
      this.#sessoes.set(numero, sessao);
      return { sessao: numero, timestamp, reserva };
    }

    async buscar({ sessao, timestamp }: PedidoDa<"buscar">): Promise<ResultadoDa<"buscar">> {
      const { elo, pagina } = this.#sessao(sessao);
      await elo.pedir({ tipo: "FETCH", timestamp }, BUSCAR_MS);
      // As ENTRYs da página vieram antes do FETCH_OK, pela mesma conexão.
      return pagina.splice(0);
    }

    async levar({ sessao: numero, registros }: PedidoDa<"levar">): Promise<void> {
      const sessao = this.#sessao(numero);
      for (const registro of registros) {
        sessao.elo.enviar(new Mensagem({ tipo: "ENTRY", ...registro }).linha());
      }
      sessao.levados.push(registros.at(-1)!.timestamp);
      const fim = performance.now() + PAGINA_ESPERA_MS;
      while (sessao.levados.length > 0) {
        const resta = fim - performance.now();
        if (resta <= 0 && sessao.levados.length < PAGINAS_EM_CURSO_MAX) break;
        await this.#confirmacao(sessao, resta > 0 ? resta : undefined);
        this.#sessao(numero);
      }
    }

    /** Espera a próxima confirmação de um seguidor, ou a perda dele, ou o tempo dado. */
    #confirmacao(sessao: Sessao, ms: number | undefined): Promise<void> {
      return new Promise((resolver) => {
        const temporizador = ms === undefined ? undefined : setTimeout(resolver, ms);
        sessao.aoConfirmar = () => {
          clearTimeout(temporizador);
          resolver();
        };
      });
    }

    async acertar({ sessao: numero, emDia, ...acerto }: PedidoDa<"acertar">): Promise<void> {
      await this.#sessao(numero).elo.pedir({ tipo: "SYNC", ...acerto });
      const sessao = this.#sessao(numero);
      if (!emDia) return;
      sessao.emDia = true;
      sessao.confirmado = acerto.timestamp;
      this.#contar();
    }

    soltar({ sessao, motivo }: PedidoDa<"soltar">): Promise<void> {
      this.#sessoes.get(sessao)?.elo.fechar(motivo);
      return Promise.resolve();
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
      if (this.#disco) confirmados.push(this.#gravado);
      const todos = confirmadoPorTodos(this.#replicas + (this.#disco ? 1 : 0), confirmados);
      if (todos <= this.#confirmado) return;
      this.#confirmado = todos;
      this.#enviar({ tipo: "confirmado", timestamp: todos });
    }

    #perder(numero: number, motivo: string): void {
      const sessao = this.#sessoes.get(numero);
      if (!sessao) return;
      this.#sessoes.delete(numero);
      sessao.aoConfirmar?.();
      this.#enviar({ tipo: "perdido", sessao: numero, motivo });
    }

    // --- A outra thread: disco -----------------------------------------------
    // Tudo o que estiver na fila vai numa transação só, e só depois de COMMIT
    // voltar é confirmado. Cada key tem uma linha; é por key, e não por timestamp,
    // que a tabela é ordenada: assim um PUT mexe numa árvore só, não em duas.

    ler(): Promise<Registro[]> {
      return Promise.resolve(this.#disco!.ler(LEITURA_REGISTROS_MAX));
    }

    guardar({ reserva }: PedidoDa<"guardar">): Promise<void> {
      if (!this.#disco) return Promise.resolve();
      this.#disco.gravar([], 0, reserva);
      return new Promise((resolver) => this.#aoGravar.push(resolver));
    }

    fechar(): Promise<void> {
      this.#disco?.fechar();
      this.#disco = undefined;
      return Promise.resolve();
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
      const servidor = await Servidor.iniciar({
        ...resto,
        ...enderecos,
        imprimir: silencioso ? undefined : tela.linha,
        avisar: tela.erro,
      });
      if (opcoes.segredo === undefined && !/^(127\.|::1$)/.test(enderecos.ip)) {
        tela.erro(
          `Aviso: sem --segredo, quem alcançar ${servidor.endereco} pode ler e gravar tudo`,
        );
      }
      let primeiro = 0;
      atenderSinais(() => {
        // O segundo Ctrl-C não espera por nada. Mas `deno task` repassa o primeiro, que o
        // terminal já tinha mandado a todos: os que vêm juntos são um só.
        primeiro ||= performance.now();
        if (performance.now() - primeiro > SINAL_REPETIDO_MS) Deno.exit(130);
        servidor.parar();
      });
      await servidor.parado;
      return 0;
    } catch (erro) {
      const acabou = erro === FIM_DO_TECLADO;
      tela.erro(
        `ERRO: ${acabou ? "a entrada acabou antes da última resposta" : textoDoErro(erro)}`,
      );
      return erro instanceof TypeError ? 2 : 1;
    } finally {
      await tela.esvaziar();
    }
  }
}

/** Chama `parar` num pedido de fim: Ctrl-C, e os sinais que o sistema tiver. */
function atenderSinais(parar: () => void): void {
  const sinais: Deno.Signal[] = ["SIGINT", "SIGTERM"];
  if (Deno.build.os === "windows") sinais.push("SIGBREAK");
  for (const sinal of sinais) Deno.addSignalListener(sinal, parar);
}

// === Linha de comando e teclado ==============================================

const AJUDA = `Uso: servidor [opções]    sem os endereços, pergunta por eles

  --ip=IP             IP deste servidor (${PADRAO.ip})
  --porta=PORTA       porta deste servidor (${PADRAO.porta})
  --lider=IP:PORTA    endereço do líder; se é o próprio, este é o líder
  --replicas=N        por quantos outros o líder espera (${PADRAO.replicas}); 0, um servidor só
  --atraso=MS         espera antes de aplicar cada REPLICATION (${PADRAO.atraso}): mostra
                      TRY_OTHER_SERVER_OR_LATER
  --prazo=MS          maior espera pela confirmação de um PUT (${PADRAO.prazo})
  --dados=PASTA       guarda a tabela em disco nesta pasta (sem: só na memória)
  --silencioso        não mostra as linhas dos pedidos
  --segredo=ARQUIVO   quem se liga tem de provar que sabe este segredo
  --tls-cert=ARQUIVO  atende em TLS, com este certificado (PEM)
  --tls-chave=ARQUIVO a chave do certificado (PEM)
  --tls-ca=ARQUIVO    a autoridade em que confia ao discar para os outros (PEM)
  --rastro=ARQUIVO    anota cada mensagem enviada e recebida
  --ajuda, --help, -h         este texto
  --versao, --version         a versão`;

type OpcoesDaLinha = Omit<OpcoesDoServidor, "lider" | "imprimir" | "avisar"> & {
  lider?: Endereco;
  silencioso?: boolean;
};

/** Lê as opções; um texto, se é só para mostrá-lo. @throws {TypeError} se alguma não serve. */
function lerLinhaDeComando(args: readonly string[]): OpcoesDaLinha | string {
  const textos = [
    ...["ip", "porta", "lider", "replicas", "atraso", "prazo", "dados"],
    ...["segredo", "tls-cert", "tls-chave", "tls-ca", "rastro"],
  ];
  const lidos = lerArgumentos(args, { textos, sinais: ["silencioso"] });
  if (lidos.opcoes.ajuda) return AJUDA;
  if (lidos.opcoes.versao) return `servidor ${VERSAO}`;
  if (lidos.livres.length > 0) {
    throw new TypeError(`Argumento inesperado: "${visivel(lidos.livres[0]!)}"; veja --ajuda`);
  }
  const opcoes = {
    ip: lerOpcao(lidos, "ip", lerIp),
    porta: lerOpcao(lidos, "porta", lerPorta),
    lider: lerOpcao(lidos, "lider", lerEndereco),
    replicas: lerOpcao(lidos, "replicas", inteiroEntre(0, REPLICAS_MAX)),
    atraso: lerOpcao(lidos, "atraso", inteiroEntre(0, ESPERA_MS_MAX)),
    prazo: lerOpcao(lidos, "prazo", inteiroEntre(1, ESPERA_MS_MAX)),
    dados: lidos.opcoes.dados,
    segredo: lerOpcao(lidos, "segredo", lerSegredo),
    tls: lerTls(lidos),
    rastro: lidos.opcoes.rastro,
    silencioso: lidos.opcoes.silencioso !== undefined,
  };
  const dadas = Object.entries(opcoes).filter(([, valor]) => valor !== undefined);
  return Object.fromEntries(dadas) as OpcoesDaLinha;
}

function lerTls(lidos: Argumentos): OpcoesDoServidor["tls"] {
  const [cert, chave, ca] = ["tls-cert", "tls-chave", "tls-ca"]
    .map((nome) => lerOpcao(lidos, nome, lerPem));
  if (cert === undefined && chave === undefined && ca === undefined) return undefined;
  if (cert === undefined || chave === undefined) {
    throw new TypeError("--tls-cert, --tls-chave: um servidor com TLS precisa das duas");
  }
  return { cert, chave, ca };
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
  if ("DedicatedWorkerGlobalScope" in globalThis) Servidor.Replicador.executar();
  else Deno.exit(await Servidor.main(Deno.args));
}
