import { assert, assertEquals } from "@std/assert";
import { MAPA, RAIZ } from "./apoio.ts";

/** O que `deno compile` lista como embutido, sem baixar o runtime: DENORT_BIN o substitui. */
async function embutidos(programa: string): Promise<string[]> {
  const pasta = await Deno.makeTempDir();
  try {
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["compile", ...MAPA, "--allow-net", "--output", `${pasta}/programa`, `${programa}.ts`],
      cwd: RAIZ,
      env: { DENORT_BIN: Deno.execPath(), NO_COLOR: "1" },
      stderr: "piped",
    }).output();
    const texto = new TextDecoder().decode(stderr);
    assertEquals(code, 0, texto);
    return texto.split("\n").flatMap((linha) => /^[├└]─[─┬] (\S+)/.exec(linha)?.[1] ?? []);
  } finally {
    await Deno.remove(pasta, { recursive: true });
  }
}

Deno.test("deno compile embute os módulos de cada programa, a biblioteca padrão e mais nada", async () => {
  const esperados = {
    servidor: ["cliente.ts", "mensagem.ts", "servidor.ts"],
    cliente: ["cliente.ts", "mensagem.ts"],
  };
  for (const [programa, modulos] of Object.entries(esperados)) {
    const achados = await embutidos(programa);
    assertEquals(achados.filter((nome) => nome.endsWith(".ts")), modulos);
    const outros = achados.filter((nome) => !nome.endsWith(".ts"));
    for (const outro of outros) {
      assert(/^\.deno_compile_node_modules\/.*deno-std/.test(outro), outro);
    }
  }
});
