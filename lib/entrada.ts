/**
 * De bytes a linhas: lê um canal, impõe o limite de cada linha, decodifica UTF-8 e entrega de
 * uma vez as linhas inteiras de cada leitura, que um `TextLineStream` separa.
 *
 * ```ts
 * import { TextLineStream } from "@std/streams/text-line-stream";
 * import { abrirEntrada } from "./entrada.ts";
 *
 * const partes = ["um\ndo", "is\n"].map((parte) => new TextEncoder().encode(parte));
 * const canal = {
 *   read(buffer: Uint8Array) {
 *     const parte = partes.shift();
 *     if (parte) buffer.set(parte);
 *     return Promise.resolve(parte?.length ?? null);
 *   },
 * };
 * const lidas: string[][] = [];
 * await abrirEntrada(canal, new TextLineStream(), () => 100).ler((linhas) => {
 *   lidas.push(linhas);
 *   return true;
 * });
 * if (JSON.stringify(lidas) !== '[["um"],["dois"]]') throw new Error(JSON.stringify(lidas));
 * ```
 *
 * O `TextLineStream` não é ligado por `pipeThrough` a `conn.readable`: este fecha o socket ao
 * chegar ao fim, e quem fecha só a sua metade perderia as respostas; não há limite para uma
 * linha; e cada linha seria tratada sozinha, quando o barato é tratar juntas as que vieram
 * juntas. Aqui ele é alimentado à mão, e leem-se dele tantas linhas quantos fins de linha
 * entraram.
 *
 * @module
 */

import { noLimite } from "./texto.ts";

/** Bytes do buffer de leitura de um canal quieto: é quase tudo o que ele custa. */
const BUFFER_BYTES_MIN = 4 * 1024;

/** Bytes do buffer enquanto há muito a ler. */
const BUFFER_BYTES_MAX = 64 * 1024;

/** Leituras pequenas seguidas até o buffer diminuir: trocá-lo a cada uma custaria mais do que poupa. */
const PEQUENAS_MAX = 32;

/** Pedaços de uma linha guardados cada um por si; mais, e juntam-se: byte a byte, ocupariam muito mais. */
const PEDACOS_MAX = 1024;

/** Quem separa o texto em linhas, sem o fim de linha: um `TextLineStream`. */
export type Separador = TransformStream<string, string>;

/** As linhas que chegam por um canal; ver {@linkcode abrirEntrada}. */
export interface Entrada {
  /**
   * Lê até o fim do canal, ou até uma {@linkcode falha}. A cada leitura que acaba alguma linha,
   * entrega-as todas a `tratar`, que diz se se continua; não se lê mais nada antes que o diga.
   */
  ler(tratar: (linhas: string[]) => boolean | Promise<boolean>): Promise<void>;
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
  /** A linha por acabar cresceu (ou, negativo, acabou) de tantos bytes. */
  aoGuardar?: ((bytes: number) => void) | undefined;
}

/**
 * Lê linhas de um canal de bytes. Guarda no máximo uma linha, de `limite()` bytes, e um buffer,
 * qualquer que seja o tamanho dos pedaços em que elas chegam.
 *
 * As falhas possíveis, sempre depois de entregues as linhas boas anteriores:
 * `RangeError`, linha acima do limite; `TypeError`, bytes que não são UTF-8, ou são TLS;
 * `SyntaxError`, canal encerrado no meio de uma linha.
 */
