/**
 * Os comandos que README.md, docs/ e os comentários mostram: cada tarefa existe, e cada programa
 * aceita as opções com que é mostrado. Nada é posto a trabalhar: todos ganham um `--ajuda`.
 * (Os de "Como biblioteca", no README, são de biblioteca_test.ts.)
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { fazerCertificados } from "../../exemplos/certificados.ts";
import { MAPA, RAIZ } from "../apoio.ts";

/** O que vem antes de um comando, numa linha de um bloco. */
const ANTES = /^(?:console \d+ +|start "[^"]*" cmd \/k )?/;

/** Onde um comando acaba, numa linha de um bloco: um comentário, outra coluna, um redirecionamento. */
const DEPOIS = /\s+(?:#|<|\s\S).*$/;

/** Um comando: o Deno, também por npx, ou um dos programas compilados. */
const COMANDO = /^(?:npx -y deno@[\d.]+|deno|dist\\(?:servidor|cliente)\.exe)(?: |$)/;

/** Os comandos que um texto mostra: nos blocos de código, e entre crases. */
function acharComandos(texto: string): string[] {
  const linhas: string[] = [];
  const prosa = texto.replaceAll(/^```[^\n]*\n(.*?)^```/gms, (_, bloco: string) => {
    linhas.push(...bloco.replaceAll(/ *\\\n\s*/g, " ").split("\n"));
    return "";
  }).replaceAll(/^ {4,}.*$/gm, (linha) => {
    linhas.push(linha.trim());
    return "";
  });
  const entreCrases = [...prosa.matchAll(/`([^`]+)`/g)].map(([, dentro]) =>
    dentro!.replaceAll(/\s+/g, " ")
  );
  return [...linhas.map((linha) => linha.replace(ANTES, "")), ...entreCrases]
    .map((linha) => linha.replace(DEPOIS, "").trim()).filter((linha) => COMANDO.test(linha));
}

/** Os comentários de uma fonte, sem o que os desenha. */
function comentariosDe(fonte: string): string {
  return fonte.split("\n").flatMap((linha) => {
    const [, dentro] = /^\s*(?:\/\*\*|\*\/|\*|\/\/) ?(.*?)(?:\*\/)?$/.exec(linha) ?? [];
    return dentro === undefined ? [] : [dentro];
  }).join("\n");
}

/** As palavras de um comando, como um shell as separa. */
function separar(comando: string): string[] {
  return [...comando.matchAll(/(?:[^\s"]+|"[^"]*")+/g)].map(([palavra]) =>
    palavra.replaceAll('"', "")
  );
}

/** Os arquivos do projeto com um destes fins, por caminho. */
function* arquivos(fim: RegExp, pasta = ""): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(new URL(pasta, RAIZ))) {
    if (isDirectory && !/^\.|^(dist|node_modules)$/.test(name)) {
      yield* arquivos(fim, `${pasta}${name}/`);
    } else if (fim.test(name)) yield pasta + name;
  }
}

const ler = (caminho: string) => Deno.readTextFileSync(new URL(caminho, RAIZ));
const { tasks } = JSON.parse(ler("deno.json")) as {
  tasks: { [nome: string]: { description: string; command: string } };
};

/** Todos os comandos mostrados, cada um uma vez, e onde. */
function recolher(): Map<string, string> {
  const achados = new Map<string, string>();
  const guardar = (onde: string, texto: string) => {
    for (const comando of acharComandos(texto)) achados.set(comando, onde);
  };
  for (const nome of arquivos(/\.md$/)) guardar(nome, ler(nome));
  for (const nome of arquivos(/\.ts$/)) guardar(nome, comentariosDe(ler(nome)));
  for (const { description } of Object.values(tasks)) {
    guardar("deno.json", description.replaceAll(/\((deno [^)]*)\)/g, "`$1`"));
  }
  return achados;
}

/** O que um comando pede: uma tarefa, ou um programa do projeto com o que o Deno e ele recebem. */
interface Pedido {
  readonly tarefa?: string;
  readonly programa?: string;
  readonly doDeno: readonly string[];
  readonly args: readonly string[];
}

function entender(comando: string): Pedido {
  const palavras = separar(comando.replace(/^npx -y deno@\S+/, "deno"));
  const compilado = /^dist\\(\w+)\.exe$/.exec(palavras[0]!);
  if (compilado) return { programa: `${compilado[1]}.ts`, doDeno: [], args: palavras.slice(1) };
  const [, subcomando, ...resto] = palavras;
  const n = resto.findIndex((palavra) => !palavra.startsWith("-"));
  if (n < 0 || (subcomando !== "task" && subcomando !== "run")) return { doDeno: [], args: [] };
  const [doDeno, alvo, args] = [resto.slice(0, n), resto[n]!, resto.slice(n + 1)];
  if (subcomando === "run") return { programa: alvo, doDeno, args };
  const programa = tasks[alvo]?.command.match(/\S+\.ts\b/g)?.at(-1);
  return { tarefa: alvo, doDeno: [], args, ...(args.length > 0 && programa ? { programa } : {}) };
}

/** Roda o Deno sem entrada nem terminal; devolve o que ele reclama, ou "". */
async function queixa(args: readonly string[], cwd: string | URL): Promise<string> {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd,
    stdin: "null",
    env: { NO_COLOR: "1" },
  }).output();
  return code === 0 ? "" : new TextDecoder().decode(stderr) || `saiu com ${code}`;
}

/** Uma pasta com os arquivos que os comandos mostrados dizem que há. */
async function criarPasta(): Promise<string> {
  const pasta = await Deno.makeTempDir();
  await Deno.writeTextFile(`${pasta}/segredo.txt`, "um segredo de teste, comprido", {
    mode: 0o600,
  });
  await Deno.mkdir(`${pasta}/certificados`);
  for (const [nome, pem] of Object.entries(await fazerCertificados(["127.0.0.1"]))) {
    await Deno.writeTextFile(`${pasta}/certificados/${nome}.pem`, pem, { mode: 0o600 });
  }
  return pasta;
}

/** Os programas que só recebem arquivos, sem opções: não têm `--ajuda`. */
const SEM_AJUDA = ["bench/grafico.ts", "bench/piso.ts", "ferramentas/diagrama.ts"];

Deno.test("acharComandos() acha os dos blocos e os entre crases, sem o que vem depois", () => {
  const texto = [
    "Rode `deno task\nserver --porta=1`, ou `cliente put`; o deno task solto não conta.",
    "```sh",
    "deno task client < pedidos.txt",
    "deno task bench -- --c=1     # com um comentário",
    'console 3    deno task -q server --nome="A B" \\',
    "  --atraso=1    na segunda pergunta, 10099",
    "npx -y deno@2.9.6 task demo",
    'start "lider" cmd /k dist\\servidor.exe --ip=127.0.0.1',
    "```",
    "    deno run a.ts b",
  ].join("\n");
  assertEquals(acharComandos(texto), [
    "deno task client",
    "deno task bench -- --c=1",
    'deno task -q server --nome="A B" --atraso=1',
    "npx -y deno@2.9.6 task demo",
    "dist\\servidor.exe --ip=127.0.0.1",
    "deno run a.ts b",
    "deno task server --porta=1",
  ]);
  assertEquals(separar('deno task -q server --nome="A B" c').slice(3), [
    "server",
    "--nome=A B",
    "c",
  ]);
});

