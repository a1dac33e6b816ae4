/**
 * O que viaja entre clientes e servidores, e entre servidores: a classe
 * {@linkcode Mensagem}, escrita como um objeto JSON numa linha de texto UTF-8, e a
 * conexão que a leva, enquadrada por `TextLineStream`.
 *
 * Na ordem: limites, os tipos de mensagem, a classe (ler e escrever uma mensagem), o
 * que um servidor responde e mostra, a conexão (atender e discar), e a prova do segredo.
 *
 * ```ts
 * import { Mensagem } from "./mensagem.ts";
 *
 * const linha = new Mensagem({ tipo: "GET", id: 1, key: "k", timestamp: 0 }).linha();
 * const { itens: [item] } = Mensagem.abrir(linha);
 * const { corpo } = Mensagem.ler(item);
 * if (corpo.tipo !== "GET" || corpo.key !== "k") throw new Error("não voltou igual");
 * ```
 *
 * @module
 */

import { TextLineStream } from "@std/streams/text-line-stream";
import { type Canal, fecharSeAberto, type Ouvinte, semEspera } from "./lib/canal.ts";
import type { Conexao, LimitesDasConexoes } from "./lib/conexao.ts";
import { abrirConexoes, type Conexoes } from "./lib/conexoes.ts";
import { type Endereco, textoDoEndereco } from "./lib/endereco.ts";
import { type Epoca, EPOCAS_MAX, type Historia, SEM_HISTORIA } from "./lib/historia.ts";
import { abrirLotes, type LimitesDosLotes } from "./lib/lotes.ts";
import { abrirElo, type AvisosDoElo, type Elo, falha } from "./lib/pedidos.ts";
import type { Rastro } from "./lib/rastro.ts";
import { LOTE_MAX } from "./lib/saida.ts";
import {
  type Certificado,
  type Desafios,
  provar,
  type Segredo,
  segredoDaProva,
  type Seguranca,
} from "./lib/seguranca.ts";
import type { Tarefas } from "./lib/tarefas.ts";
import { DE_VERDADE, type Tempo } from "./lib/tempo.ts";
import { bytesEmUtf8, citar, citarJson, noLimite, textoDoErro, visivel } from "./lib/texto.ts";

// === Limites =================================================================

/** Versão do programa; a mesma de `deno.json` (um teste compara as duas). */
export const VERSAO = "0.2.0";

/**
 * O número do que os servidores falam entre si. Sobe quando quem fala o anterior já não se
 * entende com este: um campo novo que se pode ignorar não o faz subir.
 */
export const PROTOCOLO = 1;

/** Bytes de uma linha vinda de um cliente, sem o fim de linha; acima, ERRO e conexão fechada. */
export const LINHA_BYTES_MAX = 1024 * 1024;

/**
 * Bytes que um servidor pode somar a um PUT aceito (tipo mais comprido,
 * timestamp, origem, prazo). O JSON de key e value que escrevemos nunca é maior
 * que o recebido: só escapamos o que todo JSON é obrigado a escapar.
 */
export const ENVELOPE_BYTES_MAX = 4096;

/** Bytes de uma linha vinda de um servidor: a maior linha de cliente mais o envelope. */
export const LINHA_DE_SERVIDOR_BYTES_MAX: number = LINHA_BYTES_MAX + ENVELOPE_BYTES_MAX;

/** Bytes UTF-8 de uma key; acima, ERRO definitivo. */
export const KEY_BYTES_MAX = 1024;

/** Espera máxima por uma conexão, em milissegundos: quem sumiu da rede não gasta o prazo dos outros. */
const CONECTAR_MS = 2_000;

/** Num rastro, que outros podem ler, não fica o token que prova quem é o líder. */
export const CAMPOS_SECRETOS: readonly string[] = ["token"];

if (LOTE_MAX * 3 > LINHA_BYTES_MAX) {
  throw new RangeError("LOTE_MAX em UTF-8 tem de caber em LINHA_BYTES_MAX");
}

// === Tipos de mensagem =======================================================

/** Uma versão de uma key: o que a tabela guarda e o que se replica. */
export interface Registro {
  /** De 1 a {@linkcode KEY_BYTES_MAX} bytes UTF-8. */
  readonly key: string;
  /** Qualquer texto, vazio também, que caiba numa linha. */
  readonly value: string;
  /** Inteiro ≥ 1 dado pelo líder; único e crescente na ordem dos PUTs. */
  readonly timestamp: number;
}

