/**
 * O ZIP da entrega: o relatório em PDF, e o código com tudo de que precisa para rodar sozinho.
 *
 * ```ts ignore
 * const zip = await fazerZip(pdf, await lerFontes(), "11202200000");
 * await Deno.writeFile("11202200000.zip", zip);
 * ```
 *
 * @module
 */

import { strToU8, zipSync } from "npm:fflate@0.8.3";
import { comandoDe, type Sistema, SISTEMAS } from "../compilar.ts";
import { type Fontes, RAIZ } from "../relatorio/arquivos.ts";
import { analisar } from "../relatorio/intervalos.ts";

/** As tarefas de `deno.json` que vão com o código como estão: as que só precisam dele. */
const TAREFAS = ["server", "client"];

/** O arquivo único que se envia: `RA.pdf` e a pasta `fonte`. */
export async function fazerZip(
  pdf: Uint8Array,
  fontes: Fontes,
  ra: string,
): Promise<Uint8Array> {
  const codigo = Object.entries(await codigoDaEntrega(fontes));
  return zipSync({
    [`${ra}.pdf`]: pdf,
    ...Object.fromEntries(codigo.map(([nome, texto]) => [`fonte/${nome}`, strToU8(texto)])),
  });
}

/** O código da entrega: as fontes, as bibliotecas de fora, e um `deno.json` só para elas. */
async function codigoDaEntrega(fontes: Fontes): Promise<Fontes> {
  const bibliotecas = bibliotecasDe(fontes);
  const arquivo = (nome: string) => `biblioteca/${nome.split("/").at(-1)}.js`;
  // Um de cada vez: dois `deno bundle`, numa máquina que ainda não tem o esbuild, estorvam-se a pô-lo.
  const pacotes: [string, string][] = [];
  for (const nome of bibliotecas) pacotes.push([arquivo(nome), await empacotar(nome)]);
  const { version, tasks, compilerOptions } = JSON.parse(
    await Deno.readTextFile(new URL("deno.json", RAIZ)),
  );
  const configuracao = {
    version,
    imports: Object.fromEntries(bibliotecas.map((nome) => [nome, `./${arquivo(nome)}`])),
    tasks: {
      ...Object.fromEntries(TAREFAS.map((nome) => {
        const { description, command } = tasks[nome];
        return [nome, { description, command: command.replaceAll("$(deno task -q std) ", "") }];
      })),
      ...tarefasQueCompilam(),
    },
    compilerOptions,
    lock: false,
    nodeModulesDir: "none",
  };
  return {
    ...fontes,
    "deno.json": JSON.stringify(configuracao, undefined, 2) + "\n",
    ...Object.fromEntries(pacotes),
  };
}

/** De cada sistema, a tarefa que compila os dois programas da entrega, e só precisa deles. */
function tarefasQueCompilam(): { readonly [nome: string]: string } {
  return Object.fromEntries((Object.keys(SISTEMAS) as Sistema[]).map((sistema) => {
    const comandos = (["servidor.ts", "cliente.ts"] as const)
      .map((programa) => `deno ${comandoDe(programa, sistema).join(" ")}`);
    return [sistema === "windows" ? "compile" : `compile:${sistema}`, comandos.join(" && ")];
  }));
}

/** As bibliotecas que as fontes importam, pelo nome; o que já vem com Deno não conta. */
function bibliotecasDe(fontes: Fontes): string[] {
  const nomes = Object.values(fontes).flatMap((fonte) =>
    analisar(fonte).program.body.flatMap((no) =>
      no.type === "ImportDeclaration" ? [no.source.value] : []
    )
  );
  return [...new Set(nomes)].filter((nome) => !/^(\.|node:)/.test(nome)).sort();
}

/** Uma biblioteca num arquivo só, com tudo de que ela depende. */
async function empacotar(biblioteca: string): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "-q", import.meta.resolve(biblioteca)],
    cwd: RAIZ,
    env: { NO_COLOR: "1" },
  }).output();
  if (code !== 0) {
    const motivo = new TextDecoder().decode(stderr).trim().split("\n")[0];
    throw new Error(`Não é possível empacotar ${biblioteca}: ${motivo}`);
  }
  // O comentário que diz de que arquivo veio cada parte mostra pastas desta máquina.
  const codigo = new TextDecoder().decode(stdout).replaceAll(/^\/\/ \.\.?\/.*\n/gm, "");
  const de = `${biblioteca}, da biblioteca padrão do Deno (https://jsr.io/@std)`;
  return `// ${de}, num arquivo só.\n// Copyright the Deno authors. MIT license.\n\n${codigo}`;
}
