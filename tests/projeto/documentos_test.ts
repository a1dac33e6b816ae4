/**
 * Os testes que docs/garantias.md e docs/operar.md nomeiam existem; e a hora do dia só se usa no
 * que se lê, como docs/operar.md diz.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { RAIZ } from "../apoio.ts";

const ler = (caminho: string) => Deno.readTextFileSync(new URL(caminho, RAIZ));

/** Os arquivos .ts de uma pasta, e das que ela tem. */
function* fontes(pasta: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(new URL(pasta, RAIZ))) {
    if (isDirectory) yield* fontes(`${pasta}${name}/`);
    else if (name.endsWith(".ts")) yield pasta + name;
  }
}

/** Um texto numa linha só. */
const junto = (texto: string) => texto.replaceAll(/\s+/g, " ").trim();

const TESTES = junto([...fontes("tests/")].map(ler).join("\n"));

/** Os nomes de testes entre crases: têm espaços, e não são comandos nem mensagens. */
function nomesEm(texto: string): string[] {
  return [...texto.matchAll(/`([^`]+)`/g)].map(([, dentro]) => junto(dentro!));
}

Deno.test("os testes nomeados em docs/operar.md existem", () => {
  const blocos = [...ler("docs/operar.md").matchAll(/^Testes?:\s((?:\s*`[^`]+`[;.]?)+)/gm)];
  const nomes = blocos.flatMap(([, bloco]) => nomesEm(bloco!));
  assert(nomes.length > 12, String(nomes.length));
  assertEquals(nomes.filter((nome) => !TESTES.includes(`"${nome}"`)), []);
});

Deno.test("os testes nomeados em docs/garantias.md existem", () => {
  const [promessas] = ler("docs/garantias.md").split(/^## O que não se promete/m);
  const nomes = nomesEm(promessas!).filter((nome) =>
    nome.split(" ").length > 2 && !/^(deno|--)/.test(nome)
  );
  assert(nomes.length > 12, String(nomes.length));
  const falta = nomes.filter((nome) => !TESTES.includes(nome.replace(/…$/, "")));
  assertEquals(falta, []);
});

Deno.test("a hora do dia só se usa no que alguém lê: avisos, /readyz, o rastro, o nome de um arquivo", () => {
  const programa = ["mensagem.ts", "servidor.ts", "cliente.ts", ...fontes("lib/")];
  const usam = programa.filter((nome) => /\bDate\b|timeOrigin/.test(ler(nome))).sort();
  assertEquals(usam, ["lib/disco.ts", "lib/rastro.ts", "lib/tela.ts", "servidor.ts"]);
  // No servidor, `desde` em /readyz e a métrica de quando o processo começou.
  assertEquals(ler("servidor.ts").match(/\bDate\.now\(\)|timeOrigin/g), [
    "Date.now()",
    "timeOrigin",
  ]);
});