/** Os campos de cada tipo de mensagem, além de `tipo` e `id`; um exemplo de cada em `docs/protocolo.md`. */
export interface CamposDe {
  // Entre clientes e servidores.
  /** Grava um value. */
  PUT: { readonly key: string; readonly value: string };
  /** Todos os servidores têm aquele value, ou um mais novo; o timestamp é o que o líder lhe deu. */
  PUT_OK: { readonly key: string; readonly timestamp: number };
  /** Lê uma key, dizendo o maior timestamp que o cliente já viu dela. */
  GET: { readonly key: string; readonly timestamp: number };
  /** O value e o seu timestamp; `null` e zero, se a key não existe. */
  GET_OK: { readonly key: string; readonly value: string | null; readonly timestamp: number };
  /** O timestamp que este servidor tem da key é menor que o do cliente. */
  TRY_OTHER_SERVER_OR_LATER: { readonly key: string; readonly timestamp: number };
  /** O que deu errado, para pessoas; `definitivo`, se o pedido certamente não tem efeito. */
  ERRO: { readonly erro: string; readonly definitivo: boolean };

  // Seguidor → líder.
  /** Pede para entrar no grupo: onde atende, o token que o líder lhe deve mostrar, e que {@linkcode PROTOCOLO} fala. */
  JOIN: { readonly endereco: string; readonly token: string; readonly protocolo: number };
  /** Está no grupo, em dia. */
  JOIN_OK: Vazio;
  /** Um PUT encaminhado: o endereço de quem o pediu e os milissegundos que ainda tem. */
  FORWARD: Readonly<{ key: string; value: string; origem: string; prazo: number }>;

  // Líder → seguidor.
  /** Mostra o token recebido no JOIN: só o líder o tem; e diz que {@linkcode PROTOCOLO} fala. */
  LEADER: { readonly token: string; readonly protocolo: number };
  /** O maior timestamp e a maior reserva que o seguidor conhece, a história do que ele tem, e onde começou a cópia por acabar. */
  LEADER_OK: {
    readonly timestamp: number;
    readonly reserva: number;
    readonly historia: Historia;
    readonly desde?: number | undefined;
  };
  /** Pede a próxima página do que o seguidor tem depois de um timestamp. */
  FETCH: { readonly timestamp: number };
  /** Fim de uma página: o timestamp da última ENTRY dela. */
  FETCH_OK: { readonly timestamp: number };
  /** Um registro de uma página buscada, ou levada a quem volta. */
  ENTRY: Registro;
  /**
   * Até que timestamp o seguidor está em dia, e a reserva que o líder vai usar; a história do
   * grupo, ao entrar nele. Com `descartar`, antes disso o seguidor esvazia a sua tabela, e põe à
   * parte o que tinha depois desse timestamp: é de outra história.
   */
  SYNC: {
    readonly timestamp: number;
    readonly reserva: number;
    readonly historia?: Historia | undefined;
    readonly descartar?: number | undefined;
  };
  /** Sabe da reserva, e tem tudo até este timestamp. */
  SYNC_OK: { readonly timestamp: number };
  /** Um PUT novo. */
  REPLICATION: Registro;
  /** Tem (em disco, se o usa) tudo o que veio por esta conexão até este timestamp. */
  REPLICATION_OK: { readonly timestamp: number };

  // Com --segredo, antes de tudo; ver docs/seguranca.md.
  /** O desafio de quem discou. */
  AUTH: { readonly desafio: string };
  /** O desafio de quem atendeu, e a prova dele. */
  AUTH_CHALLENGE: { readonly desafio: string; readonly prova: string };
  /** A prova de quem discou. */
  AUTH_PROOF: { readonly prova: string };
  /** A prova serve: a conversa pode começar. */
  AUTH_OK: Vazio;

  /** Quem disca pergunta de vez em quando, para que um lado mudo seja notado. */
  PULSE: Vazio;
  /** Estou vivo. */
  PULSE_OK: Vazio;
}

/** Nenhum campo além dos comuns. */
export type Vazio = { readonly [nenhum in never]: never };

/** O nome de um tipo de mensagem. */
export type Tipo = keyof CamposDe;

/** O conteúdo de uma mensagem de um tipo. */
export type CorpoDe<T extends Tipo> = CamposDe[T] & {
  readonly tipo: T;
  /** Inteiro ≥ 0 escolhido por quem pergunta; a resposta o repete. */
  readonly id?: number | undefined;
};

