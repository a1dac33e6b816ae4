/**
 * O teclado, ou o que estiver na entrada: perguntas, respostas, padrões, e o fim.
 *
 * ```ts ignore
 * const tela = abrirTela();
 * const teclado = await abrirTeclado(tela);
 * try {
 *   const porta = await perguntarAte(teclado, tela, "Porta", "8000", Number);
 * } catch (erro) {
 *   if (erro !== FIM_DO_TECLADO) throw erro; // Ctrl-D, ou acabou o arquivo
 * } finally {
 *   teclado.fechar();
 * }
 * ```
 *
 * @module
 */

import { TextLineStream } from "@std/streams/text-line-stream";
import type { Tela } from "./tela.ts";
import { noLimite, textoDoErro, visivel } from "./texto.ts";

/** O que uma pergunta lança quando a entrada acaba. */
export const FIM_DO_TECLADO: unique symbol = Symbol("fim do teclado");

/** O teclado, ou o que estiver na entrada. */
export interface Teclado {
  /** Mostra o texto e espera uma linha. @throws {typeof FIM_DO_TECLADO} se a entrada acaba. */
  perguntar(texto: string): Promise<string>;
  /** Devolve o terminal; não há mais perguntas. */
  fechar(): void;
}

/**
 * Abre o teclado, ou o que estiver na entrada. Redirecionada, ninguém ecoa o Enter
 * de quem responde: cada pergunta acaba em fim de linha, para que o que vem depois
 * comece no começo da sua.
 */
export function abrirTeclado(tela: Tela): Promise<Teclado> {
  if (Deno.stdin.isTerminal()) return abrirTerminal(tela);
  const entrada: ReadableStream<string> = Deno.stdin.readable
    .pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
  const linhas = entrada.getReader();
  return Promise.resolve({
    async perguntar(texto) {
      tela.linha(texto.trimEnd());
      await tela.esvaziar();
      const { value, done } = await linhas.read();
      if (done) throw FIM_DO_TECLADO;
      return value;
    },
    fechar: () => void linhas.cancel().catch(() => {}),
  });
}

/**
 * O teclado de verdade, por `node:readline`, que acerta os acentos na console do
 * Windows. O que se digita (ou cola) antes de haver uma pergunta fica guardado, e
 * só aparece quando for a sua vez.
 */
async function abrirTerminal(tela: Tela): Promise<Teclado> {
  const { createInterface } = await import("node:readline");
  const { Writable } = await import("node:stream");
  const { default: process } = await import("node:process");
  let perguntando = false;
  const eco = new Writable({
    write(texto, _codificacao, pronto) {
      if (perguntando) process.stdout.write(texto);
      pronto();
    },
  });
  Object.defineProperty(eco, "columns", { get: () => process.stdout.columns });
  const leitor = createInterface({ input: process.stdin, output: eco, terminal: true });
  const adiantadas: string[] = [];
  let fechado = false;
  let aoChegar: (() => void) | undefined;
  leitor.on("line", (linha: string) => {
    perguntando = false;
    adiantadas.push(linha);
    aoChegar?.();
  });
  leitor.on("close", () => {
    fechado = true;
    aoChegar?.();
  });
  // Num terminal é readline quem recebe Ctrl-C e Ctrl-Z; este deixaria a console presa.
  leitor.on("SIGTSTP", () => {});
  leitor.on("SIGINT", () => {
    leitor.close();
    process.stdout.write("\n");
    Deno.exit(130);
  });
  return {
    async perguntar(texto) {
      const adiantada = adiantadas[0];
      if (adiantada !== undefined) tela.linha(texto + visivel(adiantada));
      await tela.esvaziar();
      if (adiantada === undefined && !fechado) {
        // O que não é a última linha do texto não faz parte da que readline redesenha.
        const corte = texto.lastIndexOf("\n") + 1;
        process.stdout.write(texto.slice(0, corte));
        perguntando = true;
        leitor.setPrompt(texto.slice(corte));
        leitor.prompt(true);
      }
      while (adiantadas.length === 0 && !fechado) {
        await new Promise<void>((resolver) => aoChegar = resolver);
      }
      if (adiantadas.length === 0 && perguntando) process.stdout.write("\n");
      perguntando = false;
      const linha = adiantadas.shift();
      if (linha === undefined) throw FIM_DO_TECLADO;
      return linha;
    },
    fechar: () => leitor.close(),
  };
}

/**
 * Tudo o que vem pela entrada, como vem.
 *
 * @throws {RangeError} se são mais bytes que `limite`. @throws {TypeError} se não são UTF-8.
 */
export async function lerEntrada(limite: number): Promise<string> {
  const decodificador = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let [texto, bytes] = ["", 0];
  try {
    for await (const pedaco of Deno.stdin.readable) {
      bytes += pedaco.length;
      if (bytes > limite) {
        throw new RangeError(`Entrada recusada: ${noLimite(`${bytes} bytes ou mais`, limite)}`);
      }
      texto += decodificador.decode(pedaco, { stream: true });
    }
    return texto + decodificador.decode();
  } catch (cause) {
    if (cause instanceof RangeError) throw cause;
    throw new TypeError("Entrada recusada: não é UTF-8", { cause });
  }
}

/** Pergunta até a resposta servir, e devolve o que `ler` fez dela; vazia, vale o padrão. */
export async function perguntarAte<T>(
  teclado: Teclado,
  tela: Tela,
  pergunta: string,
  padrao: string,
  ler: (texto: string) => T,
): Promise<T> {
  for (;;) {
    const resposta = await teclado.perguntar(`${pergunta} [${padrao}]: `);
    try {
      return ler(resposta.trim() === "" ? padrao : resposta);
    } catch (erro) {
      tela.erro(`ERRO: ${textoDoErro(erro)}`);
    }
  }
}
