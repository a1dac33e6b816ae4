import { assert, assertEquals, assertThrows } from "@std/assert";
import { strFromU8, unzipSync } from "npm:fflate@0.8.3";
import { extractText, getDocumentProxy } from "npm:unpdf@1.8.1";
import { ARQUIVOS, lerFontes, lerRelatorio } from "../../ferramentas/relatorio/arquivos.ts";
import { lerCitacoes, linhasDe, numerar } from "../../ferramentas/relatorio/citacoes.ts";
import { acharIntervalo } from "../../ferramentas/relatorio/intervalos.ts";
import { MAPA, RAIZ } from "../apoio.ts";

/** Uma citação com as linhas, como o PDF a tem. */
interface Numerada {
  readonly arquivo: string;
  readonly primeira: number;
  readonly ultima: number;
  readonly nome: string;
}

/** As citações, com as linhas, de um texto. */
function numeradasDe(texto: string): Numerada[] {
  const forma = /\[([\w/-]+\.ts), linhas? (\d+)(?:–(\d+))?: ([^\]]+)\]/g;
  return [...texto.matchAll(forma)].map(([, arquivo, primeira, ultima, nome]) => ({
    arquivo: arquivo!,
    primeira: Number(primeira),
    ultima: Number(ultima ?? primeira),
    nome: nome!,
  }));
}

/** Um arquivo com o que pode confundir: chaves em textos, comentários perto e longe, uma classe dentro. */
const FONTE = `/** O módulo. */

/** Um limite. */
export const LIMITE = 1;

// === A classe ===

/** Uma classe. */
export class Servidor {
  // --- Conexões ---
  // Seção 5b. Recebe tudo.

  /** Longe: não documenta o método. */

  #aceitar(): string {
    return "}}}";
  }

  /**
   * Seção 5c. Um PUT
   * em duas linhas.
   */
  #tratar(): void {
    const texto = \`\${"}"} {\`;
  }

  // --- A outra thread ---

  static readonly Outra = class Outra {
    #tratar(): void {}
  };
}

function fora(): void {
  /** De dentro. */
  function dentro() {}
}
`;

Deno.test("acharIntervalo() vai do comentário de um símbolo até onde ele acaba", () => {
  const achar = (nome: string) => {
    const { primeira, ultima } = acharIntervalo({ "a.ts": FONTE }, "a.ts", nome);
    return [primeira, ultima];
  };
  assertEquals(achar("LIMITE"), [3, 4]);
  assertEquals(achar("Servidor"), [8, 32]);
  assertEquals(achar("#aceitar"), [15, 17]);
  assertEquals(achar("Servidor.#tratar"), [19, 25]);
  assertEquals(achar("Outra.#tratar"), [30, 30]);
  assertEquals(achar("fora"), [34, 37]);
  assertEquals(achar("fora.dentro"), [35, 36]);
});

Deno.test("acharIntervalo() acha um trecho, ou o que um comentário documenta, pelo seu começo", () => {
  const achar = (nome: string) => {
    const { primeira, ultima } = acharIntervalo({ "a.ts": FONTE }, "a.ts", nome);
    return [primeira, ultima];
  };
  assertEquals(achar("Seção 5c. Um PUT em duas"), [19, 25]);
  assertEquals(achar("Conexões"), [10, 25]);
  assertEquals(achar("Seção 5b. Recebe"), [11, 25]);
  assertEquals(achar("A outra thread"), [27, 31]);
  assertEquals(achar("A classe"), [6, 37]);
});

Deno.test("acharIntervalo() recusa um nome que não há, ou que há mais de uma vez", () => {
  const achar = (arquivo: string, nome: string) => () =>
    acharIntervalo({ "a.ts": FONTE }, arquivo, nome);
  assertThrows(achar("a.ts", "#nada"), Error, 'a.ts não tem "#nada"');
  assertThrows(achar("a.ts", "#tratar"), Error, 'mais de um "#tratar": nas linhas 19, 30');
  assertThrows(achar("b.ts", "LIMITE"), Error, "b.ts não é um dos arquivos da entrega");
});

