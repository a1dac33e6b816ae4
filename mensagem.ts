/**
 * O que viaja entre clientes e servidores, e entre servidores: a classe
 * {@linkcode Mensagem}, escrita como um objeto JSON numa linha de texto UTF-8.
 *
 * O módulo é puro: não abre conexões, não olha o relógio e não guarda estado
 * global. Na ordem: limites, os tipos de mensagem, a classe (ler e escrever uma
 * mensagem), a entrada e a saída de linhas sobre um canal de bytes, endereços e
 * o que se mostra na console.
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

// === Limites =================================================================

/** Versão do programa; a mesma de `deno.json` (um teste compara as duas). */
export const VERSAO = "0.1.0";

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

/** Caracteres de um lote de mensagens numa linha só; acima, o lote vira vários. */
export const LOTE_MAX = 128 * 1024;

/**
 * Caracteres codificados e escritos por vez: as linhas que cabem vão juntas, e uma maior vai
 * em fatias, para que a quem não lê não se guarde outro tanto em bytes.
 */
const ESCRITA_MAX = 128 * 1024;

/** Bytes do buffer de leitura de uma conexão quieta: é o que custa cada uma. */
const LEITURA_BYTES_MIN = 4 * 1024;

/** Bytes até onde o buffer cresce por haver muito a ler; além, só por uma linha comprida. */
const LEITURA_BYTES_MAX = 64 * 1024;

/** Caracteres de um texto alheio repetidos numa mensagem de erro; o resto é cortado. */
const CITACAO_MAX = 40;

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
  /** Pede para entrar no grupo: onde atende, e o token que o líder lhe deve mostrar. */
  JOIN: { readonly endereco: string; readonly token: string };
  /** Está no grupo, em dia. */
  JOIN_OK: Vazio;
  /** Um PUT encaminhado: o endereço de quem o pediu e os milissegundos que ainda tem. */
  FORWARD: Readonly<{ key: string; value: string; origem: string; prazo: number }>;

  // Líder → seguidor.
  /** Mostra o token recebido no JOIN: só o líder o tem. */
  LEADER: { readonly token: string };
  /** O maior timestamp e a maior reserva que o seguidor conhece. */
  LEADER_OK: { readonly timestamp: number; readonly reserva: number };
  /** Pede a próxima página do que o seguidor tem depois de um timestamp. */
  FETCH: { readonly timestamp: number };
  /** Fim de uma página: o timestamp da última ENTRY dela. */
  FETCH_OK: { readonly timestamp: number };
  /** Um registro de uma página buscada, ou levada a quem volta. */
  ENTRY: Registro;
  /** Até que timestamp o seguidor está em dia, e a reserva que o líder vai usar. */
  SYNC: { readonly timestamp: number; readonly reserva: number };
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
    const id = campos.id === undefined ? undefined : lerInteiro(campos, "id");
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
  PUT: (c, id) => ({ tipo: "PUT", id, key: lerKey(c), value: lerTexto(c, "value") }),
  PUT_OK: (c, id) => ({ tipo: "PUT_OK", id, key: lerKey(c), timestamp: lerTimestamp(c) }),
  GET: (c, id) => ({
    tipo: "GET",
    id,
    key: lerKey(c),
    timestamp: c.timestamp === undefined ? 0 : lerTimestamp(c),
  }),
  GET_OK: (c, id) => ({
    tipo: "GET_OK",
    id,
    key: lerKey(c),
    value: c.value === null ? null : lerTexto(c, "value"),
    timestamp: lerTimestamp(c),
  }),
  TRY_OTHER_SERVER_OR_LATER: (c, id) => ({
    tipo: "TRY_OTHER_SERVER_OR_LATER",
    id,
    key: lerKey(c),
    timestamp: lerTimestamp(c),
  }),
  ERRO: (c, id) => ({
    tipo: "ERRO",
    id,
    erro: lerTexto(c, "erro"),
    definitivo: c.definitivo === true,
  }),
  JOIN: (c, id) => ({
    tipo: "JOIN",
    id,
    endereco: lerTexto(c, "endereco"),
    token: lerTexto(c, "token"),
  }),
  JOIN_OK: (_, id) => ({ tipo: "JOIN_OK", id }),
  FORWARD: (c, id) => ({
    tipo: "FORWARD",
    id,
    key: lerKey(c),
    value: lerTexto(c, "value"),
    origem: lerOrigem(c),
    prazo: lerInteiro(c, "prazo"),
  }),
  LEADER: (c, id) => ({ tipo: "LEADER", id, token: lerTexto(c, "token") }),
  LEADER_OK: (c, id) => ({ tipo: "LEADER_OK", id, ...lerAcerto(c) }),
  FETCH: (c, id) => ({ tipo: "FETCH", id, timestamp: lerTimestamp(c) }),
  FETCH_OK: (c, id) => ({ tipo: "FETCH_OK", id, timestamp: lerTimestamp(c) }),
  ENTRY: (c, id) => ({ tipo: "ENTRY", id, ...lerRegistro(c) }),
  SYNC: (c, id) => ({ tipo: "SYNC", id, ...lerAcerto(c) }),
  SYNC_OK: (c, id) => ({ tipo: "SYNC_OK", id, timestamp: lerTimestamp(c) }),
  REPLICATION: (c, id) => ({ tipo: "REPLICATION", id, ...lerRegistro(c) }),
  REPLICATION_OK: (c, id) => ({ tipo: "REPLICATION_OK", id, timestamp: lerTimestamp(c) }),
  AUTH: (c, id) => ({ tipo: "AUTH", id, desafio: lerHexadecimal(c, "desafio") }),
  AUTH_CHALLENGE: (c, id) => ({
    tipo: "AUTH_CHALLENGE",
    id,
    desafio: lerHexadecimal(c, "desafio"),
    prova: lerHexadecimal(c, "prova"),
  }),
  AUTH_PROOF: (c, id) => ({ tipo: "AUTH_PROOF", id, prova: lerHexadecimal(c, "prova") }),
  AUTH_OK: (_, id) => ({ tipo: "AUTH_OK", id }),
  PULSE: (_, id) => ({ tipo: "PULSE", id }),
  PULSE_OK: (_, id) => ({ tipo: "PULSE_OK", id }),
};