/** O conteúdo de uma mensagem qualquer; `tipo` diz qual. */
export type Corpo = { [T in Tipo]: CorpoDe<T> }[Tipo];

// === A classe Mensagem =======================================================

/** O que se transfere em toda comunicação: um {@linkcode Corpo} já validado. */
export class Mensagem<C extends Corpo = Corpo> {
  /** O conteúdo; `corpo.tipo` diz quais campos há. */
  readonly corpo: C;

  /** Embrulha um conteúdo que o próprio programa fez; o alheio passa por {@linkcode Mensagem.ler}. */
  constructor(corpo: C) {
    this.corpo = corpo;
  }

  /**
   * Abre uma linha: um objeto só, ou um lote (array JSON) de objetos. Os itens
   * saem sem validar, para que cada um tenha a sua resposta.
   *
   * @throws {SyntaxError} se a linha não é JSON.
   */
  static abrir(linha: string): { itens: unknown[]; emLote: boolean } {
    let lido: unknown;
    try {
      lido = JSON.parse(linha);
    } catch (cause) {
      throw new SyntaxError(`Linha recusada: não é JSON: ${citar(linha)}`, { cause });
    }
    return Array.isArray(lido) ? { itens: lido, emLote: true } : { itens: [lido], emLote: false };
  }

  /**
   * Valida um item de {@linkcode Mensagem.abrir}, campo a campo; daqui em
   * diante os tipos são de confiança. Campos sem sentido para o tipo são
   * ignorados.
   *
   * @throws {TypeError} se não é um objeto, o tipo não existe, ou falta um
   * campo ou ele é de outro tipo.
   * @throws {RangeError} se um campo passa do limite.
   */
  static ler(item: unknown): Mensagem {
    if (typeof item !== "object" || item === null || Array.isArray(item)) {
      throw new TypeError(
        `Mensagem recusada: esperava um objeto JSON, veio ${citarJson(item)}`,
      );
    }
    const campos = item as Campos;
    const { tipo } = campos;
    if (typeof tipo !== "string" || !Object.hasOwn(LEITORES, tipo)) {
      throw new TypeError(`Mensagem recusada: tipo desconhecido: ${citarJson(tipo)}`);
    }
    const id = campos.id === undefined ? undefined : lerInteiro(campos.id, "id");
    return new Mensagem(LEITORES[tipo as Tipo](campos, id));
  }

  /** O `id` de um item qualquer, para responder a quem errou; `undefined` se não dá para ler. */
  static idDe(item: unknown): number | undefined {
    const id = (item as Campos | null)?.id;
    return inteiroValido(id) ? id : undefined;
  }

  /** A mensagem como uma linha JSON, sem o fim de linha. */
  linha(): string {
    return JSON.stringify(this.corpo);
  }
}

/** Os campos de um objeto JSON ainda por validar. */
type Campos = { readonly [campo: string]: unknown };

