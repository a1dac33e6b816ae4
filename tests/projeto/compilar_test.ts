import { assert, assertEquals } from "@std/assert";
import { comandoDe, type Programa, PROGRAMAS, SISTEMAS } from "../../ferramentas/compilar.ts";
import { MAPA, RAIZ } from "../apoio.ts";

/** Este sistema: o runtime que se tem à mão é o dele. */
const SISTEMA = Deno.build.os === "windows"
  ? "windows"
  : Deno.build.os === "darwin"
  ? "mac"
  : "linux";

/** O que `deno compile` lista como embutido, sem baixar o runtime: DENORT_BIN o substitui. */
async function embutidos(programa: Programa): Promise<string[]> {
  const pasta = await Deno.makeTempDir();
  try {
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: comandoDe(programa, SISTEMA, { pasta, mapa: MAPA }),
      cwd: RAIZ,
      env: { DENORT_BIN: Deno.execPath(), NO_COLOR: "1" },
      stderr: "piped",
    }).output();
    const texto = new TextDecoder().decode(stderr);
    assertEquals(code, 0, texto);
    const nome = /(\w+)\.ts$/.exec(programa)![1];
    assert((await Deno.stat(`${pasta}/${nome}${SISTEMAS[SISTEMA].fim}`)).isFile);
    return caminhos(texto);
  } finally {
    await Deno.remove(pasta, { recursive: true });
  }
}

/** Os arquivos da árvore que `deno compile` desenha, com as suas pastas. */
function caminhos(texto: string): string[] {
  const pastas: string[] = [];
  return texto.split("\n").flatMap((linha) => {
    const [, recuo, ramo, nome] = /^((?:[│ ] )*)[├└]─([─┬])\s+(\S+)/.exec(linha) ?? [];
    if (recuo === undefined) return [];
    pastas.length = recuo.length / 2;
    const caminho = [...pastas, nome!].join("/");
    pastas.push(nome!);
    return ramo === "┬" ? [] : [caminho];
  });
}

/** Um módulo, como `deno info --json` o diz; de uma importação só de tipos, nada se executa. */
interface Modulo {
  readonly specifier: string;
  readonly dependencies?: readonly { readonly code?: { readonly specifier?: string } }[];
}

/** Os módulos que um programa executa: os que importa, e os que eles importam, por caminho. */
async function modulosDe(programa: Programa): Promise<string[]> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", ...MAPA, "--json", programa],
    cwd: RAIZ,
  }).output();
  const { roots, modules } = JSON.parse(new TextDecoder().decode(stdout)) as {
    roots: string[];
    modules: Modulo[];
  };
  const achados = new Set(roots);
  for (const achado of achados) {
    const modulo = modules.find(({ specifier }) => specifier === achado);
    for (const { code } of modulo?.dependencies ?? []) {
      if (code?.specifier) achados.add(code.specifier);
    }
  }
  const raiz = RAIZ.href;
  return [...achados].filter((specifier) => specifier.startsWith(raiz))
    .map((specifier) => specifier.slice(raiz.length)).sort();
}

Deno.test("deno compile embute os módulos de cada programa, a biblioteca padrão e mais nada", async () => {
  const programas = Object.keys(PROGRAMAS) as Programa[];
  for (const programa of programas) {
    const achados = await embutidos(programa);
    const modulos = await modulosDe(programa);
    // De uma pasta com muitos arquivos ele mostra só o resumo: "lib/*", "ponte/*".
    const resumidas = achados.filter((nome) => /^(lib|ponte)\/\*$/.test(nome));
    assertEquals(
      achados.filter((nome) => nome.endsWith(".ts")).sort(),
      modulos.filter((nome) => !resumidas.some((pasta) => nome.startsWith(pasta.slice(0, -1)))),
    );
    // Um programa não leva o outro.
    assertEquals(modulos.filter((nome) => programas.some((outro) => outro === nome)), [programa]);
    const outros = achados.filter((nome) => !nome.endsWith(".ts") && !resumidas.includes(nome));
    for (const outro of outros) {
      assert(/^\.deno_compile_node_modules\/.*deno-std/.test(outro), outro);
    }
  }
});