export function abrirEntrada(
  canal: { read(buffer: Uint8Array): Promise<number | null> },
  separador: Separador,
  limite: () => number,
  { aoReceber, aoGuardar }: AvisosDaEntrada = {},
): Entrada {
  const estado = { falha: undefined as Error | undefined, lidos: 0, blocos: 0, parcial: 0 };
  const escritor = separador.writable.getWriter();
  const leitor = separador.readable.getReader();
  let buffer = new Uint8Array(BUFFER_BYTES_MIN);
  /** Bytes do começo do buffer: um caractere de que falta o fim. */
  let sobra = 0;
  /** O texto da linha por acabar que o separador ainda não recebeu: só vai com o fim dela. */
  const porAcabar = abrirPedacos();
  /** Leituras seguidas que mal ocuparam o buffer. */
  let pequenas = 0;

  /** Depois de uma leitura: o buffer do tamanho do que costuma vir. */
  function acertar(lidos: number, cheio: boolean) {
    pequenas = lidos < buffer.length / 8 ? pequenas + 1 : 0;
    let bytes = buffer.length;
    if (cheio) bytes = Math.min(bytes * 4, BUFFER_BYTES_MAX);
    else if (pequenas >= PEQUENAS_MAX) bytes = BUFFER_BYTES_MIN;
    if (bytes !== buffer.length) {
      const novo = new Uint8Array(bytes);
      novo.set(buffer.subarray(0, sobra));
      buffer = novo;
      pequenas = 0;
    }
  }

  /** Examina o que se leu; devolve o texto a separar, se há ao menos uma linha inteira. */
  function receber(lidos: number): string | undefined {
    const total = sobra + lidos;
    const cheio = total === buffer.length;
    const { texto, fim, parcial, falha } = examinar(
      cheio ? buffer : buffer.subarray(0, total),
      sobra - estado.parcial,
      limite(),
    );
    estado.falha = falha;
    estado.lidos += lidos;
    if (parcial !== estado.parcial) aoGuardar?.(parcial - estado.parcial);
    estado.parcial = parcial;
    sobra = total - fim;
    if (sobra > 0) buffer.copyWithin(0, fim, total);
    acertar(lidos, cheio);
    if (texto.includes("\n")) return porAcabar.tirar() + texto;
    porAcabar.juntar(texto);
    return undefined;
  }

  async function ler(tratar: Parameters<Entrada["ler"]>[0]): Promise<void> {
    while (!estado.falha) {
      const lidos = await canal.read(sobra === 0 ? buffer : buffer.subarray(sobra));
      if (lidos === null) {
        if (estado.parcial > 0) {
          estado.falha = new SyntaxError("Linha recusada: a conexão acabou antes do fim da linha");
        }
        return;
      }
      if (estado.lidos === 0 && pareceTls(buffer)) {
        estado.falha = new TypeError("Conexão recusada: um lado usa TLS, e o outro não");
        return;
      }
      const texto = receber(lidos);
      if (texto === undefined) continue;
      estado.blocos++;
      // Pedir a primeira antes de dar o texto poupa ao separador uma espera.
      let proxima = leitor.read();
      escritor.write(texto);
      const linhas = [(await proxima).value!];
      for (let faltam = contarLinhas(texto) - 1; faltam > 0; faltam--) {
        proxima = leitor.read();
        linhas.push((await proxima).value!);
      }
      if (aoReceber) linhas.forEach(aoReceber);
      const continua = tratar(linhas);
      if (!(continua === true || await continua)) return;
    }
  }

  return Object.assign(estado, { ler });
}

/** O que há num bloco de bytes. */
interface Exame {
  /** O texto que serve: as linhas inteiras e dentro do limite, e o começo da seguinte. */
  readonly texto: string;
  /** Onde ele acaba: depois, há no máximo um caractere por acabar. */
  readonly fim: number;
  /** Bytes da linha por acabar. */
  readonly parcial: number;
  /** Por que não se vai além. */
  readonly falha: Error | undefined;
}

const exigente = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const tolerante = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * O mesmo que o decodificador exigente, em um terço do tempo: o tolerante põe U+FFFD no lugar do que
 * não é UTF-8, e só quando há algum (que pode ter vindo assim) é preciso perguntar ao outro.
 *
 * @throws {TypeError} se não é UTF-8.
 */
function deUtf8(bytes: Uint8Array): string {
  const texto = tolerante.decode(bytes);
  return texto.includes("\ufffd") ? exigente.decode(bytes) : texto;
}