/** Como se lê cada tipo: é aqui, uma vez, que cada campo é validado. */
const LEITORES: {
  readonly [T in Tipo]: (campos: Campos, id: number | undefined) => CorpoDe<T>;
} = {
  PUT: (c, id) => ({ tipo: "PUT", id, key: lerKey(c.key), value: lerTexto(c.value, "value") }),
  PUT_OK: (c, id) => ({
    tipo: "PUT_OK",
    id,
    key: lerKey(c.key),
    timestamp: lerTimestamp(c.timestamp),
  }),
  GET: (c, id) => ({
    tipo: "GET",
    id,
    key: lerKey(c.key),
    timestamp: c.timestamp === undefined ? 0 : lerTimestamp(c.timestamp),
  }),
  GET_OK: (c, id) => ({
    tipo: "GET_OK",
    id,
    key: lerKey(c.key),
    value: c.value === null ? null : lerTexto(c.value, "value"),
    timestamp: lerTimestamp(c.timestamp),
  }),
  TRY_OTHER_SERVER_OR_LATER: (c, id) => ({
    tipo: "TRY_OTHER_SERVER_OR_LATER",
    id,
    key: lerKey(c.key),
    timestamp: lerTimestamp(c.timestamp),
  }),
  ERRO: (c, id) => ({
    tipo: "ERRO",
    id,
    erro: lerTexto(c.erro, "erro"),
    definitivo: c.definitivo === true,
  }),
  JOIN: (c, id) => ({
    tipo: "JOIN",
    id,
    endereco: lerTexto(c.endereco, "endereco"),
    token: lerTexto(c.token, "token"),
    protocolo: lerProtocolo(c.protocolo),
  }),
  JOIN_OK: (_, id) => ({ tipo: "JOIN_OK", id }),
  FORWARD: (c, id) => ({
    tipo: "FORWARD",
    id,
    key: lerKey(c.key),
    value: lerTexto(c.value, "value"),
    origem: lerOrigem(c.origem),
    prazo: lerInteiro(c.prazo, "prazo"),
  }),
  LEADER: (c, id) => ({
    tipo: "LEADER",
    id,
    token: lerTexto(c.token, "token"),
    protocolo: lerProtocolo(c.protocolo),
  }),
  LEADER_OK: (c, id) => ({
    tipo: "LEADER_OK",
    id,
    ...lerAcerto(c),
    historia: lerHistoria(c.historia),
    ...(c.desde === undefined ? {} : { desde: lerInteiro(c.desde, "desde") }),
  }),
  FETCH: (c, id) => ({ tipo: "FETCH", id, timestamp: lerTimestamp(c.timestamp) }),
  FETCH_OK: (c, id) => ({ tipo: "FETCH_OK", id, timestamp: lerTimestamp(c.timestamp) }),
  ENTRY: (c, id) => ({
    tipo: "ENTRY",
    id,
    key: lerKey(c.key),
    value: lerTexto(c.value, "value"),
    timestamp: lerTimestamp(c.timestamp),
  }),
  SYNC: (c, id) => ({
    tipo: "SYNC",
    id,
    ...lerAcerto(c),
    ...(c.historia === undefined ? {} : { historia: lerHistoria(c.historia) }),
    ...(c.descartar === undefined ? {} : { descartar: lerInteiro(c.descartar, "descartar") }),
  }),
  SYNC_OK: (c, id) => ({ tipo: "SYNC_OK", id, timestamp: lerTimestamp(c.timestamp) }),
  REPLICATION: (c, id) => ({
    tipo: "REPLICATION",
    id,
    key: lerKey(c.key),
    value: lerTexto(c.value, "value"),
    timestamp: lerTimestamp(c.timestamp),
  }),
  REPLICATION_OK: (c, id) => ({ tipo: "REPLICATION_OK", id, timestamp: lerTimestamp(c.timestamp) }),
  AUTH: (c, id) => ({ tipo: "AUTH", id, desafio: lerHexadecimal(c.desafio, "desafio") }),
  AUTH_CHALLENGE: (c, id) => ({
    tipo: "AUTH_CHALLENGE",
    id,
    desafio: lerHexadecimal(c.desafio, "desafio"),
    prova: lerHexadecimal(c.prova, "prova"),
  }),
  AUTH_PROOF: (c, id) => ({ tipo: "AUTH_PROOF", id, prova: lerHexadecimal(c.prova, "prova") }),
  AUTH_OK: (_, id) => ({ tipo: "AUTH_OK", id }),
  PULSE: (_, id) => ({ tipo: "PULSE", id }),
  PULSE_OK: (_, id) => ({ tipo: "PULSE_OK", id }),
};

function lerTimestamp(valor: unknown): number {
  return lerInteiro(valor, "timestamp");
}

function lerAcerto(campos: Campos): { timestamp: number; reserva: number } {
  return {
    timestamp: lerTimestamp(campos.timestamp),
    reserva: lerInteiro(campos.reserva, "reserva"),
  };
}

/** O número do protocolo; quem não o diz fala o primeiro. */
function lerProtocolo(valor: unknown): number {
  return valor === undefined ? 1 : lerInteiro(valor, "protocolo");
}

/** Nenhuma é {@linkcode SEM_HISTORIA}. @throws {TypeError} se não é uma história. */
function lerHistoria(valor: unknown): Historia {
  if (valor === undefined) return SEM_HISTORIA;
  const serve = Array.isArray(valor) && valor.length > 0 && valor.length <= EPOCAS_MAX &&
    valor.every((epoca: Partial<Epoca> | null) =>
      typeof epoca?.id === "string" && /^[0-9a-f]{0,64}$/.test(epoca.id) &&
      inteiroValido(epoca.apos)
    );
  if (!serve) throw new TypeError(`Mensagem recusada: historia inválida: ${citarJson(valor)}`);
  return valor.map(({ id, apos }: Epoca) => ({ id, apos }));
}

function inteiroValido(valor: unknown): valor is number {
  return Number.isSafeInteger(valor) && (valor as number) >= 0;
}