Deno.test("cada comando mostrado é de uma tarefa que existe, e o programa aceita as suas opções", async () => {
  const comandos = [...recolher()];
  assert(comandos.length > 40, `só ${comandos.length} comandos`);
  const pasta = await criarPasta();
  try {
    const experimentar = async (comando: string): Promise<string> => {
      const { tarefa, programa, doDeno, args } = entender(comando);
      if (tarefa !== undefined && !(tarefa in tasks)) return `não há a tarefa "${tarefa}"`;
      if (programa === undefined || comando.includes("../kv/")) return "";
      // As opções do Deno, com um programa vazio: o verdadeiro poria mãos à obra.
      if (doDeno.length > 0) {
        const recusa = await queixa(["run", ...doDeno, "-"], RAIZ);
        if (recusa !== "") return recusa;
      }
      const modulo = new URL(programa, RAIZ);
      if (SEM_AJUDA.includes(programa)) return (await Deno.stat(modulo)).isFile ? "" : programa;
      return await queixa(["run", "-q", ...MAPA, "-A", modulo.href, ...args, "--ajuda"], pasta);
    };
    const queixas = await Promise.all(comandos.map(async ([comando, onde]) => {
      const recusa = await experimentar(comando);
      return recusa === "" ? [] : [`${onde}: ${comando}\n  ${recusa.trim()}`];
    }));
    assertEquals(queixas.flat().join("\n"), "");
  } finally {
    await Deno.remove(pasta, { recursive: true });
  }
});

Deno.test("a versão do Deno que se pede ao npx é uma só", () => {
  const textos = [...arquivos(/\.(md|ts)$/), ".ci/run"].map(ler).join("\n");
  const versoes = new Set(textos.match(/\bdeno@\d[\d.]*\d/g));
  assertEquals([...versoes].length, 1, [...versoes].join(", "));
});

Deno.test("o menu de `deno task` lê-se: cada tarefa com uma frase curta e um comando que cabe", () => {
  for (const [nome, { description, command }] of Object.entries(tasks)) {
    assert(description.length > 10 && description.length <= 75, `${nome}: ${description}`);
    // O servidor leva também o ambiente do malloc e as opções do V8.
    const cabem = nome === "server" ? 190 : 150;
    assert(command.length <= cabem, `${nome}: ${command.length} caracteres`);
  }
  assertEquals(Object.keys(tasks).slice(0, 3), ["demo", "server", "client"]);
});