/** Examina um bloco; a linha em curso começou em `inicio`, talvez antes dele. */
function examinar(bloco: Uint8Array, inicio: number, limite: number): Exame {
  // Quase sempre nada ali pode passar do limite, e basta saber onde acaba a última linha.
  if (bloco.length - inicio > limite) return examinarCadaUma(bloco, inicio, limite);
  const ultima = bloco.at(-1) === 10 ? bloco.length : bloco.lastIndexOf(10) + 1;
  return decodificar(bloco, bloco.length - (ultima > 0 ? ultima : inicio), undefined);
}

/** O mesmo, conferindo cada linha. */
function examinarCadaUma(bloco: Uint8Array, inicio: number, limite: number): Exame {
  let boas = 0;
  const longa = (bytes: number) =>
    new RangeError(`Linha recusada: ${noLimite(`${bytes} bytes ou mais`, limite)}`);
  for (let n; (n = bloco.indexOf(10, boas)) >= 0;) {
    // Um "\r" antes do "\n" não é da linha; se ficou no bloco anterior, dá-se por ele.
    const bytes = n - inicio - (n === 0 || bloco[n - 1] === 13 ? 1 : 0);
    if (bytes > limite) return decodificar(bloco.subarray(0, boas), bytes, longa(bytes));
    inicio = boas = n + 1;
  }
  const parcial = bloco.length - inicio;
  const folga = bloco[bloco.length - 1] === 13 ? 1 : 0;
  if (parcial <= limite + folga) return decodificar(bloco, parcial, undefined);
  return decodificar(bloco.subarray(0, boas), parcial, longa(parcial));
}

function decodificar(bloco: Uint8Array, parcial: number, falha: Error | undefined): Exame {
  const fim = fimDosInteiros(bloco);
  try {
    const texto = deUtf8(fim === bloco.length ? bloco : bloco.subarray(0, fim));
    return { texto, fim, parcial, falha };
  } catch (cause) {
    const erro = new TypeError("Linha recusada: não é UTF-8", { cause });
    return { ...asBoas(bloco), parcial, falha: erro };
  }
}

/** As linhas que são UTF-8 antes da primeira que não é. */
function asBoas(bloco: Uint8Array): { texto: string; fim: number } {
  let [texto, fim] = ["", 0];
  for (let n; (n = bloco.indexOf(10, fim)) >= 0; fim = n + 1) {
    try {
      texto += deUtf8(bloco.subarray(fim, n + 1));
    } catch {
      break;
    }
  }
  return { texto, fim };
}

/** Um texto que chega aos pedaços, talvez de um byte, sem ocupar muito mais do que ele. */
function abrirPedacos() {
  let compridos: string[] = [];
  let curtos: string[] = [];
  return {
    juntar(texto: string) {
      curtos.push(texto);
      if (curtos.length < PEDACOS_MAX) return;
      compridos.push(curtos.join(""));
      curtos = [];
    },
    /** Tudo o que se juntou, e recomeça. */
    tirar(): string {
      if (curtos.length + compridos.length === 0) return "";
      const tudo = compridos.join("") + curtos.join("");
      compridos = [];
      curtos = [];
      return tudo;
    },
  };
}

/** Quantos fins de linha há num texto. */
function contarLinhas(texto: string): number {
  let linhas = 0;
  for (let n = -1; (n = texto.indexOf("\n", n + 1)) >= 0;) linhas++;
  return linhas;
}

/** Onde acaba o último caractere inteiro: o resto, de 1 a 3 bytes, fica para a próxima leitura. */
function fimDosInteiros(bloco: Uint8Array): number {
  for (let volta = 1; volta <= Math.min(3, bloco.length); volta++) {
    const byte = bloco[bloco.length - volta]!;
    if (byte < 0x80) break;
    // O primeiro byte de um caractere diz quantos ele tem.
    const tem = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 0;
    if (tem > 0) return tem > volta ? bloco.length - volta : bloco.length;
  }
  return bloco.length;
}

/** Como começa um registro TLS: um aviso ou o começo de uma conversa, da versão 3.algo. */
function pareceTls([tipo, versao]: Uint8Array): boolean {
  return (tipo === 0x15 || tipo === 0x16) && versao === 3;
}
