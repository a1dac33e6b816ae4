/**
 * As setas da casa: quem conhece quem, e o que fica em cada sala. Os dois programas conhecem
 * mensagem.ts e lib/, e não um ao outro; mensagem.ts conhece lib/; lib/ não conhece nada acima
 * de si, não tem classes nem palavras do protocolo, e poderia mudar de casa como está.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { parse } from "npm:@babel/parser@8.1.2";
import { RAIZ } from "../apoio.ts";

/** Os três módulos pedidos, e a única classe de cada um. */
const MODULOS = { "cliente.ts": "Cliente", "mensagem.ts": "Mensagem", "servidor.ts": "Servidor" };

/** Salas do que não é o programa: podem ter classes suas, e falar com a rede. */
const FORA_DO_PROGRAMA = /^(tests|ferramentas|exemplos|bench)\//;

/** Pastas que não são do projeto. */
const NAO_SAO_DA_CASA = ["dist", "node_modules"];

/** O que abre uma conexão, ou a aceita. */
const REDE = ["connect", "connectTls", "listen", "listenTls", "startTls"];

/** As palavras do protocolo, e os nomes das três classes. */
const PROTOCOLO = /\bPUT\b|\bGET\b|REPLICATION|TRY_OTHER|JOIN|Mensagem\b|Servidor\b|Cliente\b/;

/** Um nó da árvore de um arquivo. */
interface No {
  readonly type: string;
  readonly [campo: string]: unknown;
}

/** Um arquivo TypeScript do projeto. */
interface Arquivo {
  readonly caminho: string;
  readonly fonte: string;
  /** Todos os nós da árvore. */
  readonly nos: readonly No[];
  /** As declarações de topo, exportadas ou não. */
  readonly topo: readonly No[];
}

/** Os arquivos .ts de uma pasta e das que ela tem, por caminho. */
async function* acharFontes(pasta = ""): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(new URL(pasta, RAIZ))) {
    if (isDirectory && !name.startsWith(".") && !NAO_SAO_DA_CASA.includes(name)) {
      yield* acharFontes(`${pasta}${name}/`);
    } else if (name.endsWith(".ts")) yield pasta + name;
  }
}

function* todosOsNos(valor: unknown): Generator<No> {
  if (Array.isArray(valor)) { for (const item of valor) yield* todosOsNos(item); }
  else if (typeof valor === "object" && valor !== null) {
    if ("type" in valor && typeof valor.type === "string") yield valor as No;
    for (const dentro of Object.values(valor)) yield* todosOsNos(dentro);
  }
}

async function lerArquivo(caminho: string): Promise<Arquivo> {
  const fonte = await Deno.readTextFile(new URL(caminho, RAIZ));
  const { body } = parse(fonte, { sourceType: "module", plugins: ["typescript"] }).program;
  const topo = (body as unknown as No[]).map((comando) =>
    /^Export(Named|Default)Declaration$/.test(comando.type) && comando.declaration
      ? comando.declaration as No
      : comando
  );
  return { caminho, fonte, nos: [...todosOsNos(body)], topo };
}

const CASA = await Promise.all((await Array.fromAsync(acharFontes())).sort().map(lerArquivo));
const DA_LIB = CASA.filter(({ caminho }) => caminho.startsWith("lib/"));
const DO_PROGRAMA = CASA.filter(({ caminho }) => !FORA_DO_PROGRAMA.test(caminho));
const { imports } = JSON.parse(await Deno.readTextFile(new URL("deno.json", RAIZ)));

/** O que um arquivo importa, de qualquer maneira: caminhos a partir da raiz, ou nomes de fora. */
function importados({ caminho, nos }: Arquivo): string[] {
  const textos = nos.flatMap((no) => {
    if (no.type === "CallExpression" && (no.callee as No).type === "Import") {
      return [(no.arguments as No[])[0]!];
    }
    return /^(Import|Export\w+)Declaration$|^ImportExpression$|^TSImportType$/.test(no.type) &&
        no.source
      ? [no.source as No]
      : [];
  });
  return textos.map((texto) => {
    const { value } = texto;
    if (typeof value !== "string") {
      throw new TypeError(`${caminho}: import que só se sabe ao rodar`);
    }
    if (!value.startsWith(".")) return value;
    return new URL(value, new URL(caminho, RAIZ)).href.slice(RAIZ.href.length);
  });
}

