/**
 * De linhas a bytes: o que se envia numa volta do laço de eventos sai numa escrita só, e há
 * uma escrita por vez. É o que torna barato responder a muitos. (A ideia é do cliente do NATS,
 * core/src/protocol.ts.)
 *
 * ```ts
 * import { abrirSaida } from "./saida.ts";
 *
 * let escrito = "";
 * const saida = abrirSaida({
 *   write(bytes: Uint8Array) {
 *     escrito += new TextDecoder().decode(bytes);
 *     return Promise.resolve(bytes.length);
 *   },
 * });
 * saida.emLotes = true;
 * saida.enviar('{"a":1}');
 * saida.enviar('{"a":2}');
 * await saida.esvaziar();
 * if (escrito !== '[{"a":1},{"a":2}]\n') throw new Error(escrito);
 * ```
 *
 * @module
 */

import { DE_VERDADE, type Tempo } from "./tempo.ts";

/** Caracteres de um lote de linhas JSON numa linha só; acima, o lote vira vários. */
export const LOTE_MAX = 128 * 1024;

/**
 * Caracteres codificados e escritos por vez: as linhas que cabem vão juntas, e uma maior vai
 * em fatias, para que a quem não lê não se guarde outro tanto em bytes.
 */
const ESCRITA_MAX = 128 * 1024;