function lerInteiro(valor: unknown, campo: string): number {
  if (!inteiroValido(valor)) {
    throw new TypeError(
      `Mensagem recusada: ${campo} deve ser um inteiro ≥ 0: ${citarJson(valor)}`,
    );
  }
  return valor;
}

/** Um texto que UTF-8 saiba representar: nada de surrogates soltos, que se perderiam no disco. */
function lerTexto(valor: unknown, campo: string): string {
  if (typeof valor !== "string") {
    throw new TypeError(
      `Mensagem recusada: ${campo} deve ser um texto: ${citarJson(valor)}`,
    );
  }
  if (!valor.isWellFormed()) {
    throw new TypeError(`Mensagem recusada: ${campo} tem um surrogate solto, que não é UTF-8`);
  }
  return valor;
}

/** O endereço de um cliente, que vai para a console como veio: só o que um endereço pode ter. */
function lerOrigem(valor: unknown): string {
  const origem = lerTexto(valor, "origem");
  if (!/^[0-9a-f.:[\]%]{1,64}$/i.test(origem)) {
    throw new TypeError(`Mensagem recusada: origem deve ser um endereço: ${citar(origem)}`);
  }
  return origem;
}

/** 32 bytes: um desafio ou uma prova. */
function lerHexadecimal(valor: unknown, campo: string): string {
  const texto = lerTexto(valor, campo);
  if (!/^[0-9a-f]{64}$/.test(texto)) {
    throw new TypeError(
      `Mensagem recusada: ${campo} deve ter 64 dígitos hexadecimais: ${citar(texto)}`,
    );
  }
  return texto;
}

function lerKey(valor: unknown): string {
  const key = lerTexto(valor, "key");
  if (key === "") {
    throw new TypeError("Mensagem recusada: key não pode ser vazia");
  }
  // Um caractere UTF-16 ocupa de 1 a 3 bytes em UTF-8: quase sempre basta o comprimento.
  if (key.length * 3 > KEY_BYTES_MAX) {
    const bytes = bytesEmUtf8(key);
    if (bytes > KEY_BYTES_MAX) {
      throw new RangeError(
        `Mensagem recusada: ${noLimite(`key de ${bytes} bytes`, KEY_BYTES_MAX)}`,
      );
    }
  }
  return key;
}

// === O que um servidor responde e mostra =====================================
// O mesmo, seja qual for o motor que guarda os values.

/** Seção 5f. A resposta a um GET de quem tem este value: nunca um anterior ao que o cliente já viu. */
export function respostaAoGet(
  { id, key, timestamp }: CorpoDe<"GET">,
  value: string | null,
  meu: number,
): CorpoDe<"GET_OK"> | CorpoDe<"TRY_OTHER_SERVER_OR_LATER"> {
  return meu < timestamp
    ? { tipo: "TRY_OTHER_SERVER_OR_LATER", id, key, timestamp: meu }
    : { tipo: "GET_OK", id, key, value, timestamp: meu };
}

/** As cinco linhas da seção 6, tais quais; o que vem de fora, visível. */
export const CONSOLE = {
  put: (origem: string, key: string, value: string): string =>
    `Cliente ${origem} PUT key:${visivel(key)} value:${visivel(value)}`,
  encaminhando: (key: string, value: string): string =>
    `Encaminhando PUT key:${visivel(key)} value:${visivel(value)}`,
  replication: ({ key, value, timestamp }: Registro): string =>
    `REPLICATION key:${visivel(key)} value:${visivel(value)} ts:${timestamp}`,
  putOk: (origem: string, key: string, timestamp: number): string =>
    `Enviando PUT_OK ao Cliente ${origem} da key:${visivel(key)} ts:${timestamp}`,
  get(origem: string, timestamp: number, resposta: ReturnType<typeof respostaAoGet>): string {
    const { tipo, key } = resposta;
    const devolve = tipo === "GET_OK" ? visivel(resposta.value ?? "NULL") : tipo;
    return `Cliente ${origem} GET key:${visivel(key)} ts:${timestamp}. ` +
      `Meu ts é ${resposta.timestamp}, portanto devolvendo ${devolve}`;
  },
} as const;

/** Um ERRO definitivo, para que a pessoa ou o programa saiba por quê. */
export function linhaDeRecusa(id: number | undefined, erro: string): string {
  return new Mensagem({ tipo: "ERRO", id, erro, definitivo: true }).linha();
}

// === O que um operador pergunta ==============================================
// Por HTTP, e não pela conexão dos clientes: ver `--saude`, e `estado` no cliente.