Deno.test("numerar() põe as linhas em cada citação, e só nelas", () => {
  const fontes = { "a.ts": FONTE };
  assertEquals(
    numerar("Em [a.ts: LIMITE], [a.ts:\nA outra\n  thread] e [a.ts: Outra.#tratar][1].", fontes),
    "Em [a.ts, linhas 3–4: LIMITE], [a.ts,\nlinhas 27–31: A outra\n  thread] " +
      "e [a.ts, linha 30: Outra.#tratar][1].",
  );
});

Deno.test("numerar() recusa uma citação mal escrita, com números ou de um nome que não há", () => {
  const tentar = (texto: string) => () => numerar(texto, { "a.ts": FONTE });
  assertThrows(tentar("Em [a.ts, LIMITE]"), SyntaxError, 'mal escrita: "[a.ts, LIMITE]"');
  assertThrows(tentar("Em [a.ts, linhas 3–4: LIMITE]"), SyntaxError, "mal escrita");
  assertThrows(tentar("Em [a.ts: LIMITES]"), Error, 'a.ts não tem "LIMITES"');
});

Deno.test("cada citação de docs/relatorio.md se acha no código (deno task relatorio as mostra)", async () => {
  const [texto, fontes] = [await lerRelatorio(), await lerFontes()];
  const citacoes = lerCitacoes(texto);
  assert(citacoes.length > 50, `só ${citacoes.length} citações`);
  const perdidas = citacoes.flatMap((citacao) => {
    try {
      return linhasDe(citacao, fontes) ? [] : [citacao.nome];
    } catch (erro) {
      return [(erro as Error).message];
    }
  });
  assertEquals(perdidas, []);
});

Deno.test("docs/relatorio.md não tem números, que uma linha a mais no código faria velhos", async () => {
  const [texto, fontes] = [await lerRelatorio(), await lerFontes()];
  assert(!/\blinhas?\s+\d/.test(texto));
  const maisUma = { ...fontes, "servidor.ts": `// Uma linha.\n${fontes["servidor.ts"]}` };
  const [antes, depois] = [fontes, maisUma].map((estas) =>
    numeradasDe(numerar("[servidor.ts: #tratarGet]", estas))[0]!.primeira
  );
  assertEquals(depois, antes! + 1);
});

