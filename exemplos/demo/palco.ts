/**
 * O palco da demonstração: as consoles, o que se escreve nelas e o que se espera ver.
 *
 * @module
 */

import type { Cena } from "../../ferramentas/diagrama.ts";
import { MAPA, RAIZ } from "../processos.ts";

/** Espera máxima por uma linha esperada, em milissegundos; depois, a demonstração falhou. */
const ESPERA_MS = 15_000;

/** Pausas para quem assiste, em milissegundos: entre teclas e entre cenas. */
const PAUSA_MS = { tecla: 60, cena: 900 } as const;

const COM_CORES = Deno.stdout.isTerminal() && !Deno.noColor;
/** Cores de um terminal. */
export const [AZUL, VERDE, AMARELO, CIANO, ROSA, FORTE] = [34, 32, 33, 36, 35, 1];

/** Um texto numa cor, se quem vê as tem. */
export function pintar(texto: string, cor: number): string {
  return COM_CORES ? `\x1b[${cor}m${texto}\x1b[0m` : texto;
}

/** Uma linha na tela. */
export function escrever(linha: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(linha + "\n"));
}

function pausar(ms: number): Promise<void> {
  return new Promise((resolver) => setTimeout(resolver, ms));
}

/** Anuncia uma cena; devolve-a como o diagrama a quer, com a hora em que começou. */
export async function cena(titulo: string): Promise<Cena> {
  await pausar(PAUSA_MS.cena);
  escrever("\n" + pintar(`── ${titulo} `.padEnd(82, "─"), FORTE));
  return { titulo, quando: performance.timeOrigin + performance.now() };
}

/** Uma das cinco consoles: um processo, o seu teclado e a sua tela. */
export class Console {
  readonly #processo: Deno.ChildProcess;
  readonly #teclado: WritableStreamDefaultWriter<Uint8Array>;
  readonly #nome: string;
  readonly #leitura: Promise<unknown>;
  /** Como o diagrama o chama. */
  readonly nome: string;
  /** Todas as linhas que mostrou. */
  readonly linhas: string[] = [];
  /** O menu, depois de mostrado uma vez. */
  #menu = "";
  /** A pergunta à espera de resposta. */
  #pergunta = "";

  constructor(nome: string, cor: number, programa: string, permissoes: string[], args: string[]) {
    this.nome = nome;
    this.#nome = pintar(nome.padEnd(10) + " │", cor);
    this.#processo = new Deno.Command(Deno.execPath(), {
      args: ["run", "-q", ...MAPA, ...permissoes, `${programa}.ts`, ...args],
      cwd: RAIZ,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#teclado = this.#processo.stdin.getWriter();
    this.#leitura = Promise.all([
      this.#ler(this.#processo.stdout),
      this.#ler(this.#processo.stderr),
    ]);
  }

  async #ler(canal: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    let resto = "";
    for await (const texto of canal.pipeThrough(new TextDecoderStream())) {
      const linhas = (resto + texto).split("\n");
      resto = linhas.pop()!;
      for (const linha of linhas) {
        this.linhas.push(linha);
        // O menu é mostrado só na primeira vez. Uma pergunta só é mostrada com a resposta que se vai digitar.
        if (linha.endsWith(":")) this.#pergunta = linha;
        else if (linha !== this.#menu) escrever(`${this.#nome} ${linha}`);
        if (linha.startsWith("Menu:")) this.#menu = linha;
      }
    }
  }

  /** Digita respostas, cada uma depois de a pergunta aparecer. */
  async digitar(...respostas: string[]): Promise<void> {
    for (const resposta of respostas) {
      await ate(() => this.#pergunta !== "", "uma pergunta na tela");
      escrever(`${this.#nome} ${this.#pergunta} ${pintar(resposta || "(Enter)", FORTE)}`);
      this.#pergunta = "";
      await pausar(PAUSA_MS.tecla);
      await this.#teclado.write(new TextEncoder().encode(resposta + "\n"));
    }
  }

  /** Espera uma linha que não estava lá antes de `desde` linhas. */
  linha(esperada: RegExp, desde = 0): Promise<string> {
    return ate(() => this.linhas.slice(desde).find((linha) => esperada.test(linha)), `${esperada}`);
  }

  /** Escolhe uma função no menu, responde, e devolve o resultado. */
  async pedir(funcao: "PUT" | "GET", ...respostas: string[]): Promise<string> {
    const desde = this.linhas.length;
    await this.digitar(funcao, ...respostas);
    return await this.linha(/^(PUT_OK|GET|ERRO:) /, desde);
  }

  get pid(): number {
    return this.#processo.pid;
  }

  async encerrar(): Promise<void> {
    try {
      this.#processo.kill("SIGKILL");
    } catch {
      // Já tinha acabado.
    }
    await this.#teclado.abort().catch(() => {});
    await this.#processo.status;
    await this.#leitura;
  }
}

/** Espera até a condição dar um valor. @throws {Error} se não dá a tempo. */
export async function ate<T>(
  condicao: () => T | Promise<T>,
  oQue: string,
): Promise<NonNullable<T>> {
  for (const fim = performance.now() + ESPERA_MS; performance.now() < fim;) {
    const valor = await condicao();
    if (valor) return valor;
    await pausar(5);
  }
  throw new Error(`não apareceu: ${oQue}`);
}

/** @throws {Error} se a linha não é a que se esperava. */
export function exigir(linha: string, esperada: RegExp): void {
  if (!esperada.test(linha)) throw new Error(`veio "${linha}", esperava ${esperada}`);
}