/** Como está um servidor: é o que `/readyz` responde. */
export interface EstadoDoServidor {
  /** Se é de lhe mandar pedidos: a tabela dele é a do grupo, ainda que se vá atrasando. */
  readonly pronto: boolean;
  /** Se um PUT anda já; num seguidor, se há a quem o encaminhar. */
  readonly aceitaPuts: boolean;
  /** Por que não está pronto ou não aceita PUTs; vazio, nada falta. */
  readonly motivo: string;
  /** Vazio, enquanto ainda enche a tabela. */
  readonly papel: "lider" | "seguidor" | "unico" | "";
  /** Por onde os outros servidores o alcançam, `IP:PORTA`, e o líder dele. */
  readonly servidor: string;
  readonly lider: string;
  /** Por quantos outros servidores espera; num seguidor, zero. */
  readonly replicas: number;
  /** No líder, os seguidores em dia; num seguidor em dia, o líder. */
  readonly emDia: readonly string[];
  /** No líder, os que estão sendo postos em dia. */
  readonly entrando: readonly string[];
  /** Os que se perderam: desde quando (ISO 8601), e há quantos segundos. */
  readonly faltam: readonly { servidor: string; desde: string; segundos: number }[];
  /** No líder, os que faltam e ainda ninguém viu. */
  readonly porVir: number;
  /** O maior timestamp que conhece, e até onde está guardado: no líder, em todos. */
  readonly timestamp: number;
  readonly confirmado: number;
  readonly keys: number;
  /** Nome curto da história de que vem o que tem; vazio, ainda nenhuma. */
  readonly epoca: string;
  readonly versao: string;
}

// === A conexão que leva mensagens ============================================
// Quem pergunta disca. Cada conexão leva linhas, enquadradas por TextLineStream; numa
// que nós discamos, pedidos num sentido e respostas no outro.

/** O que um processo pede ao mundo, com o verdadeiro por padrão: um teste põe o seu. */
export interface Mundo extends Tempo {
  /**
   * Abre uma conexão TCP, ou TLS.
   *
   * @throws {Error} se não conecta no prazo, em milissegundos; o `cause` diz que nada foi enviado.
   */
  conectar(endereco: Endereco, prazo: number, tls?: Seguranca["tls"]): Promise<Canal>;
}

/** O mundo de verdade: o relógio e a rede da máquina. */
export const MUNDO: Mundo = { ...DE_VERDADE, conectar };

/** Quem separa as linhas de uma conexão, aceita ou discada. */
export function enquadrar(): TextLineStream {
  return new TextLineStream();
}

/**
 * Atende num endereço, em TLS se há certificado; a porta 0 escolhe uma livre.
 *
 * @throws {Error} se o endereço não pode ser usado.
 */
export function escutar({ ip, porta }: Endereco, certificado?: Certificado): Ouvinte {
  const onde = { hostname: ip, port: porta };
  try {
    if (!certificado) return semEspera(Deno.listen(onde));
    return semEspera(Deno.listenTls({ ...onde, cert: certificado.cert, key: certificado.chave }));
  } catch (cause) {
    const endereco = textoDoEndereco({ ip, porta });
    throw new Error(`Não é possível atender em ${endereco}: ${textoDoErro(cause)}`, { cause });
  }
}

/** O que limita o que quem disca pode custar; "caracteres" são os de key, value e linhas. */
export const LIMITES_AO_ATENDER = {
  conexoes: 4096,
  linhaBytes: { estranho: 1024, comum: LINHA_BYTES_MAX, par: LINHA_DE_SERVIDOR_BYTES_MAX },
  respostas: 1024 * 1024,
  pedidos: 32 * 1024 * 1024,
  pedidoMinimo: 1024,
  total: 128 * 1024 * 1024,
  pulsosSemLer: 30,
  pulsosNaLinha: 120,
  pulsosSemProva: 5,
  itensPorVolta: 256,
  loteGrande: 64 * 1024,
  loteAberto: 8,
  linhasGrandes: { juntos: 16, aEspera: 128 },
} as const satisfies LimitesDasConexoes & LimitesDosLotes;

/** Como se atende; ver {@linkcode atender}. */
export interface OpcoesAoAtender {
  readonly mundo: Tempo;
  readonly tarefas: Tarefas;
  /** Termina os laços e as esperas. */
  readonly parada: AbortSignal;
  /** Anota o que passa (nada). */
  readonly rastro: Rastro | undefined;
  /** O que quem disca tem de provar que sabe (nada). */
  readonly segredo: Segredo | undefined;
  /** Trata uma mensagem, que se leu em `lida`: é daí que se conta o prazo. */
  receber(conexao: Conexao, corpo: Corpo, lida: number): void;
  /** Chegou o que não é uma mensagem, e respondeu-se-lhe. */
  aoRecusar?(): void;
  aoFechar?(conexao: Conexao): void;
}