Deno.test("docs/relatorio.md tem as partes I a VII e cita cada função das seções 4 e 5", async () => {
  const texto = await lerRelatorio();
  const partes = [...texto.matchAll(/^## ([IV]+)\. /gm)].map(([, parte]) => parte);
  assertEquals(partes, ["I", "II", "III", "IV", "V", "VI", "VII"]);
  for (const funcao of ["4a", "4b", "4c", "5a", "5b", "5c", "5d", "5e", "5f"]) {
    const secao = texto.split(`\n### ${funcao}. `)[1]?.split(/\n##/)[0] ?? "";
    assert(lerCitacoes(secao).length > 0, `a seção ${funcao} não cita o código`);
  }
  for (const lado of ["No servidor", "No cliente"]) {
    const secao = texto.split(`\n### ${lado}\n`)[1]?.split(/\n##/)[0] ?? "";
    assert(lerCitacoes(secao).length > 0, `as threads, "${lado}", não citam o código`);
  }
});

// === A entrega ===============================================================

async function entregar(
  ...args: string[]
): Promise<{ code: number; saida: string; erros: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-q",
      ...MAPA,
      "--allow-read",
      "--allow-write",
      "--allow-run",
      "ferramentas/entrega.ts",
      ...args,
    ],
    cwd: RAIZ,
    env: { NO_COLOR: "1" },
  }).output();
  const texto = new TextDecoder();
  return { code, saida: texto.decode(stdout), erros: texto.decode(stderr) };
}

/** O texto de cada página de um PDF, com os espaços de uma linha só. */
async function paginasDe(pdf: Uint8Array): Promise<string[]> {
  const { text } = await extractText(await getDocumentProxy(pdf), { mergePages: false });
  return text.map((pagina) => pagina.replaceAll(/\s+/g, " "));
}

Deno.test("entrega sem campos diz quais faltam, e um que não serve, numa linha, e sai com 2", async () => {
  const casos: [string[], string][] = [
    [[], "Faltam --nome, --ra e --video; veja --ajuda"],
    [["--ra=1120", "--nome=Ana"], "Falta --video; veja --ajuda"],
    [["--ra=a/b"], '--ra: deve ter só dígitos: "a/b"'],
    [["--ra=abc", "--nome=Ana"], '--ra: deve ter só dígitos: "abc"'],
    [["--video=youtube"], '--video: deve ser um endereço https: "youtube"'],
    [["--nom=Ana"], 'Opção desconhecida: "--nom=Ana"; veja --ajuda'],
  ];
  const resultados = await Promise.all(casos.map(([args]) => entregar(...args)));
  for (const [n, [, esperado]] of casos.entries()) {
    assertEquals(resultados[n], { code: 2, saida: "", erros: `ERRO: ${esperado}\n` });
  }
});

Deno.test("entrega faz o PDF e o ZIP que a seção 9 pede, e o código do ZIP roda sozinho", async (t) => {
  const pasta = await Deno.makeTempDir();
  const [nome, ra, video] = ["Conceição d'Ávila *Ñ*", "11202200001", "https://youtu.be/a_b_c"];
  try {
    const argumentos = [`--nome=${nome}`, `--ra=${ra}`, `--video=${video}`, `--pasta=${pasta}`];
    const { code, erros } = await entregar(...argumentos);
    assertEquals({ code, erros }, { code: 0, erros: "" });
    const pdf = await Deno.readFile(`${pasta}/relatorio.pdf`);
    const zip = unzipSync(await Deno.readFile(`${pasta}/${ra}.zip`));

    await t.step("o PDF tem o nome, o RA, o vídeo e todas as partes", async () => {
      assertEquals(strFromU8(pdf.slice(0, 5)), "%PDF-");
      const paginas = await paginasDe(pdf.slice());
      assert(paginas.length > 3, `só ${paginas.length} páginas`);
      const inteiro = paginas.join(" ");
      for (const trecho of [`Nome: ${nome}`, `RA: ${ra}`, video, "VII. Os lugares"]) {
        assert(inteiro.includes(trecho), trecho);
      }
      assert(!inteiro.includes("{{"), "ficou um campo por preencher");
    });

    await t.step("o PDF diz as linhas de cada citação, e são as do código do ZIP", async () => {
      const numeradas = numeradasDe((await paginasDe(pdf.slice())).join(" "));
      assertEquals(
        numeradas.map(({ arquivo, nome }) => `${arquivo}: ${nome}`),
        lerCitacoes(await lerRelatorio()).map(({ arquivo, nome }) => `${arquivo}: ${nome}`),
      );
      const simbolos = numeradas.filter(({ nome }) => /^[\w.#]+$/.test(nome));
      assert(simbolos.length > 40, `só ${simbolos.length} símbolos`);
      for (const { arquivo, primeira, ultima, nome } of simbolos) {
        const linhas = strFromU8(zip[`fonte/${arquivo}`]!).split("\n").slice(primeira - 1, ultima);
        const onde = `${arquivo}, linhas ${primeira}–${ultima}: ${nome}`;
        // Do comentário, se há, à declaração; e ela acaba na última linha, e não antes.
        const declaracao = linhas.find((linha) => !/^ *(\/?\*|\*\/)/.test(linha)) ?? "";
        assert(declaracao.includes(nome.split(".").at(-1)!), `${onde}: ${declaracao}`);
        assert(/[;})\]]$/.test(linhas.at(-1)!), `${onde}: ${linhas.at(-1)}`);
        const recuo = /^ */.exec(declaracao)![0];
        assert(linhas.at(-1)!.startsWith(recuo), `${onde}: ${linhas.at(-1)}`);
      }
    });

    await t.step("o índice diz em que página cada título está", async () => {
      const [capa, ...resto] = await paginasDe(pdf.slice());
      const indice = capa!.split("Índice ")[1]!;
      const titulos = [...(await lerRelatorio()).matchAll(/^##+ (.*)$/gm)].map(([, titulo]) =>
        titulo!
      );
      for (const titulo of titulos) {
        const literal = titulo.replaceAll(/[.()]/g, "\\$&");
        const pagina = Number(new RegExp(`${literal} (\\d+)`).exec(indice)?.[1]);
        assert(resto[pagina - 2]?.includes(titulo), `"${titulo}" não está na página ${pagina}`);
      }
    });

    await t.step("o ZIP tem o PDF, as três classes e as bibliotecas, e mais nada", async () => {
      const nossa = [...Deno.readDirSync(new URL("lib", RAIZ))].map(({ name }) => `lib/${name}`);
      assertEquals(Object.keys(zip).sort(), [
        `${ra}.pdf`,
        "fonte/biblioteca/parse-args.js",
        "fonte/biblioteca/text-line-stream.js",
        "fonte/cliente.ts",
        "fonte/deno.json",
        ...nossa.map((arquivo) => `fonte/${arquivo}`).sort(),
        "fonte/mensagem.ts",
        "fonte/servidor.ts",
      ]);
      assertEquals(zip[`${ra}.pdf`], pdf);
      for (const arquivo of [...ARQUIVOS, ...nossa]) {
        assertEquals(
          strFromU8(zip[`fonte/${arquivo}`]!),
          await Deno.readTextFile(new URL(arquivo, RAIZ)),
        );
      }
    });

    await t.step("os dois programas rodam sem mais nada, e sem rede", async () => {
      for (const dentro of ["biblioteca", "lib"]) {
        await Deno.mkdir(`${pasta}/fonte/${dentro}`, { recursive: true });
      }
      for (const [caminho, bytes] of Object.entries(zip)) {
        await Deno.writeFile(`${pasta}/${caminho}`, bytes);
      }
      for (const programa of ["servidor", "cliente"]) {
        const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
          args: ["run", "-q", "--no-remote", "--no-npm", `${programa}.ts`, "--versao"],
          cwd: `${pasta}/fonte`,
        }).output();
        const texto = new TextDecoder();
        assertEquals(texto.decode(stderr), "");
        assert(texto.decode(stdout).startsWith(`${programa} `));
      }
    });

    await t.step("as tarefas rodam só com o que vai no ZIP", async () => {
      const { tasks } = JSON.parse(strFromU8(zip["fonte/deno.json"]!));
      const tarefas = { server: "servidor ", client: "cliente " };
      const compilam = ["compile", "compile:linux", "compile:mac"];
      assertEquals(Object.keys(tasks), [...Object.keys(tarefas), ...compilam]);
      for (const nome of compilam) {
        for (const [modulo] of tasks[nome].matchAll(/\S+\.ts\b/g)) assert(zip[`fonte/${modulo}`]);
      }
      for (const [tarefa, comeco] of Object.entries(tarefas)) {
        const { stdout } = await new Deno.Command(Deno.execPath(), {
          args: ["task", "-q", tarefa, "--versao"],
          cwd: `${pasta}/fonte`,
        }).output();
        assert(new TextDecoder().decode(stdout).startsWith(comeco), tarefa);
      }
    });
  } finally {
    await Deno.remove(pasta, { recursive: true });
  }
});
