/**
 * O rastro: um arquivo onde cada linha JSON que um processo envia ou recebe fica anotada, com a
 * hora, os dois lados da conexão e o sentido.
 *
 * ```ts
 * import { abrirRastro } from "./rastro.ts";
 *
 * const caminho = await Deno.makeTempFile();
 * using rastro = abrirRastro(caminho, "eu", ["senha"]);
 * const lado = (port: number) => ({ transport: "tcp" as const, hostname: "127.0.0.1", port });
 * rastro("enviou", { localAddr: lado(1), remoteAddr: lado(2) })('{"oi":1,"senha":"x"}');
 * const { quem, remoto, mensagem } = JSON.parse(await Deno.readTextFile(caminho));
 * if (`${quem} ${remoto} ${mensagem.oi} ${mensagem.senha}` !== "eu 127.0.0.1:2 1 undefined") {
 *   throw new Error("anotou outra coisa");
 * }
 * await Deno.remove(caminho);
 * ```
 *
 * @module
 */

import { textoDoLado } from "./endereco.ts";
import { citar, textoDoErro } from "./texto.ts";

/** Os dois lados de uma conexão. */
type Lados = { readonly localAddr: Deno.NetAddr; readonly remoteAddr: Deno.NetAddr };

/** Para cada conexão e sentido, quem anota as suas linhas. */
type Anotar = (sentido: "enviou" | "recebeu", conexao: Lados) => (linha: string) => void;

/** Quem anota o que passa, até ser fechado; ver {@linkcode abrirRastro}. */
export type Rastro = Anotar & Disposable;

/**
 * Abre um arquivo onde se anota, numa linha JSON cada, tudo o que se envia e recebe:
 * `quando` (milissegundos desde 1970, com fração), `quem`, os dois lados da conexão
 * (`local` e `remoto`), `sentido` e `mensagem`.
 *
 * @param ocultos Campos que não ficam anotados: o que outros não devem ler.
 * @throws {Error} se o arquivo não pode ser aberto.
 */
export function abrirRastro(caminho: string, quem: string, ocultos: readonly string[]): Rastro {
  let arquivo: Deno.FsFile;
  try {
    arquivo = Deno.openSync(caminho, { append: true, create: true });
  } catch (cause) {
    throw new Error(`não é possível gravar em ${citar(caminho)}: ${textoDoErro(cause)}`, { cause });
  }
  const codificador = new TextEncoder();
  const semOcultos = (campo: string, valor: unknown) => ocultos.includes(campo) ? undefined : valor;
  const anotar: Anotar = (sentido, { localAddr, remoteAddr }) => {
    const [local, remoto] = [textoDoLado(localAddr), textoDoLado(remoteAddr)];
    return (linha) => {
      const quando = performance.timeOrigin + performance.now();
      let lido: unknown;
      try {
        lido = JSON.parse(linha);
      } catch {
        return; // Não é JSON: não é uma mensagem.
      }
      const texto = [lido].flat().map((mensagem) =>
        JSON.stringify({ quando, quem, local, remoto, sentido, mensagem }, semOcultos) + "\n"
      ).join("");
      arquivo.writeSync(codificador.encode(texto));
    };
  };
  return Object.assign(anotar, { [Symbol.dispose]: () => arquivo.close() });
}
