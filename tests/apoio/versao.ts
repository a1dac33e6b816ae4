/**
 * Uma cópia do programa numa pasta à parte, com um texto trocado em `mensagem.ts`: outra versão.
 *
 * @module
 */

import { assert } from "@std/assert";
import { MAPA, RAIZ } from "../apoio.ts";

/** Um servidor de outra versão, e o que disse em stderr. */
export interface DeOutraVersao extends AsyncDisposable {
  readonly erros: () => string;
  /** Pede-lhe que pare, e espera. */
  parar(): Promise<void>;
}

/** Copia o programa, trocando o que acha em `mensagem.ts`. */
export async function outraVersao(acha: RegExp, poe: string) {
  const pasta = await Deno.makeTempDir({ prefix: "kv-versao-" });
  await copiar(RAIZ, pasta);
  await copiar(new URL("lib/", RAIZ), `${pasta}/lib`);
  const fonte = await Deno.readTextFile(`${pasta}/mensagem.ts`);
  assert(acha.test(fonte), String(acha));
  await Deno.writeTextFile(`${pasta}/mensagem.ts`, fonte.replace(acha, poe));
  return {
    comecar(args: readonly string[]): DeOutraVersao {
      const filho = new Deno.Command(Deno.execPath(), {
        args: ["run", "-q", "--no-prompt", "-NRW", ...MAPA, `${pasta}/servidor.ts`, ...args],
        stdout: "null",
        stderr: "piped",
      }).spawn();
      let erros = "";
      const leitura = (async () => {
        for await (const texto of filho.stderr.pipeThrough(new TextDecoderStream())) erros += texto;
      })();
      let acabou = false;
      filho.status.then(() => acabou = true);
      const acabar = async (sinal: Deno.Signal) => {
        if (!acabou) filho.kill(sinal);
        await Promise.all([filho.status, leitura]);
      };
      return {
        erros: () => erros,
        parar: () => acabar(Deno.build.os === "windows" ? "SIGKILL" : "SIGTERM"),
        [Symbol.asyncDispose]: () => acabar("SIGKILL"),
      };
    },
    [Symbol.asyncDispose]: () => Deno.remove(pasta, { recursive: true }),
  };
}

async function copiar(de: URL, para: string): Promise<void> {
  await Deno.mkdir(para, { recursive: true });
  for await (const { name, isFile } of Deno.readDir(de)) {
    if (isFile && /\.(ts|json)$/.test(name)) {
      await Deno.copyFile(new URL(name, de), `${para}/${name}`);
    }
  }
}