/** As linhas que saem por um canal; ver {@linkcode abrirSaida}. */
export interface Saida {
  /** Se o outro lado entende lotes: várias linhas JSON da mesma volta vão num array só. */
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

/** O que {@linkcode abrirSaida} avisa, e de onde lhe vem o tempo. */
export interface OpcoesDaSaida {
  /** Uma linha entrou na fila. */
  aoEnviar?: ((linha: string) => void) | undefined;
  /** A fila diminuiu de tantos caracteres: foram escritos, ou se perderam. */
  aoEscrever?: (caracteres: number) => void;
  /** O canal falhou; o que estava na fila se perdeu. */
  aoFalhar?: (erro: unknown) => void;
  /** De onde vem o fim de uma volta do laço de eventos (a máquina). */
  readonly tempo?: Pick<Tempo, "aSeguir">;
}

const codificador = new TextEncoder();

/** Nenhuns bytes. */
const VAZIO = new Uint8Array();

// Papéis: bytes onde se escreve um texto, e que servem outra vez. Pedir memória ao sistema para cada
// escrita custa, num texto grande, mais do que codificá-lo.

/** Bytes de um papel pequeno, e quantos se guardam; além, deitam-se fora. */
const PAPEL_BYTES = 16 * 1024;
const PAPEIS_MAX = 32;

/** Bytes de um papel onde cabe qualquer fatia, e quantos há: quem não lê fica com o seu. */
const GRANDE_BYTES = ESCRITA_MAX * 3 + 1;
const GRANDES_MAX = 4;

const papeis: Uint8Array<ArrayBuffer>[] = [];
const grandes: Uint8Array<ArrayBuffer>[] = [];
let grandesFeitos = 0;

/** Um papel em que cabem tantos caracteres e um fim de linha; `undefined`, não há nenhum livre. */
function pegarPapel(caracteres: number): Uint8Array<ArrayBuffer> | undefined {
  if (caracteres * 3 < PAPEL_BYTES) return papeis.pop() ?? new Uint8Array(PAPEL_BYTES);
  if (grandes.length > 0 || grandesFeitos === GRANDES_MAX) return grandes.pop();
  grandesFeitos++;
  return new Uint8Array(GRANDE_BYTES);
}

function largarPapel(papel: Uint8Array<ArrayBuffer>): void {
  if (papel.length === GRANDE_BYTES) grandes.push(papel);
  else if (papeis.length < PAPEIS_MAX) papeis.push(papel);
}

/** O que já aconteceu: seguir-se-lhe é esperar só que acabe o código síncrono em curso. */
const PRONTO = Promise.resolve();

/**
 * Escreve linhas num canal de bytes, juntando as que vêm juntas. Cada passo chama o seguinte, sem
 * `async`: com uma linha em cada escrita, as promessas a mais custavam um décimo dos pedidos.
 */
export function abrirSaida(
  canal: { write(bytes: Uint8Array): Promise<number> },
  { aoEnviar, aoEscrever, aoFalhar, tempo = DE_VERDADE }: OpcoesDaSaida = {},
): Saida {
  let linhas: string[] = [];
  /** Linhas da última escrita. */
  let juntas = 0;
  let escrevendo = false;
  let falhou = false;
  /** O que se está escrevendo, sem o último fim de linha, e onde acaba a fatia em curso. */
  let texto = "";
  let fim = 0;
  /** Os caracteres que isso desconta da fila. */
  let tamanho = 0;
  /** Os bytes da fatia que faltam, e o papel em que estão, se não foram pedidos ao sistema. */
  let bytes = VAZIO;
  let papel: Uint8Array<ArrayBuffer> | undefined;
  /** Quem espera que saia o que já estava na fila, e quantos caracteres ainda faltam a cada um. */
  const esperas: { falta: number; readonly avisar: () => void }[] = [];

  function descontar(caracteres: number) {
    for (const espera of esperas) espera.falta -= caracteres;
    while (esperas.length > 0 && esperas[0]!.falta <= 0) esperas.shift()!.avisar();
  }

  /**
   * Acabado o código síncrono em curso, está na fila tudo o que uma leitura provocou; e se as linhas
   * vêm juntas, no fim da volta está também o que provocam as leituras das outras conexões. Uma
   * sozinha não espera por isso.
   */
  function marcar() {
    escrevendo = true;
    if (juntas > 1) tempo.aSeguir(escrever);
    else PRONTO.then(escrever);
  }

  function escrever() {
    let parte = linhas;
    tamanho = saida.fila;
    if (tamanho <= ESCRITA_MAX) linhas = [];
    else ({ parte, tamanho } = tirarParte(linhas));
    juntas = parte.length;
    texto = juntas === 1 ? parte[0]! : (saida.emLotes ? juntarEmLotes(parte) : parte).join("\n");
    fim = 0;
    escreverFatia();
  }

  function escreverFatia() {
    const inicio = fim;
    fim = fimDaFatia(texto, inicio);
    const fatia = texto.slice(inicio, fim);
    const ultima = fim === texto.length;
    papel = pegarPapel(fatia.length);
    if (papel) {
      let { written } = codificador.encodeInto(fatia, papel);
      if (ultima) papel[written++] = 10;
      bytes = papel.subarray(0, written);
    } else bytes = codificador.encode(ultima ? fatia + "\n" : fatia);
    canal.write(bytes).then(continuar, falhar);
  }

  function continuar(escritos: number) {
    saida.escritos += escritos;
    if (escritos < bytes.length) {
      bytes = bytes.subarray(escritos);
      canal.write(bytes).then(continuar, falhar);
      return;
    }
    if (fim < texto.length) {
      if (papel) largarPapel(papel);
      return escreverFatia();
    }
    soltar();
    saida.fila -= tamanho;
    aoEscrever?.(tamanho);
    descontar(tamanho);
    if (linhas.length > 0) return marcar();
    acabar();
  }

  function falhar(erro: unknown) {
    falhou = true;
    const perdidos = saida.fila;
    linhas = [];
    soltar();
    saida.fila = 0;
    aoEscrever?.(perdidos);
    aoFalhar?.(erro);
    acabar();
  }

  /** O que se escreveu não fica na memória à espera da próxima escrita. */
  function soltar() {
    if (papel) largarPapel(papel);
    texto = "";
    bytes = VAZIO;
    papel = undefined;
  }

  function acabar() {
    escrevendo = false;
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
      if (!escrevendo) marcar();
    },
    esvaziar(): Promise<void> {
      return new Promise((avisar) =>
        escrevendo ? esperas.push({ falta: saida.fila, avisar }) : avisar()
      );
    },
  };
  return saida;
}

/** Onde acaba a fatia que começa num lugar do texto, sem partir um par de surrogates. */
function fimDaFatia(texto: string, inicio: number): number {
  const fim = inicio + ESCRITA_MAX;
  if (fim >= texto.length) return texto.length;
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
 * Junta linhas JSON em lotes de até {@linkcode LOTE_MAX} caracteres, um array numa linha cada;
 * uma sozinha, ou um lote que já vem pronto, fica como está.
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