/** O nome de uma classe, ou como se diz que não o tem. */
const nomeDaClasse = ({ id }: No) => (id as { name: string } | null)?.name ?? "(sem nome)";

const eClasse = ({ type }: No) => type === "ClassDeclaration" || type === "ClassExpression";

/** O que há de errado em cada arquivo, uma linha cada: para que uma falha diga tudo de uma vez. */
function queixas(arquivos: readonly Arquivo[], examinar: (arquivo: Arquivo) => string[]) {
  return arquivos.flatMap((arquivo) =>
    examinar(arquivo).map((oQue) => `${arquivo.caminho}: ${oQue}`)
  );
}

/** Os imports que não são de uma lista de fora, nem de onde `deDentro` deixa. */
function importsProibidos(arquivos: readonly Arquivo[], deDentro: RegExp) {
  return queixas(
    arquivos,
    (arquivo) =>
      importados(arquivo).filter((nome) =>
        !deDentro.test(nome) && !nome.startsWith("node:") && !Object.hasOwn(imports, nome)
      ),
  );
}

Deno.test("a casa tem os três módulos, lib/ e os seus testes", () => {
  const caminhos = CASA.map(({ caminho }) => caminho);
  for (const modulo of Object.keys(MODULOS)) assert(caminhos.includes(modulo), modulo);
  assert(DA_LIB.length > 10 && caminhos.includes("tests/projeto/casa_test.ts"));
});

Deno.test("lib/ só importa lib/, a biblioteca padrão e o que o Deno traz", () => {
  assertEquals(importsProibidos(DA_LIB, /^lib\//), []);
});

Deno.test("os módulos só importam o que está abaixo: mensagem.ts e lib/, e não um ao outro", () => {
  const de = (modulo: string) => CASA.filter(({ caminho }) => caminho === modulo);
  assertEquals(importsProibidos(de("mensagem.ts"), /^lib\//), []);
  assertEquals(importsProibidos(de("servidor.ts"), /^(lib\/|mensagem\.ts$)/), []);
  assertEquals(importsProibidos(de("cliente.ts"), /^(lib\/|mensagem\.ts$)/), []);
});

Deno.test("a ponte só conhece mensagem.ts e lib/, e nem o servidor nem o cliente", () => {
  const daPonte = CASA.filter(({ caminho }) => caminho.startsWith("ponte/"));
  assert(daPonte.length > 2);
  assertEquals(importsProibidos(daPonte, /^(lib\/|mensagem\.ts$|ponte\/)/), []);
});

Deno.test("cada módulo tem uma classe de topo, a pedida, e fora deles o programa não tem nenhuma", () => {
  for (const { caminho, topo } of DO_PROGRAMA) {
    if (!Object.hasOwn(MODULOS, caminho)) continue;
    const classes = topo.filter(eClasse).map(nomeDaClasse);
    assertEquals(classes, [MODULOS[caminho as keyof typeof MODULOS]], caminho);
  }
  const outras = queixas(DO_PROGRAMA, ({ caminho, nos }) => {
    if (Object.hasOwn(MODULOS, caminho)) return [];
    return nos.filter(eClasse).map((classe) => `class ${nomeDaClasse(classe)}`);
  });
  assertEquals(outras, []);
});

Deno.test("lib/ não tem uma palavra do protocolo, nem num comentário", () => {
  const palavras = queixas(
    DA_LIB,
    ({ fonte }) =>
      fonte.split("\n").flatMap((linha, n) =>
        PROTOCOLO.test(linha) ? [`linha ${n + 1}: ${linha.trim()}`] : []
      ),
  );
  assertEquals(palavras, []);
});

Deno.test("só os três módulos abrem conexões e as aceitam", () => {
  const outros = queixas(DO_PROGRAMA, ({ caminho, nos }) => {
    if (Object.hasOwn(MODULOS, caminho)) return [];
    return nos.flatMap((no) => {
      if (no.type !== "MemberExpression" || (no.object as No).name !== "Deno") return [];
      const { name, value } = no.property as { name?: string; value?: string };
      const nome = name ?? String(value);
      return REDE.includes(nome) ? [`Deno.${nome}`] : [];
    });
  });
  assertEquals(outros, []);
});