/** Seção 5b. As conexões que os outros discam, cada linha delas aberta, validada e entregue. */
export function atender(ouvinte: Ouvinte, opcoes: OpcoesAoAtender): Conexoes {
  const { mundo, segredo, receber, aoRecusar } = opcoes;
  /** Os desafios com que um estranho está provando o segredo. */
  const desafios = new WeakMap<Conexao, Desafios>();

  function recusar(conexao: Conexao, motivo: string, id?: number) {
    conexoes.enviar(conexao, linhaDeRecusa(id, motivo));
    aoRecusar?.();
  }

  /** De quem não provou o segredo só se aceita a prova; qualquer outra coisa, e a conexão acaba. */
  async function receberEstranho(conexao: Conexao, linha: string): Promise<void> {
    let item: unknown;
    try {
      item = JSON.parse(linha);
    } catch {
      // Não é JSON: não é a prova.
    }
    const resposta = await responderProva(segredo!, item, desafios.get(conexao), mundo);
    if (resposta) {
      if (resposta.desafios) desafios.set(conexao, resposta.desafios);
      else conexao.confianca = "comum";
      return conexoes.enviar(conexao, new Mensagem(resposta.corpo).linha());
    }
    const motivo = "Conexão recusada: este servidor exige a prova do segredo";
    conexoes.dispensar(conexao, linhaDeRecusa(Mensagem.idDe(item), motivo), "prova");
  }

  const receberLinha = abrirLotes({
    limites: LIMITES_AO_ATENDER,
    tempo: mundo,
    conexoes: () => conexoes,
    abrir: Mensagem.abrir,
    tratar(conexao, item, lida) {
      let corpo: Corpo;
      try {
        corpo = Mensagem.ler(item).corpo;
      } catch (erro) {
        return recusar(conexao, (erro as Error).message, Mensagem.idDe(item));
      }
      receber(conexao, corpo, lida);
    },
    recusar,
    recusa: (motivo) => linhaDeRecusa(undefined, motivo),
  });

  const conexoes = abrirConexoes(ouvinte, {
    limites: LIMITES_AO_ATENDER,
    tempo: mundo,
    tarefas: opcoes.tarefas,
    parada: opcoes.parada,
    rastro: opcoes.rastro,
    aoLigar: segredo === undefined ? "comum" : "estranho",
    separador: enquadrar,
    receber: (conexao, linha, lida) =>
      conexao.confianca === "estranho"
        ? receberEstranho(conexao, linha)
        : receberLinha(conexao, linha, lida),
    recusa: (motivo) => linhaDeRecusa(undefined, motivo),
    aoFechar: (conexao) => opcoes.aoFechar?.(conexao),
  });
  return conexoes;
}

/** Como {@linkcode discar}, e o que o elo avisa. */
export interface OpcoesAoDiscar extends AvisosDoElo<Corpo> {
  /** Como provar quem se é, e proteger o que viaja (nada). */
  seguranca?: Seguranca | undefined;
  /** Anota o que passa (nada). */
  rastro?: Rastro | undefined;
  /** De onde vêm a rede e o relógio (os verdadeiros). */
  mundo?: Mundo | undefined;
}

/** O sinal de vida. */
const PULSE = new Mensagem({ tipo: "PULSE" }).linha();

/**
 * Disca para um servidor; com um segredo, prova que o sabe, e exige dele o mesmo.
 *
 * @param prazo Espera máxima pela conexão, em milissegundos, até {@linkcode CONECTAR_MS}.
 * @throws {Error} se não conecta; `cause.definitivo` verdadeiro, nada foi enviado.
 */
