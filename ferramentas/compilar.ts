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
const SISTEMAS: { readonly [nome: string]: { alvo: string; fim: string } } = {
  windows: { alvo: "x86_64-pc-windows-msvc", fim: ".exe" },
  linux: { alvo: "x86_64-unknown-linux-gnu", fim: "-linux" },
  mac: { alvo: "aarch64-apple-darwin", fim: "-mac" },
};

/** Cada programa, e as opções só dele. */
const PROGRAMAS: { readonly [nome: string]: readonly string[] } = {
  "servidor.ts": ["--v8-flags=--heap-growing-percent=40"],
  "cliente.ts": [],
  "ponte/ponte.ts": [],
};

const AJUDA = `Uso: compilar [${Object.keys(SISTEMAS).join(" | ")}]    (windows)`;
const RAIZ = new URL("../", import.meta.url);

/** O mapa com que este programa roda é o que os outros levam. */
const MAPA = /^(jsr:|https:)/.test(import.meta.resolve("@std/assert"))
  ? []
  : ["--import-map=npm.json"];

/** Compila um programa; devolve se conseguiu. */
async function compilar(programa: string, alvo: string, fim: string): Promise<boolean> {
  const nome = programa.replace(/^.*\//, "").replace(/\.ts$/, "");
  const permissoes = ["--allow-net", "--allow-read", "--allow-write"];
  const saida = ["--target", alvo, "-o", `dist/${nome}${fim}`, programa];
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["compile", ...PROGRAMAS[programa]!, ...MAPA, ...permissoes, ...saida],
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
  const escolhido = Object.hasOwn(SISTEMAS, sistema) ? SISTEMAS[sistema] : undefined;
  if (!escolhido || sobra.length > 0) throw new TypeError(AJUDA);
  for (const programa of Object.keys(PROGRAMAS)) {
    if (!await compilar(programa, escolhido.alvo, escolhido.fim)) return 1;
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