function lerTimestamp(campos: Campos): number {
  return lerInteiro(campos, "timestamp");
}

function lerAcerto(campos: Campos): { timestamp: number; reserva: number } {
  return { timestamp: lerTimestamp(campos), reserva: lerInteiro(campos, "reserva") };
}

function lerRegistro(campos: Campos): Registro {
  return { key: lerKey(campos), value: lerTexto(campos, "value"), timestamp: lerTimestamp(campos) };
}

function inteiroValido(valor: unknown): valor is number {
  return Number.isSafeInteger(valor) && (valor as number) >= 0;
}

function lerInteiro(campos: Campos, campo: string): number {
  const valor = campos[campo];
  if (!inteiroValido(valor)) {
    throw new TypeError(
      `Mensagem recusada: ${campo} deve ser um inteiro ≥ 0: ${citarJson(valor)}`,
    );
  }
  return valor;
}

/** Um texto que UTF-8 saiba representar: nada de surrogates soltos, que se perderiam no disco. */
function lerTexto(campos: Campos, campo: string): string {
  const valor = campos[campo];
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
function lerOrigem(campos: Campos): string {
  const origem = lerTexto(campos, "origem");
  if (!/^[0-9a-f.:[\]%]{1,64}$/i.test(origem)) {
    throw new TypeError(`Mensagem recusada: origem deve ser um endereço: ${citar(origem)}`);
  }
  return origem;
}

/** 32 bytes: um desafio ou uma prova. */
function lerHexadecimal(campos: Campos, campo: string): string {
  const texto = lerTexto(campos, campo);
  if (!/^[0-9a-f]{64}$/.test(texto)) {
    throw new TypeError(
      `Mensagem recusada: ${campo} deve ter 64 dígitos hexadecimais: ${citar(texto)}`,
    );
  }
  return texto;
}

function lerKey(campos: Campos): string {
  const key = lerTexto(campos, "key");
  if (key === "") {
    throw new TypeError("Mensagem recusada: key não pode ser vazia");
  }
  // Um caractere UTF-16 ocupa de 1 a 3 bytes em UTF-8: quase sempre basta o comprimento.
  if (key.length * 3 > KEY_BYTES_MAX) {
    const bytes = new TextEncoder().encode(key).length;
    if (bytes > KEY_BYTES_MAX) {
      throw new RangeError(`Mensagem recusada: key de ${bytes} bytes, o limite é ${KEY_BYTES_MAX}`);
    }
  }
  return key;
}

/** O começo de um texto alheio, entre aspas e sem caracteres de controle. */
export function citar(texto: string): string {
  return `"${encurtar(texto)}"`;
}

/** O começo de um valor alheio, como JSON o escreve. */
function citarJson(valor: unknown): string {
  return valor === undefined ? "nada" : encurtar(JSON.stringify(valor));
}

function encurtar(texto: string): string {
  const curto = texto.length <= CITACAO_MAX ? texto : texto.slice(0, CITACAO_MAX) + "…";
  return visivel(curto.toWellFormed());
}

// === Entrada: de bytes a linhas ==============================================
// Lê a conexão, guarda a linha que ainda não acabou, impõe o limite, decodifica
// UTF-8 e entrega de uma vez as linhas inteiras de cada leitura: com streams
// (`conn.readable`, TextLineStream) cada linha custaria várias promessas. Além
// disso, `conn.readable` fecha o socket ao chegar ao fim, e um cliente que fecha
// só a sua metade perderia as respostas.

/** Como começa um registro TLS: um aviso ou o começo de uma conversa, da versão 3.algo. */
function pareceTls([tipo, versao]: Uint8Array): boolean {
  return (tipo === 0x15 || tipo === 0x16) && versao === 3;
}

/** As linhas que chegam por um canal; ver {@linkcode abrirEntrada}. */
export interface Entrada {
  /**
   * As próximas linhas (uma ou mais; nenhuma, só antes de uma {@linkcode falha}), sem
   * o fim de linha; `undefined` no fim do canal ou depois de uma falha.
   */
  ler(): Promise<string[] | undefined>;
  /** Por que a leitura parou antes do fim do canal; `undefined` num fim normal. */
  readonly falha: Error | undefined;
  /** Bytes lidos até agora: enquanto cresce, o outro lado vive. */
  readonly lidos: number;
  /** Quantos blocos de linhas já saíram: parado com {@linkcode parcial} > 0, há uma linha aberta. */
  readonly blocos: number;
  /** Bytes da linha que ainda não acabou. */
  readonly parcial: number;
}

/** O que {@linkcode abrirEntrada} avisa. */
export interface AvisosDaEntrada {
  /** Chegou uma linha. */
  aoReceber?: ((linha: string) => void) | undefined;
  /** O buffer cresceu (ou, negativo, diminuiu) de tantos bytes. */
  aoCrescer?: (bytes: number) => void;
}

/**
 * Lê linhas de um canal de bytes. Ocupa no máximo `limite()` bytes e um pouco,
 * qualquer que seja o tamanho dos pedaços em que elas chegam.
 *
 * As falhas possíveis, sempre depois de entregues as linhas boas anteriores:
 * `RangeError`, linha acima do limite; `TypeError`, bytes que não são UTF-8, ou são TLS;
 * `SyntaxError`, canal encerrado no meio de uma linha.
 */
export function abrirEntrada(
  canal: { read(buffer: Uint8Array): Promise<number | null> },
  limite: () => number,
  { aoReceber, aoCrescer }: AvisosDaEntrada = {},
): Entrada {
  let buffer = new Uint8Array(LEITURA_BYTES_MIN);
  const estado = { falha: undefined as Error | undefined, lidos: 0, blocos: 0, parcial: 0 };

  /** Tira do buffer as linhas inteiras, que acabam em `fim`, e guarda o começo da próxima. */
  function tirar(fim: number): string {
    const { texto, falha } = decodificar(buffer.subarray(0, fim), limite());
    estado.falha = falha;
    buffer.copyWithin(0, fim, estado.parcial);
    estado.parcial -= fim;
    estado.blocos++;
    return texto;
  }

  function redimensionar(bytes: number) {
    const novo = new Uint8Array(bytes);
    novo.set(buffer.subarray(0, estado.parcial));
    aoCrescer?.(novo.length - buffer.length);
    buffer = novo;
  }

  /** Lê até haver ao menos uma linha inteira; `undefined` no fim ou numa falha sem linha boa antes. */
  async function lerBloco(): Promise<string | undefined> {
    for (;;) {
      const livres = buffer.length - estado.parcial;
      const lidos = await canal.read(buffer.subarray(estado.parcial));
      if (lidos === null) {
        if (estado.parcial > 0) {
          estado.falha = new SyntaxError("Linha recusada: a conexão acabou antes do fim da linha");
        }
        return undefined;
      }
      const inicio = estado.parcial;
      if (estado.lidos === 0 && pareceTls(buffer)) {
        estado.parcial = 0;
        estado.falha = new TypeError("Conexão recusada: um lado usa TLS, e o outro não");
        return undefined;
      }
      estado.lidos += lidos;
      estado.parcial += lidos;
      const fim = buffer.subarray(inicio, estado.parcial).lastIndexOf(10) + 1;
      const bloco = fim > 0 ? tirar(inicio + fim) : undefined;
      if (bloco !== undefined && estado.falha) return bloco;
      // Um "\r" no fim ainda pode ser parte do fim de linha.
      if (estado.parcial > limite() + (buffer[estado.parcial - 1] === 13 ? 1 : 0)) {
        estado.falha = linhaLonga(estado.parcial, limite());
        return bloco;
      }
      if (estado.parcial === buffer.length || (lidos === livres && lidos < LEITURA_BYTES_MAX)) {
        redimensionar(Math.min(buffer.length * 2, limite() + LEITURA_BYTES_MIN));
      } else if (estado.parcial === 0 && buffer.length > LEITURA_BYTES_MIN && lidos < livres / 8) {
        redimensionar(LEITURA_BYTES_MIN);
      }
      if (bloco !== undefined) return bloco;
    }
  }

  return Object.assign(estado, {
    async ler() {
      const bloco = estado.falha ? undefined : await lerBloco();
      const linhas = bloco === undefined ? undefined : separar(bloco);
      if (aoReceber) linhas?.forEach(aoReceber);
      return linhas;
    },
  });
}

/** As linhas de um bloco, que acaba em fim de linha (`\n` ou `\r\n`) ou é vazio. */
function separar(bloco: string): string[] {
  const linhas = bloco.split("\n");
  linhas.pop();
  if (!bloco.includes("\r")) return linhas;
  return linhas.map((linha) => linha.endsWith("\r") ? linha.slice(0, -1) : linha);
}

function linhaLonga(bytes: number, limite: number): RangeError {
  return new RangeError(`Linha recusada: ${bytes} bytes ou mais, o limite é ${limite}`);
}

const decodificador = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Decodifica linhas inteiras; na primeira ruim, fica com as boas de antes dela. */
function decodificar(
  bloco: Uint8Array,
  limite: number,
): { texto: string; falha: Error | undefined } {
  if (bloco.length <= limite) {
    try {
      return { texto: decodificador.decode(bloco), falha: undefined };
    } catch {
      // Alguma linha não é UTF-8: abaixo, uma a uma, para achar qual.
    }
  }
  let texto = "";
  for (let inicio = 0; inicio < bloco.length;) {
    const fim = bloco.indexOf(10, inicio) + 1;
    const bytes = fim - 1 - inicio - (bloco[fim - 2] === 13 ? 1 : 0);
    if (bytes > limite) return { texto, falha: linhaLonga(bytes, limite) };
    try {
      texto += decodificador.decode(bloco.subarray(inicio, fim));
    } catch (cause) {
      return { texto, falha: new TypeError("Linha recusada: não é UTF-8", { cause }) };
    }
    inicio = fim;
  }
  return { texto, falha: undefined };
}

// === Saída: de linhas a bytes ================================================
// O que se envia em resposta a uma leitura sai numa escrita só, e há uma escrita
// por vez: é o que torna barato responder a muitos. (A ideia é do cliente do NATS,
// core/src/protocol.ts.)

/** As linhas que saem por um canal; ver {@linkcode abrirSaida}. */
export interface Saida {
  /** Se o outro lado entende lotes: várias mensagens da mesma volta vão num array só. */
  emLotes: boolean;
  /** Caracteres entregues a {@linkcode enviar} e ainda não escritos. */
  readonly fila: number;
  /** Bytes já escritos: enquanto cresce, o outro lado lê. */
  readonly escritos: number;
  /** Põe uma linha (sem o fim) na fila. Depois de uma falha do canal, nada faz. */
  enviar(linha: string): void;
  /** Espera que saia o que está na fila, ou que o canal falhe. */
  esvaziar(): Promise<void>;
}

/** O que {@linkcode abrirSaida} pergunta e avisa. */
export interface OpcoesDaSaida {
  /**
   * Quando fazer cada escrita: cumprida a promessa. Sem ela, acabado o código
   * síncrono em curso, o que junta tudo o que uma leitura provocou.
   */
  agendar?: () => Promise<void>;
  /** Uma linha entrou na fila. */
  aoEnviar?: ((linha: string) => void) | undefined;
  /** A fila diminuiu de tantos caracteres: foram escritos, ou se perderam. */
  aoEscrever?: (caracteres: number) => void;
  /** O canal falhou; o que estava na fila se perdeu. */
  aoFalhar?: (erro: unknown) => void;
}

/** No meio de um trabalho comprido, deixa que se atenda o que chegou pela rede; custa 1 ms. */
export function darAVez(): Promise<void> {
  return new Promise((resolver) => setTimeout(resolver, 0));
}

const microtarefa = () => Promise.resolve();
const codificador = new TextEncoder();

/** Escreve linhas num canal de bytes, juntando as que vêm juntas. */
export function abrirSaida(
  canal: { write(bytes: Uint8Array): Promise<number> },
  { agendar = microtarefa, aoEnviar, aoEscrever, aoFalhar }: OpcoesDaSaida = {},
): Saida {
  let linhas: string[] = [];
  let escoando = false;
  let falhou = false;
  /** Quem espera que saia o que já estava na fila, e quantos caracteres ainda faltam a cada um. */
  const esperas: { falta: number; readonly avisar: () => void }[] = [];

  function descontar(caracteres: number) {
    for (const espera of esperas) espera.falta -= caracteres;
    while (esperas.length > 0 && esperas[0]!.falta <= 0) esperas.shift()!.avisar();
  }

  async function escoar() {
    escoando = true;
    try {
      while (linhas.length > 0) {
        // Uma escrita já cheia não tem por que esperar: nada mais iria com ela.
        if (saida.fila < ESCRITA_MAX) await agendar();
        const { parte, tamanho } = tirarParte(linhas);
        const texto = (saida.emLotes ? juntarEmLotes(parte) : parte).join("\n");
        await escreverFatias(canal, texto, (bytes) => saida.escritos += bytes);
        saida.fila -= tamanho;
        aoEscrever?.(tamanho);
        descontar(tamanho);
      }
    } catch (erro) {
      falhou = true;
      const perdidos = saida.fila;
      linhas = [];
      saida.fila = 0;
      aoEscrever?.(perdidos);
      aoFalhar?.(erro);
    }
    escoando = false;
    descontar(Infinity);
  }

  const saida = {
    emLotes: false,
    fila: 0,
    escritos: 0,
    enviar(linha: string) {
      if (falhou) return;
      aoEnviar?.(linha);
      linhas.push(linha);
      saida.fila += linha.length + 1;
      if (!escoando) escoar();
    },
    esvaziar(): Promise<void> {
      return new Promise((avisar) =>
        escoando ? esperas.push({ falta: saida.fila, avisar }) : avisar()
      );
    },
  };
  return saida;
}

/** Escreve um texto e um fim de linha, uma fatia por vez; `contar` recebe os bytes de cada escrita. */
async function escreverFatias(
  canal: { write(bytes: Uint8Array): Promise<number> },
  texto: string,
  contar: (bytes: number) => void,
): Promise<void> {
  let [inicio, fim] = [0, 0];
  do {
    fim = fimDaFatia(texto, inicio);
    const fatia = texto.slice(inicio, fim);
    const bytes = codificador.encode(fim < texto.length ? fatia : fatia + "\n");
    for (let n = 0; n < bytes.length;) {
      const escritos = await canal.write(bytes.subarray(n));
      n += escritos;
      contar(escritos);
    }
    inicio = fim;
  } while (fim < texto.length);
}

/** Onde acaba a fatia que começa num lugar do texto, sem partir um par de surrogates. */
function fimDaFatia(texto: string, inicio: number): number {
  const fim = inicio + ESCRITA_MAX;
  const ultimo = texto.charCodeAt(fim - 1);
  return ultimo >= 0xd800 && ultimo < 0xdc00 ? fim - 1 : fim;
}

/** Tira da fila o que cabe numa escrita, ou uma linha só; o tamanho inclui os fins de linha. */
function tirarParte(fila: string[]): { parte: string[]; tamanho: number } {
  let [quantas, tamanho] = [0, 0];
  for (const { length } of fila) {
    if (quantas > 0 && tamanho + length + 1 > ESCRITA_MAX) break;
    tamanho += length + 1;
    quantas++;
  }
  return { parte: fila.splice(0, quantas), tamanho };
}

/**
 * Junta mensagens em lotes de até {@linkcode LOTE_MAX} caracteres, uma linha cada; uma
 * mensagem sozinha, ou um lote que já vem pronto, fica como está.
 */
export function juntarEmLotes(linhas: readonly string[]): string[] {
  const lotes: string[] = [];
  let lote: string[] = [];
  let tamanho = 0;
  const fechar = () => {
    if (lote.length > 0) lotes.push(lote.length === 1 ? lote[0]! : `[${lote.join(",")}]`);
    lote = [];
    tamanho = 0;
  };
  for (const linha of linhas) {
    const pronto = linha.startsWith("[");
    tamanho += linha.length + 1;
    if (pronto || tamanho > LOTE_MAX) {
      fechar();
      tamanho = linha.length + 1;
    }
    if (pronto) lotes.push(linha);
    else lote.push(linha);
  }
  fechar();
  return lotes;
}

// === Endereços ===============================================================

/** Onde um servidor atende. */
export interface Endereco {
  /** IPv4 ou IPv6, sem colchetes. */
  readonly ip: string;
  /** De 1 a 65535. */
  readonly porta: number;
}

/** Endereços padrão dos três servidores (seções 4a e 5a do enunciado). */
export const ENDERECOS_PADRAO: readonly Endereco[] = [10097, 10098, 10099].map(
  (porta) => ({ ip: "127.0.0.1", porta }),
);

/** Caracteres de um endereço; mais não é um, e custaria a examinar. */
const ENDERECO_MAX = 100;

/** Lê um IP (IPv6 com ou sem colchetes); `localhost` vale 127.0.0.1. @throws {TypeError} se não é um. */
export function lerIp(texto: string): string {
  const ip = texto.trim().toLowerCase().replace(/^\[(.*:.*)\]$/, "$1");
  if (ip === "localhost") return "127.0.0.1";
  const partes = ip.split(".");
  const v4 = partes.length === 4 &&
    partes.every((parte) => /^\d{1,3}$/.test(parte) && Number(parte) <= 255);
  if (v4) return partes.map(Number).join(".");
  // URL sabe validar e abreviar IPv6, que tem muitas formas.
  if (ip.includes(":") && URL.canParse(`http://[${ip}]/`)) {
    return new URL(`http://[${ip}]/`).hostname.slice(1, -1);
  }
  throw new TypeError(`IP inválido: ${citar(texto)}; exemplo: 127.0.0.1`);
}

/** Lê uma porta, de 1 a 65535. @throws {RangeError} fora disso. */
export function lerPorta(texto: string): number {
  const porta = /^\d{1,5}$/.test(texto.trim()) ? Number(texto) : 0;
  if (porta < 1 || porta > 65535) {
    throw new RangeError(`Porta inválida: ${citar(texto)}; deve ser um número de 1 a 65535`);
  }
  return porta;
}

/** Lê `IP:PORTA` (IPv6 entre colchetes). @throws {TypeError | RangeError} se não é um. */
export function lerEndereco(texto: string): Endereco {
  const grupos = texto.length <= ENDERECO_MAX &&
    /^\s*(?:\[([^\]]*)\]|([^:]*)):([^:]*)$/.exec(texto);
  if (!grupos) {
    throw new TypeError(`Endereço inválido: ${citar(texto)}; exemplo: 127.0.0.1:10097`);
  }
  return { ip: lerIp(grupos[1] ?? grupos[2]!), porta: lerPorta(grupos[3]!) };
}

/** O endereço como `IP:PORTA`. */
export function textoDoEndereco({ ip, porta }: Endereco): string {
  return ip.includes(":") ? `[${ip}]:${porta}` : `${ip}:${porta}`;
}

// === O que se mostra na console ==============================================

// Controles (C0, DEL, C1), separadores de linha e inversores de direção: tudo o
// que, vindo de uma key ou de um value, forjaria uma linha ou mandaria no terminal.
const INVISIVEIS = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

const ESCAPES: { readonly [caractere: string]: string } = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** O texto com os caracteres de controle à vista: `\n`, `\x1b`, `\u2028`. */
export function visivel(texto: string): string {
  return texto.replace(INVISIVEIS, (caractere) => {
    const codigo = caractere.charCodeAt(0);
    return ESCAPES[caractere] ??
      (codigo < 0x100 ? `\\x${codigo.toString(16).padStart(2, "0")}` : `\\u${codigo.toString(16)}`);
  });
}

/** JSON com os mesmos caracteres escapados como JSON manda (`\u001b`): continua a valer o mesmo. */
export function jsonVisivel(valor: unknown): string {
  return JSON.stringify(valor).replace(
    INVISIVEIS,
    (caractere) => `\\u${caractere.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
