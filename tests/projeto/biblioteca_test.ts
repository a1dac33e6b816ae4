/**
 * A biblioteca, como README.md ("Como biblioteca") diz que se usa: o exemplo e os comandos dele,
 * numa pasta vazia, com as opções de fábrica do compilador. `../kv` é este projeto.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { MAPA, RAIZ } from "../apoio.ts";

/** O que a seção do README mostra. */
async function lerSecao(): Promise<{ exemplo: string; comandos: string[]; config: string }> {
  const readme = await Deno.readTextFile(new URL("README.md", RAIZ));
  const secao = readme.split("\n## Como biblioteca\n")[1]?.split("\n## ")[0] ?? "";
  const bloco = (lingua: string) =>
    secao.split(`\`\`\`${lingua}\n`)[1]?.split("```")[0]?.replaceAll("../kv/", RAIZ.href);
  const [exemplo, comandos] = [bloco("ts"), bloco("sh")?.trim().split("\n")];
  const config = /`(\{[^`]*importMap[^`]*\})`/.exec(secao)?.[1]?.replaceAll("../kv/", RAIZ.href);
  if (!exemplo || !comandos || !config) {
    throw new Error("o README já não tem o exemplo, os comandos ou o deno.json");
  }
  return { exemplo, comandos, config };
}

/** Roda um comando do README na pasta; devolve o que mostra. */
async function rodar(comando: string, pasta: string): Promise<string> {
  const [deno, ...args] = comando.split(" ");
  assertEquals(deno, "deno", comando);
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: pasta,
    env: { NO_COLOR: "1" },
  }).output();
  const texto = new TextDecoder();
  assertEquals(code, 0, `${comando}\n${texto.decode(stderr)}`);
  return texto.decode(stdout);
}

/** Numa pasta vazia, o exemplo, os comandos do README e, sem a opção deles, o `deno.json` do README. */
async function experimentar(mapa: "deno.json" | "npm.json"): Promise<void> {
  const { exemplo, comandos, config } = await lerSecao();
  const comMapa = (texto: string) => texto.replaceAll(`${RAIZ.href}deno.json`, RAIZ.href + mapa);
  const pasta = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${pasta}/exemplo.ts`, exemplo);
    const saidas: string[] = [];
    for (const comando of comandos) saidas.push(await rodar(comMapa(comando), pasta));
    assertEquals(saidas.at(-1), "azul 1\n");
    assert(comandos.some((comando) => comando.startsWith("deno check ")), "o README não o confere");

    await Deno.writeTextFile(`${pasta}/deno.json`, comMapa(config));
    for (const comando of comandos) {
      const semMapa = comando.split(" ").filter((parte) => !parte.startsWith("--import-map="));
      assertEquals(semMapa.length, comando.split(" ").length - 1);
      saidas.push(await rodar(semMapa.join(" "), pasta));
    }
    assertEquals(saidas.at(-1), "azul 1\n");
  } finally {
    await Deno.remove(pasta, { recursive: true });
  }
}

Deno.test("o exemplo do README confere e roda numa pasta vazia, com o mapa de npm", async () => {
  await experimentar("npm.json");
});

Deno.test({
  name: "o exemplo do README confere e roda numa pasta vazia, com o mapa de JSR (se JSR responde)",
  ignore: MAPA.length > 0,
  fn: () => experimentar("deno.json"),
});