export async function discar(
  endereco: Endereco,
  prazo: number,
  { seguranca = {}, rastro, mundo = MUNDO, ...avisos }: OpcoesAoDiscar = {},
): Promise<Elo<Corpo>> {
  const fim = mundo.agora() + prazo;
  const canal = await mundo.conectar(endereco, prazo, seguranca.tls);
  const elo = abrirElo<Corpo>(canal, textoDoEndereco(endereco), {
    ...avisos,
    rastro,
    tempo: mundo,
    separador: enquadrar(),
    linhaBytesMax: LINHA_DE_SERVIDOR_BYTES_MAX,
    ler(linha, entregar) {
      for (const item of Mensagem.abrir(linha).itens) entregar(Mensagem.ler(item).corpo);
    },
    escrever: (corpo) => new Mensagem(corpo).linha(),
    pulso: PULSE,
  });
  if (seguranca.segredo !== undefined) {
    try {
      const resta = Math.max(1, fim - mundo.agora());
      await provarSegredo(elo, seguranca.segredo, mundo.sigilo(), resta);
    } catch (erro) {
      elo.fechar("sem prova do segredo");
      throw falha(`${elo.endereco}: ${textoDoErro(erro)}`, { definitivo: true });
    }
  }
  return elo;
}

async function conectar(
  { ip, porta }: Endereco,
  prazo: number,
  tls?: Seguranca["tls"],
): Promise<Deno.TcpConn | Deno.TlsConn> {
  const desistir = new AbortController();
  let conexao: Deno.TcpConn | Deno.TlsConn | undefined;
  const temporizador = setTimeout(() => {
    desistir.abort();
    conexao?.close();
  }, Math.min(prazo, CONECTAR_MS));
  try {
    conexao = await Deno.connect({ hostname: ip, port: porta, signal: desistir.signal });
    conexao.setNoDelay(true);
    if (!tls) return conexao;
    conexao = await Deno.startTls(conexao, {
      hostname: ip,
      caCerts: tls.ca === undefined ? [] : [tls.ca],
    });
    await conexao.handshake();
    return conexao;
  } catch (erro) {
    if (!desistir.signal.aborted) fecharSeAberto(conexao);
    const motivo = desistir.signal.aborted ? "não responde" : textoDoErro(erro);
    throw falha(`${textoDoEndereco({ ip, porta })}: ${motivo}`, { definitivo: true });
  } finally {
    clearTimeout(temporizador);
  }
}

// === A prova do segredo ======================================================
// Antes de tudo o mais, se há um segredo: AUTH, AUTH_CHALLENGE, AUTH_PROOF, AUTH_OK. A conta
// está em lib/seguranca.ts.

/** De quem disca: prova ao servidor que sabe o segredo, e exige dele o mesmo. */
async function provarSegredo(
  elo: Elo<Corpo>,
  segredo: Segredo,
  desafio: string,
  prazo: number,
): Promise<void> {
  const resposta = await elo.pedir({ tipo: "AUTH", desafio }, prazo);
  if (resposta.tipo === "ERRO") throw new Error(resposta.erro);
  const desafios = resposta.tipo === "AUTH_CHALLENGE" && [desafio, resposta.desafio] as const;
  const comum = resposta.tipo === "AUTH_CHALLENGE" && desafios &&
    await segredoDaProva(segredo, "servidor", desafios, resposta.prova);
  if (!comum) throw new Error("não provou que sabe o segredo");
  // Com o que ele usou, que certamente sabe.
  const prova = await provar(comum, "cliente", desafios);
  const aceite = await elo.pedir({ tipo: "AUTH_PROOF", prova }, prazo);
  if (aceite.tipo === "ERRO") throw new Error(aceite.erro);
  if (aceite.tipo !== "AUTH_OK") throw new Error(`respondeu ${aceite.tipo}`);
}

/**
 * De quem atende: a resposta ao que um estranho mandou. Ao AUTH, com os desafios que a prova
 * dele terá de responder; à prova certa, sem mais desafios; a qualquer outra coisa, `undefined`.
 */
async function responderProva(
  segredo: Segredo,
  item: unknown,
  desafios: Desafios | undefined,
  { sigilo }: Tempo,
): Promise<{ corpo: Corpo; desafios?: Desafios } | undefined> {
  let corpo: Corpo;
  try {
    corpo = Mensagem.ler(item).corpo;
  } catch {
    return undefined;
  }
  const { id } = corpo;
  if (corpo.tipo === "AUTH" && !desafios) {
    const novos = [corpo.desafio, sigilo()] as const;
    const prova = await provar(segredo, "servidor", novos);
    return { corpo: { tipo: "AUTH_CHALLENGE", id, desafio: novos[1], prova }, desafios: novos };
  }
  const provou = corpo.tipo === "AUTH_PROOF" && desafios &&
    await segredoDaProva(segredo, "cliente", desafios, corpo.prova) !== undefined;
  return provou ? { corpo: { tipo: "AUTH_OK", id } } : undefined;
}
