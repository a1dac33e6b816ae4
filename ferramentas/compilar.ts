/**
 * Os programas num arquivo só cada um, em `dist/`: `servidor`, `cliente` e `ponte`, que não
 * precisam de nada instalado onde rodam. O Deno baixa uma vez o runtime de cada sistema.
 *
 * ```sh
 * deno task compile
 * ```
 *
 * @module
 */

import { lerArgumentos } from "../lib/opcoes.ts";
import { textoDoErro } from "../lib/texto.ts";

/** O que se diz ao Deno de cada sistema, e como acabam os nomes. */
export const SISTEMAS = {
  windows: { alvo: "x86_64-pc-windows-msvc", fim: ".exe" },
  linux: { alvo: "x86_64-unknown-linux-gnu", fim: "-linux" },
  mac: { alvo: "aarch64-apple-darwin", fim: "-mac" },
} as const;

/** Cada programa, e as opções só dele. */
export const PROGRAMAS = {
  "servidor.ts": ["--v8-flags=--heap-growing-percent=40,--invocation-count-for-turbofan=500"],
  "cliente.ts": [],
  "ponte/ponte.ts": [],
} as const;

export type Sistema = keyof typeof SISTEMAS;
export type Programa = keyof typeof PROGRAMAS;

const AJUDA = `Uso: compilar [${Object.keys(SISTEMAS).join(" | ")}]    (windows)`;
const RAIZ = new URL("../", import.meta.url);

/** O mapa com que este programa roda é o que os outros levam. */
const MAPA = /^(jsr:|https:)/.test(import.meta.resolve("@std/assert"))
  ? []
  : ["--import-map=npm.json"];

/**
 * O que se diz ao Deno para compilar um programa: as palavras do comando, sem o próprio `deno`.
 *
 * ```ts
 * import { comandoDe } from "./compilar.ts";
 *
 * const palavras = comandoDe("ponte/ponte.ts", "windows");
 * if (!palavras.includes("dist/ponte.exe")) throw new Error("não é esse o nome");
 * ```
 */
export function comandoDe(
  programa: Programa,
  sistema: Sistema,
  { pasta = "dist", mapa = [] }: { pasta?: string; mapa?: readonly string[] } = {},
): string[] {
  const { alvo, fim } = SISTEMAS[sistema];
  const nome = programa.replace(/^.*\//, "").replace(/\.ts$/, "");
  const permissoes = ["--allow-net", "--allow-read", "--allow-write"];
  const saida = ["--target", alvo, "-o", `${pasta}/${nome}${fim}`, programa];
  return ["compile", ...PROGRAMAS[programa], ...mapa, ...permissoes, ...saida];
}

/** Compila um programa; devolve se conseguiu. */
async function compilar(programa: Programa, sistema: Sistema): Promise<boolean> {
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: comandoDe(programa, sistema, { mapa: MAPA }),
    cwd: RAIZ,
    stdout: "inherit",
    stderr: "inherit",
  }).output();
  return success;
}

/** O programa; devolve o código de saída: 1, falha; 2, uso errado. */
async function main(args: readonly string[]): Promise<number> {
  const { opcoes, livres: [sistema = "windows", ...sobra] } = lerArgumentos(args, {
    textos: [],
    sinais: [],
  });
  if (opcoes.ajuda) {
    Deno.stdout.writeSync(new TextEncoder().encode(AJUDA + "\n"));
    return 0;
  }
  if (!Object.hasOwn(SISTEMAS, sistema) || sobra.length > 0) throw new TypeError(AJUDA);
  for (const programa of Object.keys(PROGRAMAS) as Programa[]) {
    if (!await compilar(programa, sistema as Sistema)) return 1;
  }
  return 0;
}

if (import.meta.main) {
  try {
    Deno.exit(await main(Deno.args));
  } catch (erro) {
    Deno.stderr.writeSync(new TextEncoder().encode(`ERRO: ${textoDoErro(erro)}\n`));
    Deno.exit(2);
  }
}
